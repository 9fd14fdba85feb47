"""Warnings of a result: their order of importance, and their short forms."""

import ast

import pytest

from tests.support.paths import ROOT
from webui.results import WARNING_ORDER, Notice, by_importance, headlines
from webui.texts import TEXTS, Language

WEBUI = ROOT / "webui"
SOURCES = [path for folder in ("audio", "engine", "service") for path in sorted((WEBUI / folder).rglob("*.py"))]
REASONS = {"request.large_absent", "request.weights_cut_short"}  # why the built-in model was used


def raised_codes() -> set[str]:
    """The codes of all warnings that the program makes with a literal code."""
    codes = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Notice":
                codes |= {
                    word.value.value
                    for word in node.keywords
                    if word.arg == "code" and isinstance(word.value, ast.Constant)
                }
    return {code for code in codes if not code.startswith(("log.", "acquisition."))}


def test_every_warning_has_a_place_in_the_order() -> None:
    assert raised_codes() - REASONS == set(WARNING_ORDER)


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("code", WARNING_ORDER)
def test_every_warning_has_a_short_form(code: str, language: Language) -> None:
    short = TEXTS[f"notice.{code.replace('.', '_')}"].in_language(language)
    assert len(short) < len(TEXTS[code].in_language(language))
    assert len(short) <= 100


def test_every_short_form_belongs_to_a_text() -> None:
    full = {key.replace(".", "_") for key in TEXTS}
    assert [key for key in TEXTS if key.startswith("notice.") and key.removeprefix("notice.") not in full] == []


def test_the_most_important_warning_is_first_and_a_reason_follows_what_it_explains() -> None:
    found = ("windows.cut", "audio.clipped", "download.unreachable", "request.builtin_answered", "audio.no_speech")
    ordered = by_importance(Notice(code=code) for code in found)
    assert [notice.code for notice in ordered] == [
        "audio.no_speech",
        "request.builtin_answered",
        "download.unreachable",
        "audio.clipped",
        "windows.cut",
    ]
    assert [notice.code for notice in ordered if notice.is_reason] == ["download.unreachable"]


def test_a_short_form_takes_the_values_of_the_full_text() -> None:
    notice = Notice(code="audio.incomplete", values={"expected_s": 8.0, "kept_s": 2.5})
    assert notice.short() == "Incomplete file: only 2.5 s of 8 s were recognized."
    assert Notice(code="request.large_absent", values={"model": "m"}).short() is None


def test_being_offline_and_the_use_of_the_builtin_model_are_one_headline() -> None:
    codes = ("audio.clipped", "download.unreachable", "request.builtin_answered")
    shown = headlines(Notice(code=code) for code in codes)
    assert [notice.code for notice in shown] == ["download.unreachable", "audio.clipped"]
    shown = headlines(Notice(code=code) for code in ("request.large_absent", "request.builtin_answered"))
    assert [notice.code for notice in shown] == ["request.builtin_answered"]
    offline = Notice(code="download.unreachable", values={"modelscope_reason": "a", "huggingface_reason": "b"})
    assert [offline.short(language) for language in Language] == ["离线：使用内置小模型。", "Offline: built-in model."]
    assert offline.detail() == "Reasons: ModelScope: a; Hugging Face: b"
    assert Notice(code="audio.clipped").detail() is None
