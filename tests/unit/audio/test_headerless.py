"""Samples without a header: recognised as such, and read in the format that is stated."""

import io
import itertools

import numpy as np
import pytest
import soundfile

from tests.support.audio_files import FORMATS, Samples, chirp, pcm16, riff, stereo, voice
from webui.audio.decode import DecodeLimits, Recording, decode
from webui.audio.options import DecodeOptions, Headerless, RawCodec
from webui.errors import AudioDecodeError

LIMITS = DecodeLimits(max_bytes=50_000_000, max_duration_s=60)
CODECS = {
    RawCodec.ALAW: ("ALAW", None, 30),
    RawCodec.MULAW: ("ULAW", None, 30),
    RawCodec.U8: ("PCM_U8", None, 35),
    RawCodec.S16LE: ("PCM_16", "LITTLE", 80),
    RawCodec.S16BE: ("PCM_16", "BIG", 80),
    RawCodec.S24LE: ("PCM_24", "LITTLE", 95),
    RawCodec.S32LE: ("PCM_32", "LITTLE", 95),
    RawCodec.F32LE: ("FLOAT", "LITTLE", 95),
}
TEXT = "情感识别的结果保存在文件夹里，每次运行一个。请先阅读说明，再选择模型和录音文件！" * 200


def raw(samples: Samples, codec: RawCodec) -> bytes:
    subtype, endian, _ = CODECS[codec]
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="RAW", subtype=subtype, endian=endian)
    return file.getvalue()


def read(data: bytes, written: str) -> Recording:
    return decode(data, limits=LIMITS, options=DecodeOptions(headerless=Headerless.parse(written)))


def refused(data: bytes) -> AudioDecodeError:
    with pytest.raises(AudioDecodeError) as caught:
        decode(data, limits=LIMITS)
    return caught.value


@pytest.mark.parametrize("codec", RawCodec)
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_are_read_in_the_stated_format(codec: RawCodec, channels: int) -> None:
    wave = chirp(1.0)
    recording = read(raw(wave if channels == 1 else stereo(wave, wave), codec), f"{codec},16000,{channels}")

    assert recording.source.channels == channels
    assert recording.source.sample_rate_hz == 16_000
    assert recording.source.format.startswith("raw/pcm_")
    assert recording.warnings == ()
    assert len(recording.waveform) == 16_000
    noise = recording.waveform - wave
    assert 10 * np.log10(np.sum(wave**2) / max(float(np.sum(noise**2)), 1e-30)) > CODECS[codec][2]


def test_pcm_is_the_same_as_in_a_wav() -> None:
    samples = pcm16(voice(1.0))

    from_wav = decode(riff(samples), limits=LIMITS)

    np.testing.assert_array_equal(read(samples, "s16le,16000,1").waveform, from_wav.waveform)
    assert len(read(samples + b"\1", "s16le,16000").waveform) == 16_000  # half a sample is left over


@pytest.mark.parametrize("codec", [*CODECS])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_without_a_format_are_distinguished_from_other_files(codec: RawCodec, channels: int) -> None:
    left, right = voice(3.0), voice(3.0, seed=1) if codec is not RawCodec.S32LE else voice(3.0)
    samples = left if channels == 1 else stereo(left, np.roll(right, 5_000))

    error = refused(raw(samples, codec))

    assert error.code == "audio.headerless"
    likely = Headerless.parse(str(error.values["likely"]))
    assert (likely.codec, likely.channels) == (codec, channels)
    assert str(error.values["likely"]) in str(error)


def test_a_call_that_begins_with_silence() -> None:
    call = np.concatenate([np.zeros(8_000, np.float32), voice(4.0, 8_000)])
    data = raw(call, RawCodec.ALAW)
    assert data[:8_000] == b"\xd5" * 8_000  # valid Chinese text in GBK

    assert refused(data).values["likely"] == "alaw,8000,1"
    assert read(data, "alaw,8000,1").source.duration_s == 5.0


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16", "big5"])
def test_text_stays_text(encoding: str) -> None:
    data = TEXT.encode(encoding, errors="ignore")

    assert refused(data).code in {"audio.text", "audio.unknown_format"}  # Big5 is not distinguished from binary data
    if encoding != "big5":
        assert refused(data).code == "audio.text"


@pytest.mark.parametrize("data", [np.random.default_rng(1).bytes(50_000), bytes(50_000), b"\xd5" * 50_000])
def test_other_bytes_are_not_taken_for_samples(data: bytes) -> None:
    assert refused(data).code in {"audio.unknown_format", "audio.text"}


@pytest.mark.parametrize("form", FORMATS, ids=[form.label for form in FORMATS])
def test_a_known_header_has_priority(form: object) -> None:
    assert isinstance(form, type(FORMATS[0]))
    if form.label in ("mp3", "mp3-22k", "adts", "ts", "ts-mp2", "ac3", "eac3"):
        return  # these formats have no file header
    data = form.make(voice(0.5, form.rate), form.rate)

    np.testing.assert_array_equal(read(data, "alaw,8000,1").waveform, decode(data, limits=LIMITS).waveform)


@pytest.mark.parametrize(
    "written",
    ["", "alaw", "alaw,", "alaw,8k", "g729,8000,1", "alaw,8000,0", "alaw,8000,9", "alaw,100,1", "alaw,8000,1,1", "٣,٣"],
)
def test_formats_that_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"expected|out of range|not a valid"):
        Headerless.parse(written)


def test_ways_to_write_a_format() -> None:
    assert all(
        Headerless.parse(codec + separator + "8000") == Headerless(RawCodec.ALAW, 8_000, 1)
        for codec, separator in itertools.product(("alaw", "ALAW", " alaw"), (",", ", ", "，"))
    )
