"""Tables of medians, and the document they are written to."""

import math
import os
import platform
import re
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "BENCHMARKS.md"
HEAD: Final = """# Benchmarks · 基准测试

Written by `bash run.sh bench`; `bash run.sh bench NAME` replaces one section. All contenders of a table run in turn,
round after round, in one process or in child processes of one command, so that any other load on the machine affects
all of them. A cell is the median of the rounds, with the smallest and the largest in brackets; a ratio is the median of
the ratios of the rounds. Random weights of the published sizes take the same time as trained ones; they allow no
conclusion about accuracy. The section gpu is written by `python -m benchmarks.gpu` on a machine with a GPU.

由 `bash run.sh bench` 生成。同一张表中的各项逐轮交替运行；表中为各轮的中位数（括号内为最小与最大值），比值为各轮比值的
中位数。随机权重与训练所得权重耗时相同，但不能说明准确率。
gpu 一节由 `python -m benchmarks.gpu` 在有 GPU 的机器上生成。
"""
PACKAGES: Final = ("torch", "onnxruntime", "transformers", "funasr", "numpy")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a section.

    Attributes:
        title: title of the table.
        columns: headings of the columns.
        rows: cells, as many per row as there are columns.
        remarks: sentences below the table.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Returns the table as Markdown."""
        table = [f"| {' | '.join(cells)} |" for cells in (self.columns, ("---",) * len(self.columns), *self.rows)]
        return [f"### {self.title}", "", *table, *(line for remark in self.remarks for line in ("", remark)), ""]


def write_line(line: str) -> None:
    """Prints a line at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Returns the median with the smallest and the largest value: ``0.44 (0.42-0.56)``; ``no`` if a value is NaN."""
    if any(math.isnan(value) for value in values):
        return "no"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def ratio(reference: Sequence[float], values: Sequence[float]) -> str:
    """Returns the median over the rounds of ``reference / values``: how many times faster ``values`` are."""
    if any(math.isnan(value) for value in (*reference, *values)):
        return ""
    return f"{statistics.median(r / v for r, v in zip(reference, values, strict=True)):.2f}"


def cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine(device: str = "no GPU used") -> str:
    """Returns a line that describes the machine; ``device`` describes the GPU, if one was used."""
    flags = set()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        flags = set(re.findall(r"\b(avx2|avx512f|avx512_vnni|avx512_bf16|amx_int8)\b", info.read_text("utf-8")))
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} not installed")
    load = f"; load average at the end {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    vectors = " ".join(sorted(flags)) or "no vector extensions known"
    return (
        f"{cores()}-core {platform.machine()} CPU ({vectors}), {device};"
        f" Python {platform.python_version()}, {', '.join(versions)}{load}"
    )


def write_sections(page: Path, sections: dict[str, list[Table]], command: str, *, device: str = "no GPU used") -> None:
    """Writes sections into the document; each replaces the section of its name, all others stay."""
    old = page.read_text("utf-8") if page.is_file() else ""
    kept = dict(re.findall(r"<!-- (\w+) -->\n(.*?)<!-- end -->", old, re.DOTALL))
    for name, tables in sections.items():
        lines = [f"## {name}", "", f"`{command}`, {machine(device)}.", ""]
        kept[name] = "\n".join([*lines, *(line for table in tables for line in table.lines())])
    body = "\n".join(f"<!-- {name} -->\n{text}<!-- end -->\n" for name, text in kept.items())
    page.write_text(f"{HEAD}\n{body}", encoding="utf-8")
