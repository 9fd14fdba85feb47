"""A file that names other files must never make the decoder open them."""

from pathlib import Path

import av
import pytest

from tests.support.audio_files import pcm16, riff, voice, with_pyav
from webui.audio import layout as door
from webui.audio.decode import DecodeLimits, decode
from webui.audio.readers import pyav_reader
from webui.errors import AudioDecodeError

LIMITS = DecodeLimits(max_bytes=5_000_000, max_duration_s=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with recordings that nobody asked for."""
    (tmp_path / "secret.wav").write_bytes(riff(pcm16(voice(2.0))))
    (tmp_path / "secret.aac").write_bytes(with_pyav(voice(2.0), 16_000, container="adts", codec="aac"))
    return tmp_path


def scripts(folder: Path) -> dict[str, str]:
    hls = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n{}\n#EXT-X-ENDLIST\n"
    return {
        "ffconcat": f"ffconcat version 1.0\nfile '{folder}/secret.wav'\n",
        "ffconcat beside": "ffconcat version 1.0\nfile secret.wav\n",
        "ffconcat url": f"ffconcat version 1.0\nfile 'file:{folder}/secret.wav'\n",
        "HLS": hls.format(f"{folder}/secret.aac"),
        "HLS beside": hls.format("secret.aac"),
        "M3U": f"{folder}/secret.wav\n",
        "PLS": f"[playlist]\nFile1={folder}/secret.wav\nNumberOfEntries=1\n",
        "XSPF": f'<?xml version="1.0"?>\n<playlist><location>file://{folder}/secret.wav</location></playlist>',
    }


def test_the_danger_is_real(folder: Path) -> None:
    """FFmpeg left alone plays the other file."""
    path = folder / "song.mp3"
    path.write_text(scripts(folder)["ffconcat"])

    with av.open(str(path), options={"safe": "0"}) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == 32_000


@pytest.mark.parametrize("name", scripts(Path()))
def test_playlists_are_named_and_refused(name: str, folder: Path) -> None:
    path = folder / "song.mp3"
    path.write_text(scripts(folder)[name])

    for given in (path, path.read_bytes()):
        with pytest.raises(AudioDecodeError) as caught:
            decode(given, limits=LIMITS)
        assert caught.value.code == ("audio.text" if name == "M3U" else "audio.playlist")


@pytest.mark.parametrize("kept", ["format_whitelist", "protocol_whitelist"])
@pytest.mark.parametrize("name", scripts(Path()))
def test_either_whitelist_alone_would_do(name: str, kept: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the look at the first bytes, and with one of the two options alone, still nothing is opened."""
    monkeypatch.setattr(door, "reject_other_formats", lambda *_: None)
    options = {key: value for key, value in pyav_reader._OPEN_OPTIONS.items() if key == kept}
    assert len(options) == 1
    monkeypatch.setattr(pyav_reader, "_OPEN_OPTIONS", options | {"safe": "0"})
    path = folder / "song.mp3"
    path.write_text(scripts(folder)[name])

    for given in (path, path.read_bytes()):
        with pytest.raises(AudioDecodeError):
            decode(given, limits=LIMITS)


def test_a_script_disguised_by_a_byte_that_is_no_text(folder: Path) -> None:
    data = scripts(folder)["ffconcat"].encode() + b"# \x00\x01\n"

    with pytest.raises(AudioDecodeError) as caught:
        decode(data, limits=LIMITS)

    assert caught.value.code == "audio.unknown_format"
