"""Base64 texts: line breaks, both alphabets, padding, data: URLs as files and in requests."""

import base64
from pathlib import Path

import numpy as np
import pytest

from tests.support.paths import EXAMPLE
from webui.api.sources import decoded
from webui.audio import base64_text
from webui.audio.base64_text import decode_base64
from webui.audio.decode import DecodeLimits, decode
from webui.errors import AudioDecodeError, AudioTooLongError, RequestError

CONTENT = EXAMPLE.read_bytes()
STANDARD = base64.b64encode(CONTENT).decode()
RANDOM = np.random.default_rng(1).bytes(1001)  # encoded, it contains "+", "/" and padding
LIMITS = DecodeLimits.of(max_mb=1, max_duration_s=60)


@pytest.mark.parametrize(
    "written",
    [
        base64.b64encode(RANDOM),
        base64.encodebytes(RANDOM),
        base64.encodebytes(RANDOM).replace(b"\n", b"\r\n "),
        base64.urlsafe_b64encode(RANDOM),
        base64.urlsafe_b64encode(RANDOM).rstrip(b"="),
        b"data:audio/webm;base64," + base64.b64encode(RANDOM),
        b"\n data:audio/webm;codecs=opus;BASE64," + base64.encodebytes(RANDOM),
        b"data:;base64," + base64.b64encode(RANDOM),
    ],
    ids=["standard", "lines", "CRLF", "URL-safe", "unpadded", "data:", "data: with lines", "data: without a type"],
)
def test_requests(written: bytes) -> None:
    assert decoded(written.decode()) == RANDOM


def test_pieces_of_any_size() -> None:
    text = base64.encodebytes(RANDOM)
    for size in (1, 2, 3, 5, 77, 4096):
        assert b"".join(decode_base64(text[at : at + size] for at in range(0, len(text), size))) == RANDOM


@pytest.mark.parametrize(
    "written", ["AAAAA", "AAAAAA", "AA=A", "AAA==", "AA===", "A=", "AA*A", "录音", "AA==AAAA", "data:audio/wav,AAAA"]
)
def test_other_texts_are_refused(written: str) -> None:
    with pytest.raises(RequestError) as caught:
        decoded(written)
    assert caught.value.code == "api.bad_base64"


@pytest.mark.parametrize(
    "prefix", ["data:audio/wav;base64,", "DATA:audio/webm;codecs=opus;base64,", "\ufeff\ndata:;base64,"]
)
@pytest.mark.parametrize("in_memory", [True, False])
def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str, in_memory: bool) -> None:
    if not in_memory:
        monkeypatch.setattr(base64_text, "IN_MEMORY_BYTES", 1000)
    file = tmp_path / "miniprogram.silk"
    file.write_text(prefix + base64.encodebytes(CONTENT).decode(), "utf-8")
    expected = decode(CONTENT, limits=LIMITS)
    for source in (file, file.read_bytes()):
        found = decode(source, limits=LIMITS)
        np.testing.assert_array_equal(found.waveform, expected.waveform)
        assert found.source.size_bytes == len(CONTENT)
        assert found.source.format == expected.source.format


def test_a_damaged_file_has_its_own_error(tmp_path: Path) -> None:
    file = tmp_path / "a.silk"
    file.write_text(f"data:audio/wav;base64,{STANDARD[:1000]}***")
    with pytest.raises(AudioDecodeError, match="not valid base64"):
        decode(file, limits=LIMITS)


def test_the_decoded_content_is_checked_like_any_file(tmp_path: Path) -> None:
    file = tmp_path / "a.silk"
    file.write_bytes(b"data:audio/wav;base64," + base64.b64encode(b"#EXTM3U\n/etc/passwd\n"))
    with pytest.raises(AudioDecodeError) as caught:
        decode(file, limits=LIMITS)
    assert caught.value.code == "audio.playlist"
    file.write_bytes(b"data:audio/wav;base64," + base64.b64encode(bytes(1_000_000)))
    with pytest.raises(AudioTooLongError):
        decode(file, limits=LIMITS)
