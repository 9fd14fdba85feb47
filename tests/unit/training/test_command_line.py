"""The command line of ``bash run.sh train``: its steps, its earlier names, and every command in the documents."""

import re
import shlex
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from training.__main__ import build_parser, main
from training.options import TrainOptions

DOCUMENTS = ("training/README.md", "docs/TRAINING_NOTES.md", "models/README.md", "models/builtin/README.md")
COMMAND = re.compile(r"bash run\.sh train ([^`\n]*)")
COMMANDS = [
    (document, words)
    for document in DOCUMENTS
    for words in COMMAND.findall((ROOT / document).read_text("utf-8"))
    if "--help" not in words
]


def test_options() -> None:
    step = build_parser().parse_args(["--data", "x", "member", "--run", "r", "--epochs", "3", "--group", "4"])
    assert (step.command, step.epochs, step.seed, step.group) == ("member", 3, TrainOptions().seed, 4)
    assert (step.statistics_mlp, step.learning_rate) == (False, TrainOptions().learning_rate)
    whole = build_parser().parse_args(["--data", "x", "--epochs", "7", "--teacher", "emotion2vec_plus_large"])
    assert (whole.command, whole.epochs, whole.teacher) == (None, 7, "emotion2vec_plus_large")


def test_options_before_a_step_apply_to_it() -> None:
    step = build_parser().parse_args(
        ["--data", "x", "--epochs", "7", "--processes", "3", "transfer", "--seed", "5", "--on", "y"]
    )
    assert (step.epochs, step.processes, step.seed) == (7, 3, 5)


def test_earlier_names_of_options() -> None:
    step = build_parser().parse_args(["--data", "x", "member", "--run", "r", "--rate", "0.1", "--counting"])
    assert (step.learning_rate, step.statistics_mlp) == (0.1, True)
    assert build_parser().parse_args(["--data", "x", "--rate", "0.2"]).learning_rate == 0.2
    assert "--rate" not in build_parser().format_help()


@pytest.mark.parametrize(("document", "words"), COMMANDS)
def test_commands_in_documents(document: str, words: str) -> None:
    assert build_parser().parse_args(shlex.split(words)).data


def test_each_document_shows_a_command() -> None:
    assert {document for document, _ in COMMANDS} == set(DOCUMENTS)


def test_missing_data(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert main(["--data", str(tmp_path)]) == 1
    assert "No manifest.csv" in caplog.text
