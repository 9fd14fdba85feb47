"""A file that names other files must never make the decoder open them."""

from pathlib import Path

import av
import pytest

from tests.support.audio_files import pcm16, riff, voice, with_pyav
from tests.support.playlists import playlists
from webui.audio import layout
from webui.audio.decode import DecodeLimits, decode
from webui.audio.readers import pyav_reader
from webui.errors import AudioDecodeError

LIMITS = DecodeLimits(max_bytes=5_000_000, max_duration_s=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with recordings that must not be opened."""
    (tmp_path / "secret.wav").write_bytes(riff(pcm16(voice(2.0))))
    (tmp_path / "secret.aac").write_bytes(with_pyav(voice(2.0), 16_000, container="adts", codec="aac"))
    return tmp_path


def test_ffmpeg_without_the_checks_opens_other_files(folder: Path) -> None:
    """Without this project's checks FFmpeg decodes the other file."""
    path = folder / "song.mp3"
    path.write_text(playlists(folder)["ffconcat"])

    with av.open(str(path), options={"safe": "0"}) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == 32_000


@pytest.mark.parametrize("name", playlists(Path()))
def test_playlists_are_refused(name: str, folder: Path) -> None:
    path = folder / "song.mp3"
    path.write_text(playlists(folder)[name])

    for given in (path, path.read_bytes()):
        with pytest.raises(AudioDecodeError) as caught:
            decode(given, limits=LIMITS)
        assert caught.value.code == ("audio.text" if name == "M3U" else "audio.playlist")


@pytest.mark.parametrize("kept", ["format_whitelist", "protocol_whitelist"])
@pytest.mark.parametrize("name", playlists(Path()))
def test_either_whitelist_is_sufficient(name: str, kept: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the check of the first bytes, and with only one of the two options, nothing is opened."""
    monkeypatch.setattr(layout, "reject_other_formats", lambda *_: None)
    options = {key: value for key, value in pyav_reader._OPEN_OPTIONS.items() if key == kept}
    assert len(options) == 1
    monkeypatch.setattr(pyav_reader, "_OPEN_OPTIONS", options | {"safe": "0"})
    path = folder / "song.mp3"
    path.write_text(playlists(folder)[name])

    for given in (path, path.read_bytes()):
        with pytest.raises(AudioDecodeError):
            decode(given, limits=LIMITS)


def test_a_playlist_with_binary_bytes(folder: Path) -> None:
    data = playlists(folder)["ffconcat"].encode() + b"# \x00\x01\n"

    with pytest.raises(AudioDecodeError) as caught:
        decode(data, limits=LIMITS)

    assert caught.value.code == "audio.unknown_format"
