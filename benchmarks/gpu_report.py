"""Runs the parts of ``python -m benchmarks.gpu``, and writes their section of docs/BENCHMARKS.md.

Needs PyTorch, numpy and this project's files, but no weights: these are random. Parts that need more packages (pydantic
for the settings, soundfile and PyAV for files, FunASR for the comparison) are skipped, with a message, if these are
missing. Without a GPU the same steps run on the CPU, which only tests the script.
"""

import argparse
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import torch

from benchmarks.gpu_network import compiled, correctness, draw_network, profile, sizes, speed, stages
from benchmarks.tables import Table, write_sections

BARE: Final = ("network", "passes", "stages")  # parts that need only PyTorch and numpy
OPTIONAL: Final = ("engine", "single", "batches", "memory", "funasr", "files")
LAST: Final = ("profile",)
EVERY: Final = (*BARE, *OPTIONAL, *LAST, "compile")


class Report:
    """Prints each table when it is ready, and updates the section of the document."""

    def __init__(self, given: argparse.Namespace, device: torch.device) -> None:
        self.passed = True
        self._page: Path | None = given.out
        self._device = device
        self._tables: list[Table] = []
        self._remarks: list[str] = []
        self._started = time.perf_counter()

    def add(self, name: str, run: Callable[[], Table | tuple[Table, bool] | None]) -> None:
        """Runs one part; a part that fails or can't run here is reported, and the others still run."""
        try:
            result = run()
        except ModuleNotFoundError as err:
            self._remark(f"{name}: skipped, {err}")
            return
        except Exception as err:  # noqa: BLE001 - the tables of the other parts must not be lost
            traceback.print_exc()
            self._remark(f"{name}: failed, {type(err).__name__}: {err}"[:300])
            self.passed = False
            return
        table, passed = result if isinstance(result, tuple) else (result, True)
        self.passed &= passed
        if table is not None:
            self._tables.append(table)
            self._print("\n".join(table.lines()))
            self._write()
        self._print(f"[{name}: {time.perf_counter() - self._started:.0f} s after the start]\n")

    def _remark(self, remark: str) -> None:
        self._remarks.append(remark)
        self._print(remark + "\n")
        self._write()

    def _write(self) -> None:
        if self._page is None:
            return
        rows = tuple((remark,) for remark in self._remarks)
        remarks = [Table("Skipped or failed", ("part",), rows)] if rows else []
        options = " ".join(sys.argv[1:])
        command = f"python -m benchmarks.gpu {options}".strip()
        write_sections(self._page, {"gpu": [*self._tables, *remarks]}, command, device=device_name(self._device))

    @staticmethod
    def _print(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def device_name(device: torch.device) -> str:
    """Returns the description of the device in the document."""
    if device.type != "cuda":
        return f"no GPU used ({platform.machine()} CPU instead)"
    return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(EVERY))
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="a tiny network and few clips: a smoke test")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clips that are timed")
    parser.add_argument("--batch", type=int, default=24, help="clips in the batch whose parts are timed")
    parser.add_argument("--count", type=int, default=288, help="clips in memory")
    parser.add_argument("--files", type=int, default=768, help="clips in files, per format")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, help="number of decoding processes; one per core by default")
    parser.add_argument("--out", type=Path, help="document to write the section to")
    parser.add_argument("--profile", type=Path, help="file for the list of kernels")
    given = parser.parse_args(arguments)
    unknown = [part for part in given.parts if part not in EVERY]
    if unknown:
        parser.error(f"There is no part {', '.join(unknown)}; there are: {', '.join(EVERY)}.")
    given.parts = given.parts or [*BARE, *OPTIONAL, *LAST]
    if given.tiny:
        given.seconds, given.batch, given.count, given.files = min(given.seconds, 0.5), 2, 4, 8
    return given


def main(arguments: Sequence[str]) -> int:
    """Prints the tables; returns 1 if a number is wrong or a part failed."""
    given = parse(arguments)
    device = torch.device(given.device)
    torch.backends.cuda.matmul.allow_tf32 = False  # full precision for fp32
    torch.backends.cudnn.allow_tf32 = False
    report = Report(given, device)
    with tempfile.TemporaryDirectory() as folder:
        parts = _bare(given, device) | _optional(given, device, Path(folder))
        for name in given.parts:
            report.add(name, parts[name])
    return 0 if report.passed else 1


Parts = dict[str, Callable[[], Table | tuple[Table, bool] | None]]


def _bare(given: argparse.Namespace, device: torch.device) -> Parts:
    network = draw_network(sizes(tiny=given.tiny))
    lengths = {"seconds": given.seconds, "batch": given.batch}
    timed = {"name": "bf16", **lengths}
    return {
        "network": lambda: correctness(network, device),
        "passes": lambda: speed(network, device, rounds=given.rounds, **lengths),
        "stages": lambda: stages(network, device, rounds=given.rounds, **timed),
        "profile": lambda: profile(network, device, given.profile, **timed) if given.profile else None,
        "compile": lambda: compiled(network, device, rounds=given.rounds, **timed),
    }


def _optional(given: argparse.Namespace, device: torch.device, folder: Path) -> Parts:
    """Returns the parts that need more than PyTorch and numpy; they import it when they run."""

    def checkpoint() -> Path:
        from benchmarks.gpu_engine import make_folder

        if not (folder / "model.safetensors").is_file():
            make_folder(folder, tiny=given.tiny)
        return folder

    def run(name: str, *arguments: object, **options: object) -> Table | tuple[Table, bool]:
        import benchmarks.gpu_engine as engine

        result: Table | tuple[Table, bool] = getattr(engine, name)(checkpoint(), device, *arguments, **options)
        return result

    def memory() -> Table | tuple[Table, bool]:
        if device.type != "cuda":
            raise ModuleNotFoundError("there is no GPU whose memory could run out")  # `Report.add` skips the part
        return run("memory_runs_out", seconds=given.seconds, batch=given.batch)

    def files() -> Table:
        from benchmarks.gpu_engine import load
        from benchmarks.gpu_files import measure

        sounds = folder / "files"
        sounds.mkdir()
        options = {"seconds": given.seconds, "count": given.files, "different": 2 if given.tiny else 4, "rounds": 2}
        return measure(load(checkpoint(), device, "bf16"), sounds, processes=given.processes, **options)

    lengths = (given.seconds,) if given.tiny else (3.0, given.seconds, 30.0)
    timed = {"seconds": given.seconds, "count": given.count}
    return {
        "engine": lambda: run("correctness"),
        "memory": memory,
        "single": lambda: run("single", lengths=lengths, rounds=4 * given.rounds),
        "batches": lambda: run("batches", rounds=min(2, given.rounds), **timed),
        "funasr": lambda: run("compared_with_funasr", rounds=2 * given.rounds, **timed),
        "files": files,
    }
