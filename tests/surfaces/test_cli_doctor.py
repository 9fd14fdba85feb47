"""``doctor`` and ``models``: their findings, and their messages when something is wrong."""

import re
import socket
from pathlib import Path
from typing import Final

import pytest

from tests.support.checkpoints import TINY, make_checkpoint
from tests.support.cli_process import ROOT, CommandLine
from webui.cli import main
from webui.cli.doctor_report import DoctorReport, examine
from webui.engine.emotion2vec.family import EMOTION2VEC
from webui.engine.transformers.family import TRANSFORMERS
from webui.service import machine
from webui.settings import Settings

LARGE: Final = "emotion2vec_plus_large"
SERIES: Final = [card.name for card in EMOTION2VEC.catalog()]
CLASSIFIERS: Final = [card.name for card in TRANSFORMERS.catalog()]


def report(command_line: CommandLine, expected: int, *arguments: str, **environment: str) -> DoctorReport:
    ended = command_line.run("doctor", "--json", *arguments, **environment)
    assert ended.code == expected, ended.err
    assert ended.err == ""
    (document,) = ended.documents
    return DoctorReport.model_validate(document)


def test_a_working_machine(command_line: CommandLine) -> None:
    found = report(command_line, 0)
    assert found.problems == ()
    assert found.torch is not None
    assert found.torch.devices[0] == "cpu"
    assert found.packages["gradio"] is not None
    assert found.packages["torch"] == found.torch.version
    assert found.model_load_s is not None
    assert 0 < found.model_load_s < 60
    assert found.cpu_cores >= 1
    assert found.memory_mb is None or found.memory_mb > 100
    assert found.changed_settings == {
        "auto_download": "False",
        "outputs_dir": str(command_line.outputs_dir),
    }
    assert [model.name for model in found.models] == [*SERIES, "builtin", *CLASSIFIERS]
    assert found.models[len(SERIES)].license == "CC BY-NC-SA 4.0"
    assert command_line.runs() == []


def test_text_output(command_line: CommandLine) -> None:
    ended = command_line.run("doctor", "--lang", "zh")
    assert ended.code == 0
    assert "✓ 一切正常。" in ended.text
    for name in ("python", "torch", "packages", "ffmpeg (optional)", "model builtin", "outputs", "port"):
        assert f"\n{name}" in ended.text


def test_missing_weights(command_line: CommandLine, tmp_path: Path) -> None:
    found = report(command_line, 7, "--model", LARGE, SPEECH_EMOTION_MODELS_DIR=str(tmp_path))
    assert [problem.code for problem in found.problems] == ["request.weights_absent"]
    assert (found.model_load_s, found.models[0].ready) == (None, False)
    ended = command_line.run("doctor", "--model", LARGE, SPEECH_EMOTION_MODELS_DIR=str(tmp_path))
    assert ended.code == 7
    assert "✗ The weights of emotion2vec_plus_large are not on this machine" in ended.text
    assert "Everything works" not in ended.text


def test_damaged_weights(command_line: CommandLine, tmp_path: Path) -> None:
    weights = make_checkpoint(tmp_path / LARGE, TINY, clips=9, seconds=0.3)
    weights.write_bytes(b"no checkpoint" * 100)
    found = report(command_line, 7, "--model", LARGE, SPEECH_EMOTION_MODELS_DIR=str(tmp_path))
    assert [problem.code for problem in found.problems] == ["checkpoint.damaged"]


def test_an_outputs_folder_that_cannot_be_written(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = report(command_line, 7, SPEECH_EMOTION_OUTPUTS_DIR=str(tmp_path / "file" / "outputs"))
    assert [problem.code for problem in found.problems] == ["storage.not_writable"]


def test_a_used_port_is_only_a_remark(command_line: CommandLine) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = report(command_line, 0, SPEECH_EMOTION_PORT=str(port))
    assert not found.port_free
    assert [remark.code for remark in found.remarks] == ["cli.doctor_port_taken"]
    assert found.changed_settings["port"] == str(port)


def test_a_gpu_that_torch_does_not_use(command_line: CommandLine, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 81559 MiB, 570.1'\n")
    tool.chmod(0o755)
    found = report(command_line, 0, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert found.nvidia_gpus == ("NVIDIA H100 80GB HBM3, 81559 MiB, 570.1",)
    assert found.torch is not None
    if found.torch.cuda is None:
        assert [remark.code for remark in found.remarks] == ["cli.doctor_unused_gpu"]


def test_an_unknown_model(command_line: CommandLine) -> None:
    found = report(command_line, 7, "--model", "large")
    assert [problem.code for problem in found.problems] == ["request.unknown_model"]


def test_models(command_line: CommandLine) -> None:
    ended = command_line.run("models", "--json")
    assert ended.code == 0
    (listed,) = ended.documents
    (builtin,) = [model for model in listed if model["name"] == "builtin"]
    others = [model for model in listed if model["name"] != "builtin"]
    assert [(model["name"], model["ready"]) for model in others] == [(name, False) for name in (*SERIES, *CLASSIFIERS)]
    size = sum(path.stat().st_size for path in (ROOT / "models" / "builtin").iterdir())
    assert builtin == {
        "name": "builtin",
        "ready": True,
        "engine": "builtin",
        "license": "CC BY-NC-SA 4.0",
        "size_bytes": size,
        "path": str(ROOT / "models" / "builtin"),
    }
    table = command_line.run("models")
    assert re.search(r"^builtin +yes ", table.text, re.MULTILINE)
    assert "auto currently means builtin" in table.err


def test_an_invalid_setting(command_line: CommandLine) -> None:
    ended = command_line.run("doctor", SPEECH_EMOTION_PORT="many", LC_ALL="zh_CN.UTF-8")
    assert (ended.code, ended.out) == (2, b"")
    assert "设置 port 的值 'many' 无效" in ended.err
    assert "SPEECH_EMOTION_PORT" in ended.err


def test_the_lite_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lite = machine.package_versions() | dict.fromkeys(("torch", "gradio", "funasr", "onnx"))
    monkeypatch.setattr(machine, "package_versions", lambda: lite)
    monkeypatch.setattr("webui.engine.precision.find_spec", lambda _name: None)
    found = examine(Settings(models_dir=tmp_path, outputs_dir=tmp_path))
    assert [remark.code for remark in found.remarks if remark.code.startswith("cli.doctor_lite")] == ["cli.doctor_lite"]
    assert "MISSING" not in dict(found.lines())["packages"]
    assert [problem.code for problem in found.problems] == ["engine.no_export"]
    assert "model.fp32.onnx" in found.problems[0].message()
    assert main(["serve", "--lang", "en"]) == 2
    assert "Only the packages of requirements-lite.txt are installed" in capsys.readouterr().err
    lite["numpy"] = None
    assert next(problem.code for problem in examine(Settings(outputs_dir=tmp_path)).problems) == "cli.doctor_missing"
