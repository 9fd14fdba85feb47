"""Runs all checks and tests, suite by suite, and continues after a failure: ``bash run.sh test`` starts this module.

    bash run.sh test                         everything, except the long tests
    bash run.sh test quick                   checks, and tests that need no model, no server and no browser
    bash run.sh test static                  checks only: lint, format, types, shell
    bash run.sh test unit surfaces           some suites
    bash run.sh test long                    the long tests in full size: hours
    bash run.sh test unit -- -k smoothing    arguments after -- go to pytest

A check counts as one test. The last line is the sum: ``N passed, N failed, N skipped``.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.support import browser_needs

ROOT: Final = Path(__file__).resolve().parent.parent
STATIC: Final = ("lint", "format", "types", "shell")
FOLDERS: Final = ("unit", "parity", "surfaces", "browser", "faults")
GROUPS: Final = {"static": STATIC, "quick": (*STATIC, "structure", "light")}
IN_PARALLEL: Final = ("-n", "2", "--dist", "loadfile")  # two processes: CI has two cores
NO_TESTS: Final = 5  # pytest's exit code
STOP_S: Final = 10
HANGING_S: Final = 240  # after this time in one test, pytest prints the stacks of all threads
LONG_S: Final = 6 * 3600
SKIP_BROWSER: Final = "SPEECH_EMOTION_SKIP_BROWSER"


@dataclass(frozen=True, slots=True)
class Suite:
    """One line of the final table.

    Attributes:
        name: name on the command line.
        command: arguments of the Python interpreter.
        limit_s: the suite is stopped after this many seconds.
        tests: whether pytest runs it.
    """

    name: str
    command: tuple[str, ...]
    limit_s: float = 1500
    tests: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one suite."""

    name: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    remark: str = ""


def all_suites() -> list[Suite]:
    structure = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob("test_*.py"))
    folders = [f"tests/{name}" for name in FOLDERS]
    return [
        Suite("lint", ("-m", "ruff", "check", "."), 120, tests=False),
        Suite("format", ("-m", "ruff", "format", "--check", "."), 120, tests=False),
        Suite("types", ("-m", "mypy"), 300, tests=False),
        Suite("shell", ("-m", "tests.support.check_shell"), 60, tests=False),
        Suite("structure", ("-m", "pytest", *structure)),
        Suite("light", ("-m", "pytest", *folders, "--part", "quick", *IN_PARALLEL)),
        *(Suite(name, ("-m", "pytest", f"tests/{name}", *IN_PARALLEL)) for name in FOLDERS),
        Suite("long", ("-m", "pytest", "tests", "--part", "long"), LONG_S),
    ]


def main(arguments: Sequence[str]) -> int:
    suites = all_suites()
    parser = argparse.ArgumentParser(prog="bash run.sh test", description="Runs the checks and the tests.")
    names = [*GROUPS, *(suite.name for suite in suites)]
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(names))
    own, for_pytest = _split(list(arguments))
    given = parser.parse_args(own).suites
    if unknown := sorted(set(given) - set(names)):
        parser.error(f"There is no suite {', '.join(unknown)}; there are: {', '.join(names)}.")
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)  # `nohup ... &` ignores it, and pytest would inherit that
    try:
        outcomes = [_run(suite, for_pytest) for suite in _chosen(suites, given, for_pytest)]
    except KeyboardInterrupt:
        return 130
    return _report(outcomes)


def _chosen(suites: list[Suite], given: list[str], for_pytest: list[str]) -> list[Suite]:
    """Returns the suites to run, each restricted to the tests that no other suite of the run contains."""
    if not given:
        chosen = [suite for suite in suites if suite.name != "long" and (suite.tests or not for_pytest)]
        return [_part(suite, "heavy") if suite.name in FOLDERS else suite for suite in chosen]  # the rest is in `light`
    wanted = {name for word in given for name in GROUPS.get(word, (word,))}
    chosen = [suite for suite in suites if suite.name in wanted]
    if "quick" in given and "structure" not in given:
        return [_part(suite, "quick") if suite.name == "structure" else suite for suite in chosen]
    return chosen


def _part(suite: Suite, part: str) -> Suite:
    return replace(suite, command=(*suite.command, "--part", part))


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:cut], arguments[cut + 1 :]


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _run(suite: Suite, for_pytest: list[str]) -> Outcome:
    _print_line(f"\n=== {suite.name}")
    started = time.monotonic()
    environment = dict(os.environ)
    if suite.name == "browser":
        if environment.get(SKIP_BROWSER) == "1":
            _print_line(f"SKIPPED: {SKIP_BROWSER}=1, the page is not tested.")
            return Outcome(suite.name, 0, 0, 1, 0.0, "SKIPPED")
        missing = browser_needs.provide(environment)
        if missing:
            _print_line(missing)
            return Outcome(suite.name, 0, 1, 0, time.monotonic() - started, "no browser")
    if suite.tests and not any(ROOT.joinpath(word).exists() for word in suite.command if word.startswith("tests")):
        return Outcome(suite.name, 0, 0, 0, 0.0, "no tests")  # git keeps no empty folder
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, *suite.command]
        if suite.tests:
            command += [
                f"--junitxml={report}",
                f"--basetemp={folder}/tmp",
                "-o",
                f"faulthandler_timeout={_hanging_s(suite):.0f}",
            ]
            command += for_pytest
        code = _call(command, environment, suite.limit_s)
        seconds = time.monotonic() - started
        remark = f"ended after {suite.limit_s:.0f} s" if code is None else "" if code in (0, 1) else f"exit code {code}"
        if not suite.tests:
            return Outcome(suite.name, int(code == 0), int(code != 0), 0, seconds, remark)
        if code == NO_TESTS:
            return Outcome(suite.name, 0, 0, 0, seconds, "no tests")
        passed, failed, skipped = _counts(report)
        if code != 0 and failed == 0:  # crashed or stopped: the report is incomplete
            failed = 1
        return Outcome(suite.name, passed, failed, skipped, seconds, remark)


def _hanging_s(suite: Suite) -> float:
    return suite.limit_s if suite.limit_s == LONG_S else HANGING_S


def _call(command: list[str], environment: dict[str, str], limit_s: float) -> int | None:
    """Returns the exit code, or None if the time limit was reached; child processes are ended in both cases."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS: PermissionError when only zombies are left
            return
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            continue


def _counts(report: Path) -> tuple[int, int, int]:
    if not report.is_file():
        return 0, 0, 0
    sums = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in ET.parse(report).getroot().iter("testsuite"):
        for name in sums:
            sums[name] += int(suite.get(name, "0"))
    failed = sums["failures"] + sums["errors"]
    return max(0, sums["tests"] - failed - sums["skipped"]), failed, sums["skipped"]


def _report(outcomes: list[Outcome]) -> int:
    _print_line(f"\n{'suite':<12}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>10}")
    for outcome in outcomes:
        counts = f"{outcome.passed:>8}{outcome.failed:>8}{outcome.skipped:>9}{outcome.seconds:>10.1f}"
        _print_line(f"{outcome.name:<12}{counts}  {outcome.remark}".rstrip())
    passed, failed, skipped = (
        sum(getattr(outcome, name) for outcome in outcomes) for name in ("passed", "failed", "skipped")
    )
    if passed + failed == 0:
        _print_line("No test ran.")
        failed = 1
    _print_line(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
