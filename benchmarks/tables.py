"""Tables of medians, and the page they are kept on."""

import math
import os
import platform
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "BENCHMARKS.md"
HEAD: Final = """# Benchmarks · 基准测试

Written by `bash run.sh bench`; `bash run.sh bench NAME` replaces one section. All contenders of a table run in turn,
round after round, in one process or in child processes of one command, so that whatever else the machine does meets
them all. A cell is the median of the rounds with the smallest and the largest in brackets; a ratio is the median of the
rounds' own ratios. Random weights of the published sizes cost the same time as trained ones, and say nothing about
accuracy. The section gpu is made by `python -m benchmarks.gpu` on a machine with one.

由 `bash run.sh bench` 写成。同一张表中的各项逐轮交替运行；表中为各轮的中位数（括号内为最小与最大值），比值为各轮比值的
中位数。随机权重与训练所得权重耗时相同，但不能说明准确率。
gpu 一节由 `python -m benchmarks.gpu` 在有 GPU 的机器上生成。
"""
PACKAGES: Final = ("torch", "onnxruntime", "transformers", "funasr", "numpy")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a section.

    Attributes:
        title: what was measured.
        columns: heads of the columns.
        rows: cells, as many per row as there are columns.
        remarks: sentences below it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Returns the table as Markdown."""
        table = [f"| {' | '.join(cells)} |" for cells in (self.columns, ("---",) * len(self.columns), *self.rows)]
        return [f"### {self.title}", "", *table, *(line for remark in self.remarks for line in ("", remark)), ""]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Returns the median with the smallest and the largest value: ``0.44 (0.42-0.56)``; ``no`` for what failed."""
    if any(math.isnan(value) for value in values):
        return "no"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def ratio(reference: Sequence[float], values: Sequence[float]) -> str:
    """Returns how many times faster ``values`` are than ``reference``, round by round, as a median."""
    if any(math.isnan(value) for value in (*reference, *values)):
        return ""
    return f"{statistics.median(r / v for r, v in zip(reference, values, strict=True)):.2f}"


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine(device: str = "no GPU used") -> str:
    """Returns one line about where the numbers come from; ``device`` says which GPU, if one was used."""
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
    """Puts sections on the page, in the place of what stood there under their names; the others stay."""
    old = page.read_text("utf-8") if page.is_file() else ""
    kept = dict(re.findall(r"<!-- (\w+) -->\n(.*?)<!-- end -->", old, re.DOTALL))
    for name, tables in sections.items():
        lines = [f"## {name}", "", f"`{command}`, {machine(device)}.", ""]
        kept[name] = "\n".join([*lines, *(line for table in tables for line in table.lines())])
    body = "\n".join(f"<!-- {name} -->\n{text}<!-- end -->\n" for name, text in kept.items())
    page.write_text(f"{HEAD}\n{body}", encoding="utf-8")
