"""``verify`` and ``recognize --engine`` as processes, on a random checkpoint."""

import json
from pathlib import Path

import pytest

from tests.support.checkpoints import TINY, make_checkpoint
from tests.support.cli_process import EXAMPLE, CommandLine
from webui.engine.emotion2vec.verification_record import read_record

LARGE = "emotion2vec_plus_large"


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_checkpoint(folder / LARGE, TINY, clips=18, seconds=0.5)
    return folder


def test_verify_saves_its_record(command_line: CommandLine, models_dir: Path) -> None:
    ended = command_line.run("verify", "--json", SPEECH_EMOTION_MODELS_DIR=str(models_dir))
    assert ended.code == 0, ended.err
    (record,) = ended.documents
    assert record["verified"] is True
    assert record["largest_score_difference"] <= 1e-5
    assert len(record["clips"]) == 6
    saved = read_record(models_dir / LARGE, checkpoint_sha256=record["checkpoint_sha256"])
    assert saved is not None
    assert json.loads(saved.model_dump_json()) == record
    assert read_record(models_dir / LARGE, checkpoint_sha256="another") is None


def test_text_output(command_line: CommandLine, models_dir: Path) -> None:
    ended = command_line.run("verify", LARGE, "--lang", "zh", SPEECH_EMOTION_MODELS_DIR=str(models_dir))
    assert ended.code == 0, ended.err
    assert "✓ 数值一致" in ended.text
    assert "synthetic 10 s" in ended.text


@pytest.mark.parametrize(("name", "code"), [("builtin", 2), ("emotion2vec_plus_base", 4), ("whisper", 4)])
def test_models_that_cannot_be_verified(command_line: CommandLine, models_dir: Path, name: str, code: int) -> None:
    ended = command_line.run("verify", name, SPEECH_EMOTION_MODELS_DIR=str(models_dir))
    assert (ended.code, ended.out) == (code, b"")
    assert name in ended.err


def test_the_reference_keeps_stdout_clean(command_line: CommandLine, models_dir: Path) -> None:
    ended = command_line.run(
        "recognize", EXAMPLE, "--json", "--engine", "funasr", SPEECH_EMOTION_MODELS_DIR=str(models_dir)
    )
    assert ended.code == 0, ended.err
    (document,) = ended.documents
    assert (document["model"]["name"], document["model"]["engine"]) == (LARGE, "funasr")
    native = command_line.run("recognize", EXAMPLE, "--json", SPEECH_EMOTION_MODELS_DIR=str(models_dir))
    (ours,) = native.documents
    assert ours["model"]["engine"] == "native"
    assert ours["emotion"] == document["emotion"]
    assert all(abs(ours["scores"][name] - score) <= 1.1e-5 for name, score in document["scores"].items())
