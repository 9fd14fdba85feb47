"""What a visitor's run leaves behind on the page: stopped, too late to stop, with warnings. No browser, no server."""

import json
import re

from webui.results import Notice
from webui.texts import Language
from webui.ui.browser_functions import page_script
from webui.ui.outcome import Outcome
from webui.ui.session_runs import SessionRuns
from webui.ui.views.outcome import render


def test_a_run_can_be_stopped_until_it_writes() -> None:
    runs = SessionRuns()
    first, other = runs.begin("a"), runs.begin("b")
    assert first.may_continue(writing=False)
    assert runs.stop("a")
    assert not first.may_continue(writing=True)
    assert other.may_continue(writing=True)
    assert not runs.stop("b")
    assert other.may_continue(writing=True)
    runs.end("b", other)
    assert runs.stop("b")  # nothing is under way: what waits in the queue is taken out of it


def test_a_new_run_is_not_forgotten_with_the_old_one() -> None:
    runs = SessionRuns()
    first, second = runs.begin("a"), runs.begin("a")
    runs.end("a", first)
    assert runs.stop("a")
    assert first.may_continue(writing=False)
    assert not second.may_continue(writing=False)


def test_what_is_said_of_a_stopped_run_is_true() -> None:
    stopped = render(Outcome(None, None, (), cancelled=True), Language.EN)
    assert "nothing was written" in stopped[0]
    assert stopped[1] == "[cancelled] stopped by the user."
    late = render(Outcome(None, None, (), cancelled=True, too_late=True), Language.EN)
    assert "its files are in the output folder" in late[0]
    assert late[1] == ""


def test_a_warning_in_the_log_is_marked() -> None:
    log = (Notice(code="request.builtin_answered", values={"license": "CC BY-NC-SA 4.0"}),)
    assert Outcome(None, None, log).log_text(Language.ZH).startswith("[提示] 本次使用的是内置小模型")


def test_what_gradio_says_is_said_in_both_languages() -> None:
    script = page_script()
    words = json.loads(script[script.rindex(")([") + 2 : script.rindex(")")])
    assert {"pattern", "texts"} == set(words[0])
    for one in words:
        named = set(re.findall(r"\(\?<(\w+)>", one["pattern"]))
        assert {name: set(re.findall(r"\{(\w+)\}", said)) for name, said in one["texts"].items()} == {
            "zh": named,
            "en": named,
        }
