"""Recordings without speech get a warning, whatever the granularity; voices that are not speech don't."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.fake_model import FakeRegistry
from tests.support.noises import noises, voices
from tests.support.paths import EXAMPLE, SHARED
from webui.audio import vad
from webui.audio.vad import has_speech
from webui.audio.voice import has_voice
from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions
from webui.service.jobs.tables import TableFormat, write_table
from webui.service.recognition.options import AnalysisOptions
from webui.settings import Settings
from webui.storage.job_store import Item, ItemState

RATE = 16_000
CODE = "request.no_speech"
NOISES, VOICES = noises(), voices()


pytestmark = pytest.mark.model  # the speech finder needs PyTorch


@pytest.fixture
def service(tmp_path: Path) -> RecognitionService:
    settings = Settings(outputs_dir=tmp_path / "outputs")
    return RecognitionService(settings, FakeRegistry(settings))


def written(folder: Path, sound: np.ndarray) -> Path:
    path = folder / "sound.wav"
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    return path


def codes(service: RecognitionService, path: Path, granularity: Granularity) -> list[str]:
    found = service.recognize(path, RecognizeOptions(granularity=granularity)).result
    return [warning.code for warning in found.warnings]


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize("name", NOISES)
def test_noise_has_a_warning(service: RecognitionService, tmp_path: Path, name: str, granularity: Granularity) -> None:
    assert CODE in codes(service, written(tmp_path, NOISES[name]), granularity)


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize("name", VOICES)
def test_other_voices_have_no_warning(
    service: RecognitionService, tmp_path: Path, name: str, granularity: Granularity
) -> None:
    assert CODE not in codes(service, written(tmp_path, VOICES[name]), granularity)


@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_speech_has_no_warning(service: RecognitionService, tmp_path: Path, gain: float) -> None:
    speech = soundfile.read(EXAMPLE)[0] * gain
    late = np.concatenate([0.001 * np.random.default_rng(2).standard_normal(60 * RATE), speech])
    for granularity in Granularity:
        assert CODE not in codes(service, written(tmp_path, late), granularity)


def test_silence_has_one_such_warning(service: RecognitionService, tmp_path: Path) -> None:
    silent = written(tmp_path, np.zeros(2 * RATE))
    assert codes(service, silent, Granularity.UTTERANCE) == ["audio.no_speech"]
    assert codes(service, silent, Granularity.SEGMENT) == ["audio.no_speech", CODE]


def test_jobs_and_their_tables_have_the_warning(service: RecognitionService, tmp_path: Path) -> None:
    result = service.analyze(written(tmp_path, NOISES["white"]), AnalysisOptions())
    item = Item(job="j", number=0, name="a.wav", place="a.wav", state=ItemState.DONE, outcome=result.model_dump_json())
    write_table([item], tmp_path / "table.csv", TableFormat.CSV)
    (row,) = csv.DictReader((tmp_path / "table.csv").open(encoding="utf-8-sig"))
    assert row["warnings"] == CODE


def test_a_recording_is_read_in_blocks_until_speech_is_found() -> None:
    read: list[int] = []

    class Recording(np.ndarray):
        def __getitem__(self, key: slice) -> np.ndarray:  # type: ignore[override]
            part = np.asarray(self)[key]
            read.append(len(part))
            return part

    speech = soundfile.read(EXAMPLE, dtype="float32")[0]
    noise = np.tile(NOISES["white"], 20)
    assert has_speech(np.concatenate([speech, noise]).view(Recording))
    assert read == [vad.BLOCK_FRAMES * vad.FRAME]
    read.clear()
    recording = noise.view(Recording)
    assert not has_speech(recording)
    assert not has_voice(recording)
    assert max(read) < 17 * RATE


def test_without_the_package_there_is_no_warning(
    service: RecognitionService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vad._session.cache_clear()
    with monkeypatch.context() as lacking:
        lacking.setattr(vad, "find_spec", lambda _name: None)
        assert codes(service, written(tmp_path, NOISES["white"]), Granularity.UTTERANCE) == []


@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="real speech is not beside this checkout")
def test_intense_speech_of_many_actors_has_no_warning() -> None:
    import random

    from webui.audio.decode import DecodeLimits, decode

    limits = DecodeLimits(max_bytes=100_000_000, max_duration_s=60.0)
    clips = [
        *sorted((SHARED / "data" / "more" / "crema-d").rglob("*_HI.opus")),
        *sorted((SHARED / "data" / "speech" / "ravdess").rglob("03-01-0[456]-02-*.opus")),
    ]
    missed = 0
    for clip in random.Random(4).sample(clips, 120):
        waveform = decode(clip, limits=limits).waveform
        missed += not has_speech(waveform) and not has_voice(waveform)
    assert missed <= 1
