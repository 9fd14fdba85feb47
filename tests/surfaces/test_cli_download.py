"""``download`` and ``remove`` as processes, with a hub on loopback."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkpoints import TINY, make_checkpoint
from tests.support.cli_process import EXAMPLE, ROOT, CommandLine
from tests.support.hub import Hub, serve
from tests.support.paths import PATIENT_APP
from tests.support.transformers_checkpoints import write_classifier

LARGE = "emotion2vec_plus_large"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    make_checkpoint(folder, TINY, clips=9, seconds=0.5)
    return folder


def environment_of(models_dir: Path, endpoint: str) -> dict[str, str]:
    return {
        "SPEECH_EMOTION_MODELS_DIR": str(models_dir),
        "MODELSCOPE_ENDPOINT": endpoint,
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }


def test_download_recognize_and_remove(command_line: CommandLine, published: Path, tmp_path: Path) -> None:
    models_dir = tmp_path / "models"
    with serve(Hub(published)) as hub:
        environment = environment_of(models_dir, hub.endpoint)
        ended = command_line.run("download", program=PATIENT_APP, **environment)
        assert (ended.code, ended.out) == (0, b"")
        assert f"Downloading {LARGE} from ModelScope" in ended.err
        again = command_line.run("download", LARGE, program=PATIENT_APP, **environment)
        assert again.code == 0
        assert hub.requests_for("model.pt") == 1
    (document,) = command_line.run("recognize", EXAMPLE, "--json", "--model", LARGE, **environment).documents
    assert document["model"]["name"] == LARGE
    (listed,) = command_line.run("models", "--json", **environment).documents
    assert [entry["ready"] for entry in listed if entry["name"] == LARGE] == [True]
    removed = command_line.run("remove", LARGE, "--yes", **environment)
    assert removed.code == 0
    assert not (models_dir / LARGE).exists()
    (document,) = command_line.run("recognize", EXAMPLE, "--json", **environment).documents
    assert document["model"]["name"] == "builtin"


def test_a_listed_classifier_by_name_and_another_by_its_repository(command_line: CommandLine, tmp_path: Path) -> None:
    models_dir, files = tmp_path / "models", tmp_path / "files"
    write_classifier(files, "wav2vec2", weighted=True)
    (files / "pytorch_model.bin").write_bytes(b"the same weights in the old format")
    with serve(Hub(files)) as hub:
        environment = environment_of(models_dir, hub.endpoint)
        absent = command_line.run("recognize", EXAMPLE, "--model", "wav2vec2_base_superb", **environment)
        assert (absent.code, "bash run.sh download wav2vec2_base_superb" in absent.err) == (4, True)
        for name, folder in (("wav2vec2_base_superb",) * 2, ("example/voices", "example--voices")):
            ended = command_line.run("download", name, program=PATIENT_APP, **environment)
            assert ended.code == 0, ended.err
            assert (models_dir / folder / "model.safetensors").read_bytes() == (
                files / "model.safetensors"
            ).read_bytes()
            assert not (models_dir / folder / "pytorch_model.bin").exists()
            (document,) = command_line.run("recognize", EXAMPLE, "--json", "--model", name, **environment).documents
            assert (document["model"]["name"], document["model"]["engine"]) == (folder, "transformers")
        assert hub.requests_for("model.safetensors") == 2
        removed = command_line.run("remove", "example/voices", "--yes", **environment)
        assert (removed.code, (models_dir / "example--voices").exists()) == (0, False)
        refused = command_line.run("download", "missing", **environment)
        assert (refused.code, "owner/name" in refused.err) == (4, True)


def test_without_a_hub_the_error_names_alternatives(command_line: CommandLine, tmp_path: Path) -> None:
    ended = command_line.run("download", LARGE, "--lang", "zh", **environment_of(tmp_path, "http://127.0.0.1:9"))
    assert (ended.code, ended.out) == (4, b"")
    assert "未能连接到 ModelScope" in ended.err
    assert "models/README.md" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("download", "whisper"), 4, "no model whisper to download"),
        (("download", "builtin"), 4, "no model builtin to download"),
        (("remove", "builtin", "--yes"), 2, "part of the program"),
        (("remove", LARGE, "--yes"), 2, "no weights of"),
        (("remove", "../models", "--yes"), 4, "no model named"),
    ],
)
def test_invalid_arguments(
    command_line: CommandLine, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    ended = command_line.run(*arguments, **environment_of(tmp_path, "http://127.0.0.1:9"))
    assert (ended.code, ended.out) == (code, b"")
    assert message in ended.err


def test_remove_needs_confirmation(command_line: CommandLine, published: Path, tmp_path: Path) -> None:
    folder = tmp_path / LARGE
    folder.mkdir()
    for file in published.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    environment = environment_of(tmp_path, "http://127.0.0.1:9")
    ended = command_line.run("remove", LARGE, **environment)
    assert (ended.code, (folder / "model.pt").is_file()) == (2, True)
    assert "Add --yes" in ended.err
    assert answer_on_a_terminal(environment, "n") == (0, True)
    assert answer_on_a_terminal(environment, "y") == (0, False)


def answer_on_a_terminal(environment: dict[str, str], answer: str) -> tuple[int, bool]:
    """Runs ``remove`` on a terminal and types ``answer``; returns its exit code and whether the weights still exist."""
    controller, terminal = pty.openpty()
    os.write(controller, f"{answer}\n".encode())
    command = [sys.executable, str(ROOT / "app.py"), "remove", LARGE]
    done = subprocess.run(
        command, stdin=terminal, stderr=subprocess.DEVNULL, env={**os.environ, **environment}, check=False
    )
    os.close(controller)
    os.close(terminal)
    return done.returncode, (Path(environment["SPEECH_EMOTION_MODELS_DIR"]) / LARGE / "model.pt").is_file()
