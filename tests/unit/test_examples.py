"""The examples in docstrings and in docs/PYTHON.md run, and print what they say."""

import contextlib
import doctest
import importlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

MODULES = (
    "webui.audio.decode",
    "webui.engine.family",
    "webui.library",
    "webui.results",
    "webui.service.recognition.service",
)
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a folder with the examples the working directory, as if it were the project's."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str, project: Path) -> None:
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.attempted > 0, "no example is left"
    assert outcome.failed == 0


@pytest.mark.parametrize("page", ["docs/PYTHON.md", "docs/zh/PYTHON.md"])
def test_examples_in_the_documentation(page: str, project: Path) -> None:
    names: dict[str, object] = {}
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(blocks) == 7
    for code, expected in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, page, "exec"), names)
        assert printed.getvalue() == expected
    assert not list(project.glob("outputs/.draft_*"))


def test_both_languages_have_the_same_code() -> None:
    english, chinese = (
        [re.sub("#.*", "", code) for code, _ in BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))]
        for page in ("docs/PYTHON.md", "docs/zh/PYTHON.md")
    )
    assert english == chinese


def test_the_import_is_fast_and_writes_nothing(project: Path) -> None:
    code = (
        "import sys, webui; from webui import recognize; "
        "assert not {'torch', 'gradio', 'transformers', 'funasr'} & set(sys.modules), 'a heavy library was imported'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in project.iterdir()) == ["examples"]
