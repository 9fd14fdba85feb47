"""``download`` and ``remove`` as processes, with a hub on loopback: from nothing to an answer of the large model."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkpoints import TINY, make_checkpoint
from tests.hub import Hub, serve
from tests.surfaces.cli_process import EXAMPLE, ROOT, CommandLine

LARGE = "emotion2vec_plus_large"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    make_checkpoint(folder, TINY, clips=9, seconds=0.5)
    return folder


def surroundings(models_dir: Path, endpoint: str) -> dict[str, str]:
    return {
        "SPEECH_EMOTION_MODELS_DIR": str(models_dir),
        "MODELSCOPE_ENDPOINT": endpoint,
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }


def test_from_nothing_to_the_large_model_and_back(command_line: CommandLine, published: Path, tmp_path: Path) -> None:
    models_dir = tmp_path / "models"
    with serve(Hub(published)) as hub:
        around = surroundings(models_dir, hub.endpoint)
        ended = command_line.run("download", **around)
        assert (ended.code, ended.out) == (0, b"")
        assert f"Downloading {LARGE} from ModelScope" in ended.err
        again = command_line.run("download", LARGE, **around)
        assert again.code == 0
        assert hub.requests_for("model.pt") == 1
    (document,) = command_line.run("recognize", EXAMPLE, "--json", "--model", LARGE, **around).documents
    assert document["model"]["name"] == LARGE
    (listed,) = command_line.run("models", "--json", **around).documents
    assert [entry["ready"] for entry in listed if entry["name"] == LARGE] == [True]
    removed = command_line.run("remove", LARGE, "--yes", **around)
    assert removed.code == 0
    assert not (models_dir / LARGE).exists()
    (document,) = command_line.run("recognize", EXAMPLE, "--json", **around).documents
    assert document["model"]["name"] == "builtin"


def test_no_hub_is_an_error_with_the_way_out(command_line: CommandLine, tmp_path: Path) -> None:
    ended = command_line.run("download", LARGE, "--lang", "zh", **surroundings(tmp_path, "http://127.0.0.1:9"))
    assert (ended.code, ended.out) == (4, b"")
    assert "连不上 ModelScope" in ended.err
    assert "models/README.md" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("download", "whisper"), 4, "no model named whisper"),
        (("download", "builtin"), 4, "no model named builtin"),
        (("remove", "builtin", "--yes"), 2, "part of the program"),
        (("remove", LARGE, "--yes"), 2, "no weights of"),
        (("remove", "../models", "--yes"), 4, "no model named"),
    ],
)
def test_what_makes_no_sense(
    command_line: CommandLine, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended = command_line.run(*arguments, **surroundings(tmp_path, "http://127.0.0.1:9"))
    assert (ended.code, ended.out) == (code, b"")
    assert said in ended.err


def test_nothing_is_deleted_unasked(command_line: CommandLine, published: Path, tmp_path: Path) -> None:
    folder = tmp_path / LARGE
    folder.mkdir()
    for file in published.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    around = surroundings(tmp_path, "http://127.0.0.1:9")
    ended = command_line.run("remove", LARGE, **around)
    assert (ended.code, (folder / "model.pt").is_file()) == (2, True)
    assert "Add --yes" in ended.err
    assert answer_on_a_terminal(around, "n") == (0, True)
    assert answer_on_a_terminal(around, "y") == (0, False)


def answer_on_a_terminal(around: dict[str, str], answer: str) -> tuple[int, bool]:
    """Runs ``remove`` on a terminal and types ``answer``; returns its exit code and whether the weights are left."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    command = [sys.executable, str(ROOT / "app.py"), "remove", LARGE]
    done = subprocess.run(command, stdin=theirs, stderr=subprocess.DEVNULL, env={**os.environ, **around}, check=False)
    os.close(ours)
    os.close(theirs)
    return done.returncode, (Path(around["SPEECH_EMOTION_MODELS_DIR"]) / LARGE / "model.pt").is_file()
