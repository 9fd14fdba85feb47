"""``bash run.sh bench [SECTION ...] [--quick]``: measures, prints, and writes docs/BENCHMARKS.md.

``bash run.sh bench attack`` attacks the server instead; see ``attack.py``.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

from benchmarks.random_weights import models
from benchmarks.tables import PAGE, Table, write_line, write_sections

Measure = Callable[..., Iterator[Table]]
SECTIONS: Final = {
    "speed": ("benchmarks.speed", "measure"),
    "cpu": ("benchmarks.cpu", "measure"),
    "agreement": ("benchmarks.agreement", "measure"),
    "memory": ("benchmarks.processes", "measure_memory"),
    "decode": ("benchmarks.decode", "measure"),
    "startup": ("benchmarks.processes", "measure_startup"),
    "batch": ("benchmarks.batch", "measure"),
}


def main(arguments: Sequence[str]) -> int:
    """Parses the command line, and measures the given sections, or all of them."""
    if arguments[:1] == ["attack"]:
        from benchmarks import attack

        return attack.main(arguments[1:])
    parser = argparse.ArgumentParser(
        prog="bash run.sh bench",
        description="Measures this program in comparison with similar ones.",
        epilog="`bash run.sh bench attack` attacks its server instead, and reports which attacks succeeded.",
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="a tiny model and short clips: a smoke test")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender runs, 5 by default")
    parser.add_argument("--output", type=Path, help="page to write to; docs/BENCHMARKS.md unless --quick")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"There is no section {', '.join(unknown)}; there are: {', '.join(SECTIONS)}.")
    if given.rounds < 1:
        parser.error(f"--rounds is {given.rounds}; 1 or more is expected.")
    page = given.output or (None if given.quick else PAGE)
    names = given.sections or list(SECTIONS)
    command = " ".join(["bash run.sh bench", *given.sections, *(["--quick"] if given.quick else [])])
    with models(quick=given.quick) as models_dir:
        for name in names:
            module, function = SECTIONS[name]
            measure: Measure = getattr(import_module(module), function)
            tables = []
            for table in measure(models_dir, quick=given.quick, rounds=1 if given.quick else given.rounds):
                tables.append(table)
                write_line("\n".join(table.lines()))
                if page is not None:  # after each table, so that an interruption loses only the next one
                    write_sections(page, {name: tables}, f"{command} --rounds {given.rounds}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
