"""Outcomes of recognitions on the page: cancelled, too late to cancel, with warnings. No browser, no server."""

import json
import re
from pathlib import Path

import pytest

from tests.surfaces.test_page_views import make_result
from webui.errors import OutputError
from webui.results import Notice
from webui.service import Recognition, RecognitionService
from webui.settings import Settings
from webui.texts import Language
from webui.ui.browser_functions import page_script
from webui.ui.outcome import Outcome
from webui.ui.session_runs import SessionRuns
from webui.ui.shared_files import SharedFiles
from webui.ui.tabs.recognize_runs import RecognizeRuns
from webui.ui.views.outcome import render


def test_a_run_can_be_cancelled_until_it_writes() -> None:
    runs = SessionRuns()
    first, other = runs.begin("a"), runs.begin("b")
    assert first.may_continue(writing=False)
    assert runs.stop("a")
    assert not first.may_continue(writing=True)
    assert other.may_continue(writing=True)
    assert not runs.stop("b")
    assert other.may_continue(writing=True)
    runs.end("b", other)
    assert runs.stop("b")  # nothing is running: the waiting run is removed from the queue


def test_ending_an_old_run_keeps_the_new_one() -> None:
    runs = SessionRuns()
    first, second = runs.begin("a"), runs.begin("a")
    runs.end("a", first)
    assert runs.stop("a")
    assert first.may_continue(writing=False)
    assert not second.may_continue(writing=False)


def test_messages_of_a_cancelled_run() -> None:
    stopped = render(Outcome(None, None, (), cancelled=True), Language.EN)
    assert "nothing was written" in stopped[0]
    assert stopped[1] == "[cancelled] stopped by the user."
    late = render(Outcome(None, None, (), cancelled=True, too_late=True), Language.EN)
    assert "its files are in the results folder" in late[0]
    assert late[1] == ""


def test_a_warning_in_the_log_is_marked() -> None:
    log = (Notice(code="request.builtin_answered", values={"license": "CC BY-NC-SA 4.0"}),)
    assert Outcome(None, None, log).log_text(Language.ZH).startswith("[提示] 使用内置小模型")


def test_a_result_that_can_not_be_deleted_stays_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = RecognitionService(Settings(outputs_dir=tmp_path / "outputs"))
    shared = SharedFiles(tmp_path / "cache", set())
    folder = tmp_path / "outputs" / "outputs_20260101_000000"
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text("done")
    runs = RecognizeRuns(service, shared)
    (log_file,) = shared.share([folder / "log.txt"], prefix="a_")
    outcome = Outcome(Recognition(make_result(), folder, (), ()), None, (), file_name="a.wav", shared=(log_file,))

    def refuse(_folder: Path) -> bool:
        raise OutputError("storage.not_writable", folder=str(folder), reason="read-only")

    with monkeypatch.context() as patched:
        patched.setattr(service.results, "delete", refuse)
        kept, answer, *_rest = runs.delete(outcome, "en")
    assert kept is outcome
    assert "read-only" in answer
    assert "se-answer" in answer
    assert Path(log_file).is_file()

    gone, answer, log, *_rest = runs.delete(outcome, "en")
    assert gone == Outcome(None, None, (), file_name="a.wav", deleted=True)
    assert ("were deleted" in answer, log) == (True, "")
    assert not folder.exists()
    assert not Path(log_file).exists()
    assert "no longer has the details of the result" in runs.delete(None, "en")[1]


def test_only_files_in_the_cache_are_deleted(tmp_path: Path) -> None:
    shared, outside = SharedFiles(tmp_path / "cache", set()), tmp_path / "own.wav"
    outside.write_text("kept")
    shared.delete([str(outside), str(tmp_path / "cache" / ".." / "own.wav"), str(tmp_path / "cache" / "gone.wav")])
    assert outside.read_text() == "kept"


def test_texts_of_gradio_are_translated() -> None:
    script = page_script()
    rules = json.loads(script[script.rindex(")([") + 2 : script.rindex(")")])
    assert {"pattern", "texts"} == set(rules[0])
    for rule in rules:
        named = set(re.findall(r"\(\?<(\w+)>", rule["pattern"]))
        assert {name: set(re.findall(r"\{(\w+)\}", text)) for name, text in rule["texts"].items()} == {
            "zh": named,
            "en": named,
        }
