"""The parts of ``python -m benchmarks.gpu``, one after the other, and the section of docs/BENCHMARKS.md they make.

Needs PyTorch, numpy and this project's files, and no weights: they are drawn. What needs more (the engine's settings
are pydantic's, files are read by soundfile and PyAV, the peer is FunASR) is left out where that is missing, and said.
Without a GPU the same steps run on the CPU, which tests the script and measures nothing of interest.
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

BARE: Final = ("network", "passes", "stages")
OPTIONAL: Final = ("engine", "single", "batches", "memory", "funasr", "files")
LAST: Final = ("profile",)
EVERY: Final = (*BARE, *OPTIONAL, *LAST, "compile")


class Report:
    """Prints what is found as it is found, and keeps the page up to date."""

    def __init__(self, given: argparse.Namespace, place: torch.device) -> None:
        self.right = True
        self._page: Path | None = given.out
        self._place = place
        self._tables: list[Table] = []
        self._remarks: list[str] = []
        self._started = time.perf_counter()

    def add(self, name: str, work: Callable[[], Table | tuple[Table, bool] | None]) -> None:
        """Runs one part; one that fails or can't run here is said, and the others go on."""
        try:
            found = work()
        except ModuleNotFoundError as err:
            self._say(f"{name}: skipped, {err}")
            return
        except Exception as err:  # noqa: BLE001 - a part that fails must not cost what the others found
            traceback.print_exc()
            self._say(f"{name}: failed, {type(err).__name__}: {err}"[:300])
            self.right = False
            return
        table, right = found if isinstance(found, tuple) else (found, True)
        self.right &= right
        if table is not None:
            self._tables.append(table)
            self._print("\n".join(table.lines()))
            self._write()
        self._print(f"[{name}: {time.perf_counter() - self._started:.0f} s after the start]\n")

    def _say(self, remark: str) -> None:
        self._remarks.append(remark)
        self._print(remark + "\n")
        self._write()

    def _write(self) -> None:
        if self._page is None:
            return
        remarks = [Table("Left out", ("part",), tuple((one,) for one in self._remarks))] if self._remarks else []
        options = " ".join(sys.argv[1:])
        command = f"python -m benchmarks.gpu {options}".strip()
        write_sections(self._page, {"gpu": [*self._tables, *remarks]}, command, device=device_name(self._place))

    @staticmethod
    def _print(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def device_name(place: torch.device) -> str:
    """Returns what the tables say of the device."""
    if place.type != "cuda":
        return f"no GPU used ({platform.machine()} CPU in its place)"
    return f"{torch.cuda.get_device_name(place)}, CUDA {torch.version.cuda}"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(EVERY))
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="a tiny network and few clips: whether the script works")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clips that are timed")
    parser.add_argument("--batch", type=int, default=24, help="clips in the batch whose parts are timed")
    parser.add_argument("--count", type=int, default=288, help="clips in memory")
    parser.add_argument("--files", type=int, default=768, help="clips in files, per format")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, help="that decode; one per core by default")
    parser.add_argument("--out", type=Path, help="page to write the section to")
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
    """Prints the tables; the exit code is 1 if a number is wrong or a part failed."""
    given = parse(arguments)
    place = torch.device(given.device)
    torch.backends.cuda.matmul.allow_tf32 = False  # fp32 means fp32
    torch.backends.cudnn.allow_tf32 = False
    report = Report(given, place)
    with tempfile.TemporaryDirectory() as folder:
        work = _bare(given, place) | _optional(given, place, Path(folder))
        for name in given.parts:
            report.add(name, work[name])
    return 0 if report.right else 1


Work = dict[str, Callable[[], Table | tuple[Table, bool] | None]]


def _bare(given: argparse.Namespace, place: torch.device) -> Work:
    network = draw_network(sizes(tiny=given.tiny))
    lengths = {"seconds": given.seconds, "batch": given.batch}
    timed = {"name": "bf16", **lengths}
    return {
        "network": lambda: correctness(network, place),
        "passes": lambda: speed(network, place, rounds=given.rounds, **lengths),
        "stages": lambda: stages(network, place, rounds=given.rounds, **timed),
        "profile": lambda: profile(network, place, given.profile, **timed) if given.profile else None,
        "compile": lambda: compiled(network, place, rounds=given.rounds, **timed),
    }


def _optional(given: argparse.Namespace, place: torch.device, folder: Path) -> Work:
    """What needs more than PyTorch and numpy; imported when it runs."""

    def checkpoint() -> Path:
        from benchmarks.gpu_engine import make_folder

        if not (folder / "model.safetensors").is_file():
            make_folder(folder, tiny=given.tiny)
        return folder

    def run(name: str, *arguments: object, **options: object) -> Table | tuple[Table, bool]:
        import benchmarks.gpu_engine as engine

        answer: Table | tuple[Table, bool] = getattr(engine, name)(checkpoint(), place, *arguments, **options)
        return answer

    def memory() -> Table | tuple[Table, bool]:
        if place.type != "cuda":
            raise ModuleNotFoundError("there is no GPU whose memory could run out")
        return run("memory_runs_out", seconds=given.seconds, batch=given.batch)

    def files() -> Table:
        from benchmarks.gpu_engine import load
        from benchmarks.gpu_files import measure

        sounds = folder / "files"
        sounds.mkdir()
        options = {"seconds": given.seconds, "count": given.files, "kinds": 2 if given.tiny else 4, "rounds": 2}
        return measure(load(checkpoint(), place, "bf16"), sounds, processes=given.processes, **options)

    lengths = (given.seconds,) if given.tiny else (3.0, given.seconds, 30.0)
    timed = {"seconds": given.seconds, "count": given.count}
    return {
        "engine": lambda: run("correctness"),
        "memory": memory,
        "single": lambda: run("single", lengths=lengths, rounds=4 * given.rounds),
        "batches": lambda: run("batches", rounds=min(2, given.rounds), **timed),
        "funasr": lambda: run("beside_funasr", rounds=2 * given.rounds, **timed),
        "files": files,
    }
