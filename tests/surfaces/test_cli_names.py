"""File names that are not UTF-8, or look like options, on the command line."""

import csv
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.cli_process import EXAMPLE, CommandLine
from webui.audio.decode import DecodeLimits, decode
from webui.errors import AudioDecodeError, AudioFetchError
from webui.files import printable_name
from webui.service.evaluate.manifest import read_labelled

GBK = "客户录音".encode("gbk") + b".wav"
SHOWN = r"\xbfͻ\xa7¼\xd2\xf4.wav"  # four of its bytes happen to be UTF-8
APPLE_DOUBLE = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(4072)
DS_STORE = b"\0\0\0\1Bud1" + bytes(6140)
posix = pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="this system's names are always Unicode")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    return folder


def put(folder: Path, name: bytes, content: bytes | None = None) -> str:
    path = os.fsencode(folder) + b"/" + name
    with open(path, "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(EXAMPLE.read_bytes() if content is None else content)
    return os.fsdecode(path)


def test_names_stay_different_and_printable() -> None:
    names = [os.fsdecode(GBK), os.fsdecode(b"\xff\xfe.wav"), os.fsdecode(b"\xff\xfd.wav"), "a\nb.wav", "录音 1.wav"]
    shown = [printable_name(name) for name in names]
    assert shown[0] == SHOWN
    assert shown[3:] == ["a\\nb.wav", "录音 1.wav"]
    assert len(set(shown)) == len(names)
    assert all(name.encode("utf-8").decode("utf-8").isprintable() for name in shown)


def test_every_message_can_be_written() -> None:
    error = AudioFetchError("audio.no_such_file", found=f"/a/{os.fsdecode(GBK)}")
    assert SHOWN in str(error).encode("utf-8").decode("utf-8")


@posix
def test_a_batch_with_such_names_is_completed_and_resumed(
    command_line: CommandLine, folder: Path, tmp_path: Path
) -> None:
    put(folder, GBK)
    put(folder, b"bad-\xff.wav", b"nothing")
    shutil.copy(EXAMPLE, folder / "plain.wav")
    table = tmp_path / "results.csv"
    ended = command_line.run("batch", str(folder), "--out", str(table))
    assert ended.code == 6
    assert r"bad-\xff.wav: " in ended.err
    assert "Traceback" not in ended.err
    states = {row["path"]: row["state"] for row in csv.DictReader(table.open(encoding="utf-8-sig"))}
    assert states == {SHOWN: "done", r"bad-\xff.wav": "failed", "plain.wav": "done"}
    put(folder, b"bad-\xff.wav")
    ended = command_line.run("batch", str(folder), "--out", str(table), "--resume")
    assert ended.code == 0, ended.err
    assert "2 of 3 are already done" in ended.err
    states = {row["path"]: row["state"] for row in csv.DictReader(table.open(encoding="utf-8-sig"))}
    assert set(states.values()) == {"done"}
    assert len(states) == 3


@posix
def test_recognize_accepts_names_that_are_not_utf_8(command_line: CommandLine, folder: Path) -> None:
    good, bad = put(folder, GBK), put(folder, b"\xff.wav", b"nothing")
    ended = command_line.run("recognize", good, bad, good.replace("recordings", "absent"), "--json", "--verbose")
    assert ended.code == 6
    documents = [json.loads(line) for line in ended.out.decode("utf-8").splitlines()]
    assert documents[0]["input"].endswith(SHOWN)
    assert documents[1]["input"].endswith(r"\xff.wav")
    assert documents[2]["error"]["values"]["found"].endswith(SHOWN)
    (log,) = command_line.outputs_dir.rglob("log.txt")
    log.read_text("utf-8")
    assert "Traceback" not in ended.err
    assert SHOWN in command_line.run("recognize", good).text


def test_hidden_files_of_a_folder_are_skipped(command_line: CommandLine, folder: Path, tmp_path: Path) -> None:
    for name in ("one.wav", ".hidden.wav", ".trash/two.wav", "sub/three.wav", "__MACOSX/._one.wav"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(EXAMPLE, folder / name)
    put(folder, b"._one.wav", APPLE_DOUBLE)
    put(folder, b".DS_Store", DS_STORE)
    table = tmp_path / "results.csv"
    ended = command_line.run("batch", str(folder), "--out", str(table))
    assert ended.code == 0, ended.err
    assert [row["path"] for row in csv.DictReader(table.open(encoding="utf-8-sig"))] == ["one.wav", "sub/three.wav"]


def test_macos_metadata_has_its_own_error(folder: Path) -> None:
    limits = DecodeLimits.of(max_mb=1, max_duration_s=60)
    with pytest.raises(AudioDecodeError, match=r"\._one\.wav is macOS metadata beside one\.wav, not audio"):
        decode(Path(put(folder, b"._one.wav", APPLE_DOUBLE)), limits=limits)
    with pytest.raises(AudioDecodeError, match=r"macOS \.DS_Store"):
        decode(Path(put(folder, b".DS_Store", DS_STORE)), limits=limits)


def test_evaluation_skips_hidden_files(folder: Path) -> None:
    for name in ("angry/a.wav", "angry/._a.wav", "sad/b.wav", "sad/.cache/c.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(EXAMPLE, folder / name)
    found = read_labelled(folder)
    assert sorted(clip.path.relative_to(folder).as_posix() for clip in found) == ["angry/a.wav", "sad/b.wav"]


@pytest.mark.parametrize("command", ["recognize", "batch"])
@pytest.mark.parametrize("name", ["-dash.wav", "-x.mp3", "--two.WAV", "-o.wav"])
def test_a_name_that_looks_like_an_option(command_line: CommandLine, command: str, name: str) -> None:
    ended = command_line.run(command, name)
    assert ended.code == 2
    assert f"write ./{name}, or -- before the files" in ended.err
    assert f"请写成 ./{name}" in command_line.run("--lang", "zh", command, name).err


def test_a_file_without_a_suffix_that_looks_like_an_option(command_line: CommandLine, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE, tmp_path / "-recording")
    assert "write ./-recording, or --" in command_line.run("recognize", "-recording").err
    assert "begins with a dash" not in command_line.run("recognize", "--no-such-option").err
    assert "begins with a dash" not in command_line.run("recognize", "--", "-absent.wav").err
    ended = command_line.run("recognize", "--json", "--", "-recording")
    assert ended.documents[0]["source"]["file_name"] == "-recording"
