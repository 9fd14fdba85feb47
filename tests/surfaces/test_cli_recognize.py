"""``recognize``: text and JSON output, files, several inputs, invalid options."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.cli_process import EXAMPLE, ROOT, CommandLine
from webui.cli.json_lines import FailedFile, RecognizedFile
from webui.labels import Emotion
from webui.results import RecognitionResult

CLI_KEYS = {"input", "folder", "files"}


def test_text_output(command_line: CommandLine) -> None:
    ended = command_line.run("recognize", EXAMPLE)
    assert ended.code == 0, ended.err
    (folder,) = command_line.runs()
    result = RecognitionResult.model_validate_json((folder / "result.json").read_bytes())
    lines = ended.text.splitlines()
    assert lines[0] == str(EXAMPLE)
    assert f"{result.emotion.display_name()}  Confidence: {result.confidence:.1%}" in lines[1]
    for emotion, line in zip(Emotion, lines[2:], strict=False):
        assert emotion.display_name() in line
        assert (f"{result.scores[emotion]:.1%}" if emotion in result.possible else "—") in line
    assert f"Results: {folder} (log.txt, processed_audio.wav, result.json)" in ended.text
    assert "\x1b" not in ended.text + ended.err  # no colours in a file
    assert ended.err.count("Emotion2Vec+ Large") == 1  # one line, and no download command
    assert "Built-in model, not Emotion2Vec+ Large: much less accurate" in ended.err
    assert "run.sh download" not in ended.err
    assert "Model: builtin (engine builtin, precision fp32, device" in ended.err
    assert f"weights {result.model.license})" in ended.err


def test_json_is_the_result_document(command_line: CommandLine) -> None:
    ended = command_line.run("recognize", EXAMPLE, "--json", "--granularity", "frame", "--embedding", "--window", "0.6")
    assert ended.code == 0, ended.err
    (document,) = ended.documents
    folder = Path(document["folder"])
    assert command_line.runs() == [folder]
    assert document["input"] == str(EXAMPLE)
    assert sorted(document["files"]) == sorted(path.name for path in folder.iterdir())
    assert {"embedding.npy", "result.json", "processed_audio.wav", "log.txt"} <= set(document["files"])
    written = json.loads((folder / "result.json").read_text("utf-8"))
    assert {key: value for key, value in document.items() if key not in CLI_KEYS} == written
    assert list(document)[:5] == ["emotion", "confidence", "scores", "granularity", "timestamp"]
    assert document["frames"]["window_s"] == pytest.approx(0.6)
    assert len(document["frames"]["start_s"]) == document["frames"]["rows"] > 10
    embedding = np.load(folder / "embedding.npy")
    assert list(embedding.shape) == document["embedding"]["shape"]
    RecognizedFile.model_validate(document)


def test_a_bad_file_does_not_stop_the_others(command_line: CommandLine, tmp_path: Path) -> None:
    text = tmp_path / "text 语音.mp3"
    text.write_text("Dear Sir or Madam, " * 99)
    ended = command_line.run("recognize", text, EXAMPLE, tmp_path / "nowhere.wav", "--json")
    assert ended.code == 6
    first, second, third = ended.documents  # in the order of the files
    assert FailedFile.model_validate(first).error.code == "audio.text"
    assert first["input"] == str(text)
    assert "is text, not audio" in first["error"]["message"]
    assert first["exit_code"] == 3
    assert second["input"] == str(EXAMPLE)
    assert third["error"]["code"] == "audio.no_such_file"
    assert len(command_line.runs()) == 1
    assert f"[1/3] {text}: Error: " in ended.err
    assert "2 of 3 files failed." in ended.err


def test_if_all_files_fail_the_exit_code_is_that_of_the_first(command_line: CommandLine, tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    ended = command_line.run("recognize", empty, tmp_path, LC_ALL="zh_CN.UTF-8")
    assert (ended.code, ended.out) == (3, b"")
    assert "错误：文件 empty.wav 是空的（0 字节）" in ended.err
    assert "是文件夹" in ended.err
    assert command_line.runs() == []


def test_the_full_path_of_the_results(command_line: CommandLine) -> None:
    ended = command_line.run("recognize", EXAMPLE, "--outputs-dir", "here")  # relative to the current folder
    (folder,) = (command_line.outputs_dir.parent / "here").iterdir()
    assert f"Results: {folder} (" in ended.text
    ended = command_line.run("recognize", EXAMPLE, "--outputs-dir", "here", "--json")
    assert ended.documents[0]["folder"].startswith(f"{folder.parent}/outputs_")


def test_standard_input(command_line: CommandLine) -> None:
    ended = command_line.run("recognize", "-", "--json", given=EXAMPLE.read_bytes())
    assert ended.code == 0, ended.err
    assert ended.documents[0]["source"]["file_name"] == "stdin"
    assert ended.documents[0]["source"]["size_bytes"] == EXAMPLE.stat().st_size


def test_standard_input_is_read_up_to_the_limit(command_line: CommandLine) -> None:
    ended = command_line.run("recognize", "-", "--json", given=bytes(1_500_000), SPEECH_EMOTION_MAX_AUDIO_MB="1")
    assert ended.code == 3
    assert ended.documents[0]["error"]["code"] == "audio.too_many_bytes"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--window", "2"], 2, "--window only applies to frame scores"),
        (["--raw"], 2, "Add --granularity frame"),
        (["-g", "frame", "--raw", "--hop", "1"], 2, "--hop, --raw contradict each other"),
        (["-g", "frame", "--window", "1", "--hop", "2"], 2, "window >= hop > 0 is required"),
        (["-g", "frame", "--window", "0"], 2, "more than 0 s and at most 3600 s is required"),
        (["--granularity", "word"], 2, "'utterance', 'frame'"),
        (["--nonsense"], 2, "See bash run.sh recognize --help"),
        (["--model", "large"], 4, "There is no model named large; available: auto, emotion2vec_plus_large, "),
        (["--outputs-dir", EXAMPLE / "inside"], 5, "can't be written to (Not a directory)"),
    ],
)
def test_invalid_arguments(command_line: CommandLine, arguments: list[str], code: int, message: str) -> None:
    ended = command_line.run("recognize", EXAMPLE, *arguments)
    assert (ended.code, ended.out) == (code, b""), ended.err
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert command_line.runs() == []


def test_an_error_of_the_model_is_reported_for_every_file(command_line: CommandLine, tmp_path: Path) -> None:
    large = "emotion2vec_plus_large"
    ended = command_line.run(
        "recognize", EXAMPLE, tmp_path / "nowhere.wav", "--json", "--model", large, SPEECH_EMOTION_MODELS_DIR="/none"
    )
    assert ended.code == 4
    assert [document["error"]["code"] for document in ended.documents] == ["request.weights_absent"] * 2


def test_an_unavailable_device(command_line: CommandLine) -> None:
    torch = pytest.importorskip("torch")
    if torch.backends.mps.is_available():
        pytest.skip("every device is available")
    ended = command_line.run("recognize", EXAMPLE, "--device", "mps", "--json")
    assert ended.code == 4
    assert ended.documents[0]["error"] == {
        "code": "engine.no_device",
        "message": ended.documents[0]["error"]["message"],
        "values": {"found": "mps", "expected": ended.documents[0]["error"]["values"]["expected"]},
    }


def test_text_output_of_frames(command_line: CommandLine) -> None:
    ended = command_line.run("recognize", EXAMPLE, "-g", "frame", "--raw", "--verbose", "--lang", "zh")
    assert ended.code == 0, ended.err
    assert "随时间的变化（18" in ended.text
    assert "窗口 0.02 秒" in ended.text
    assert "[推理] 18" in ended.err  # the log, because of --verbose
    assert "[结果] 已保存到" in ended.err
    assert "本次使用的是内置小模型，而非 Emotion2Vec+ Large" in ended.err  # the warnings in full
    assert "bash run.sh download emotion2vec_plus_large" in ended.err


@pytest.mark.parametrize("clip", ["jfk.flac"])
def test_a_real_recording(command_line: CommandLine, clip: str) -> None:
    path = ROOT.parent / "shared" / "data" / "clips" / clip
    if not path.exists():
        pytest.skip("the shared recordings are not here")
    (document,) = command_line.run("recognize", path, "--json").documents
    assert document["source"]["duration_s"] == pytest.approx(11.0, abs=0.01)
    assert sum(document["scores"].values()) == pytest.approx(1.0, abs=1e-4)
    assert document["scores"][document["emotion"]] == document["confidence"]
    assert document["model"]["name"] == "builtin"
