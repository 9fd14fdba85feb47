"""The test runner: its counts, its groups, and that no suite can stop or block it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import run_suites
from tests.run_suites import Suite
from tests.support.marks import marks_of
from tests.support.paths import ROOT

GOOD = "def test_one(): pass\ndef test_two(): pass\n"
MIXED = """
import pytest
def test_good(): pass
def test_bad(): assert 1 == 2
@pytest.mark.skip
def test_left_out(): pass
@pytest.fixture
def broken(): raise OSError
def test_error(broken): pass
"""
HANGING = """
import subprocess, sys, time, pathlib
def test_good(): pass
def test_hangs():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path("child").write_text(str(child.pid))
    time.sleep(600)
"""
CRASHING = "import os\ndef test_good(): pass\ndef test_dies(): os._exit(3)\n"


@pytest.fixture
def suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Suite]:
    """Suites made for these tests, in a temporary folder."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # plugins take seconds to start
    files = {"good": GOOD, "mixed": MIXED, "hanging": HANGING, "crashing": CRASHING, "empty": ""}
    found = {}
    for name, content in files.items():
        folder = tmp_path / "tests" / name
        folder.mkdir(parents=True)
        (folder / f"test_{name}.py").write_text(content)
        limit_s = 20 if name == "hanging" else 60
        found[name] = Suite(name, ("-m", "pytest", "-q", f"tests/{name}"), limit_s)
    found["absent"] = Suite("absent", ("-m", "pytest", "tests/absent"))
    found["check"] = Suite("check", ("-c", "print('checked')"), tests=False)
    found["failing"] = Suite("failing", ("-c", "import sys; sys.exit(2)"), tests=False)
    monkeypatch.setattr(run_suites, "ROOT", tmp_path)
    monkeypatch.setattr(run_suites, "all_suites", lambda: list(found.values()))
    return found


@pytest.mark.usefixtures("suites")
def test_the_runner_continues_after_failures_and_counts(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a shell
    try:
        assert run_suites.main([]) == 1
    finally:
        signal.signal(signal.SIGINT, before)
    lines = capfd.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines[lines.index("=== failing") :] if line.split()}
    assert rows["good"][:3] == ["2", "0", "0"]
    assert rows["mixed"][:3] == ["1", "2", "1"]
    assert rows["hanging"][:3] == ["1", "1", "0"]
    assert " ".join(rows["hanging"][4:]) == "ended after 20 s"
    assert rows["crashing"][1] == "1"
    assert rows["check"][:3] == ["1", "0", "0"]
    assert rows["failing"][:3] == ["0", "1", "0"]
    assert " ".join(rows["empty"][4:]) == " ".join(rows["absent"][4:]) == "no tests"
    assert lines[-1] == "5 passed, 5 failed, 1 skipped"
    child = int((tmp_path / "child").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


@pytest.mark.usefixtures("suites")
def test_some_suites(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_suites.main(["good", "check"]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "3 passed, 0 failed, 0 skipped"
    assert run_suites.main(["good", "mixed", "--", "-k", "good and not two or one"]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "2 passed, 0 failed, 0 skipped"


@pytest.mark.usefixtures("suites")
def test_no_test_at_all_is_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_suites.main(["empty", "absent"]) == 1
    assert capfd.readouterr().out.splitlines()[-2:] == ["No test ran.", "0 passed, 1 failed, 0 skipped"]


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(SystemExit, match="2"):
        run_suites.main(["unitt"])


def test_skipping_the_browser_is_reported(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(run_suites.SKIP_BROWSER, "1")
    run_suites.main(["browser"])
    out = capfd.readouterr().out
    assert "SKIPPED" in out
    assert out.splitlines()[-1] == "0 passed, 1 failed, 1 skipped"  # no test ran at all


def test_ctrl_c_ends_the_running_suite() -> None:
    slow = Suite("slow", ("-c", "import time; print(1, flush=True); time.sleep(600)"), tests=False)
    program = (
        "import sys; from tests import run_suites as r; from tests.run_suites import Suite\n"
        f"r.all_suites = lambda: [{slow!r}]\n"
        "sys.exit(r.main([]))"
    )
    root = ROOT
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    while process.stdout.readline() != "1\n":
        pass
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130
    assert process.stdout.read() == ""
    process.stdout.close()


def suites_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Suite]:
    ran: list[Suite] = []

    def record(suite: Suite, _for_pytest: list[str]) -> run_suites.Outcome:
        ran.append(suite)
        return run_suites.Outcome(suite.name, 1, 0, 0, 0.0)

    monkeypatch.setattr(run_suites, "_run", record)
    assert run_suites.main(arguments) == 0
    return {suite.name: suite for suite in ran}


def test_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = suites_of(monkeypatch)
    assert set(everything) == {suite.name for suite in run_suites.all_suites()} - {"long"}
    for folder in run_suites.FOLDERS:  # their other tests are in `light`
        assert everything[folder].command[-2:] == ("--part", "heavy")
        assert suites_of(monkeypatch, folder)[folder].command[-2:] != ("--part", "heavy")
    quick = suites_of(monkeypatch, "quick")
    assert set(quick) == {*run_suites.STATIC, "structure", "light"}
    assert all("quick" in suite.command for suite in quick.values() if suite.tests)
    assert set(suites_of(monkeypatch, "long")) == {"long"}
    assert set(suites_of(monkeypatch, "static")) == set(run_suites.STATIC)


LOADING = """
import sys
def test_one(): sys.modules["torch"] = None
"""
IMPORTING = "import torch\ndef test_two(): pass\n"
MARKED = """
import pytest
@pytest.mark.model
def test_three(): pass
@pytest.mark.long
def test_four(): pass
def test_five(): pass
"""


def part(folder: Path, name: str, part: str | None = None) -> dict[str, int]:
    """Runs the folder with the conftest of the project; returns the counts of pytest's last line."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(folder / "pytest.ini"), name]
    command += ["--part", part] if part else []
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=os.environ | {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)
    })  # fmt: skip
    return {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|deselected|error)", done.stdout)}


def test_parts(tmp_path: Path) -> None:
    """Quick tests must not load PyTorch, whether in a test or by an import."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n model\n long\n server\n browser\n")
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\nfrom tests.conftest import _no_torch\n")
    for name, content in {"loading": LOADING, "importing": IMPORTING, "marked": MARKED}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / f"test_{name}.py").write_text(content)
    assert part(tmp_path, "loading", "quick") == {"passed": 1, "error": 1}
    assert part(tmp_path, "importing", "quick") == {}  # not even imported
    assert part(tmp_path, "marked", "quick") == {"passed": 1, "deselected": 2}
    assert part(tmp_path, "marked", "heavy") == {"passed": 1, "deselected": 2}
    assert part(tmp_path, "marked", "long") == {"passed": 1, "deselected": 2}
    assert part(tmp_path, "marked") == {"passed": 2, "deselected": 1}


def test_marks_of_files() -> None:
    tests = ROOT / "tests"
    assert marks_of(tests / "browser" / "test_page.py") >= {"browser", "server"}
    assert marks_of(tests / "parity" / "test_funasr.py") == {"model"}
    assert marks_of(tests / "surfaces" / "test_api.py") == {"server"}
    assert marks_of(tests / "unit" / "test_settings.py") == frozenset()


def test_every_test_file_is_in_a_suite() -> None:
    root = Path(run_suites.__file__).resolve().parent
    covered = [word for suite in run_suites.all_suites() for word in suite.command if word.startswith("tests/")]
    for file in root.rglob("test_*.py"):
        relative = str(file.relative_to(root.parent))
        assert any(relative == word or relative.startswith(f"{word}/") for word in covered), relative
