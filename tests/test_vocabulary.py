"""Identifiers use the field's terms: no private words, and no names that such terms have replaced."""

import io
import re
import tokenize
from pathlib import Path

import pytest

from tests.support.paths import ROOT

FOLDERS = ("webui", "training", "benchmarks")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
# Words that say nothing to a reader who knows the subject; the term to use instead is given for each.
PRIVATE_WORDS = {
    "visitor": "user, caller, session", "visitors": "users, callers", "asked": "request, options, body",
    "ask": "request, predict", "said": "text, predicted", "say": "print, log", "says": "text", "nobody": "none, dummy",
    "heard": "processed, predicted", "hear": "process, predict", "stranger": "held-out speaker",
    "strangers": "held-out speakers", "dice": "random state", "people": "annotators, interactive", "somebody": "user",
    "told": "reported", "whoever": "caller", "trouble": "error", "standing": "status", "shelf": "pool",
    "door": "entry point", "doors": "entry points", "jury": "ensemble", "verdict": "record", "disguise": "augmentation",
    "feeder": "batch loader", "intake": "decoded signal", "centres": "activation offsets",
}  # fmt: skip
REPLACED = {
    "NativeModel", "ReferenceModel", "Passes", "Recorder", "Packed", "GroupedProduct", "Turns", "Gate", "Activity",
    "Standing", "ModelShelf", "ModelQueue", "AnswerContext", "Joined", "Among", "Intake", "find_speech", "give_back",
    "measure_centres", "Verdict", "Localized", "VisitorRuns", "VisitorEvents", "Trouble", "Found", "Choice", "Peer",
    "CallerLimit", "JobOptions.asked", "COUNTING", "Feeder", "Jury", "not_speech",
}  # fmt: skip
PUBLIC = {"max_visitor_mb"}  # a setting keeps its name


def identifiers(source: Path) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source.read_text("utf-8")).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def words_of(identifier: str) -> set[str]:
    return set(re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", identifier).lower().split("_"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_identifiers_use_terms_of_the_field(source: Path) -> None:
    found = {}
    for identifier in identifiers(source) - PUBLIC:
        if words := words_of(identifier) & PRIVATE_WORDS.keys():
            found[identifier] = [PRIVATE_WORDS[word] for word in words]
    assert not found, f"use a term of the field: {found}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_replaced_names_do_not_return(source: Path) -> None:
    assert not identifiers(source) & REPLACED
