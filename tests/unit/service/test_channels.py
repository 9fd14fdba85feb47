"""A result for every channel: equal to a mono run, with its own files, and with its own seconds charged."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import soundfile

from tests.support.audio_files import Samples, stereo, voice, with_soundfile
from tests.support.fake_model import FakeModel, FakeRegistry
from tests.support.paths import EXAMPLE
from tests.support.waiting import Clock
from webui import storage
from webui.audio.options import MAX_SEPARATE_CHANNELS
from webui.audio.sample_store import MemoryStore
from webui.errors import AudioDecodeError, RequestError, TooOftenError
from webui.labels import Emotion
from webui.results import ChannelResult, Granularity, RecognitionResult
from webui.service import RecognitionService, RecognizeOptions
from webui.service.jobs.runner import JobRunner
from webui.service.jobs.tables import COLUMNS, TableFormat, write_table
from webui.service.recognition.options import AnalysisOptions
from webui.service.serving.audio_budget import AudioBudget, Charge
from webui.settings import Settings
from webui.storage.job_store import JobStore
from webui.storage.spool import MEMORY_BYTES
from webui.storage.writers import MAX_CHANNEL_FILES

pytestmark = pytest.mark.model  # the speech finder needs PyTorch

RATE = 16_000
SEPARATE = {"channels": "separate"}


def wav(samples: Samples, rate: int = RATE) -> bytes:
    return with_soundfile(samples, rate, format="WAV", subtype="PCM_16")


def two_speakers() -> tuple[Samples, Samples]:
    """Speech, and the same speech a second later and quieter; the speech detector finds both."""
    speech, _rate = soundfile.read(EXAMPLE, dtype="float32")
    pause = np.zeros(RATE, np.float32)
    return np.concatenate([speech, pause]), np.concatenate([pause, 0.3 * speech])


@pytest.fixture
def service(tmp_path: Path) -> RecognitionService:
    settings = Settings(outputs_dir=tmp_path / "outputs")
    return RecognitionService(settings, FakeRegistry(settings))


def check_same(channel: ChannelResult, mono: RecognitionResult) -> None:
    for name in ("emotion", "embedding"):
        found, expected = getattr(channel, name), getattr(mono, name)
        assert found == expected or (name == "embedding" and found.shape == expected.shape)
    np.testing.assert_allclose(list(channel.scores.values()), list(mono.scores.values()), atol=1e-5)
    assert (channel.frames is None, channel.segments is None) == (mono.frames is None, mono.segments is None)
    if channel.frames is not None and mono.frames is not None:
        assert channel.frames.start_s == mono.frames.start_s
        for emotion in Emotion:
            np.testing.assert_allclose(channel.frames.scores[emotion], mono.frames.scores[emotion], atol=1e-5)
    for found, expected in zip(channel.segments or (), mono.segments or (), strict=True):
        assert (found.start_s, found.end_s, found.emotion) == (expected.start_s, expected.end_s, expected.emotion)
        np.testing.assert_allclose(list(found.scores.values()), list(expected.scores.values()), atol=1e-5)


@pytest.mark.parametrize("granularity", list(Granularity))
@pytest.mark.parametrize("model", ["fake", "builtin"])
def test_every_channel_equals_the_mono_run(tmp_path: Path, granularity: Granularity, model: str) -> None:
    settings = Settings(outputs_dir=tmp_path, model=model)
    service = RecognitionService(settings, FakeRegistry(settings) if model == "fake" else None)
    options = {"granularity": granularity, "extract_embedding": True}
    left, right = two_speakers()

    both = service.recognize(wav(stereo(left, right)), RecognizeOptions.of(**options, **SEPARATE))
    mixed = service.recognize(wav(stereo(left, right)), RecognizeOptions.of(**options)).result

    assert both.result.channels is not None
    for channel, samples in zip(both.result.channels, (left, right), strict=True):
        mono = service.recognize(wav(samples), RecognizeOptions.of(**options))
        check_same(channel, mono.result)
        assert channel.embedding is not None
        found = np.load(both.folder / channel.embedding.file)
        np.testing.assert_allclose(found, np.load(mono.folder / "embedding.npy"), atol=1e-5)
        assert channel.audio_file is not None
        assert (both.folder / channel.audio_file).read_bytes() == (mono.folder / "processed_audio.wav").read_bytes()
    keys = {"emotion", "confidence", "scores", "frames", "segments", "embedding"}
    assert both.result.model_dump(include=keys) == mixed.model_dump(include=keys)
    assert mixed.channels is None
    if granularity is Granularity.SEGMENT:
        assert all(channel.segments for channel in both.result.channels)


def test_the_document_and_the_files(service: RecognitionService) -> None:
    options = RecognizeOptions.of(channel_names="customer, agent", extract_embedding=True, **SEPARATE)
    done = service.recognize(wav(stereo(*two_speakers())), options)
    document = json.loads((done.folder / "result.json").read_text("utf-8"))
    assert list(document)[:5] == ["emotion", "confidence", "scores", "granularity", "timestamp"]
    assert [(channel["index"], channel["name"], channel["audio_file"]) for channel in document["channels"]] == [
        (0, "customer", "processed_audio_channel_0.wav"),
        (1, "agent", "processed_audio_channel_1.wav"),
    ]
    assert [channel["embedding"]["file"] for channel in document["channels"]] == [
        "embedding_channel_0.npy",
        "embedding_channel_1.npy",
    ]
    assert [file.name for file in done.files] == [
        "embedding.npy",
        "embedding_channel_0.npy",
        "embedding_channel_1.npy",
        "log.txt",
        "processed_audio.wav",
        "processed_audio_channel_0.wav",
        "processed_audio_channel_1.wav",
        "result.json",
    ]
    assert "channel customer: " in (done.folder / "log.txt").read_text("utf-8")
    assert RecognitionResult.model_validate_json(done.result.to_json()).channels is not None


def test_frame_scores_of_channels_in_files(tmp_path: Path) -> None:
    settings = Settings(outputs_dir=tmp_path, max_json_rows=40)
    service = RecognitionService(settings, FakeRegistry(settings))
    options = {"granularity": Granularity.FRAME, "raw_frames": True}
    left, right = two_speakers()
    done = service.recognize(wav(stereo(left, right)), RecognizeOptions.of(**options, **SEPARATE))
    for channel, samples in zip(done.result.channels or (), (left, right), strict=True):
        assert channel.frames is not None
        assert channel.frames.file == f"frames_channel_{channel.index}.parquet"
        mono = service.recognize(wav(samples), RecognizeOptions.of(**options))
        found = pyarrow.parquet.read_table(done.folder / channel.frames.file).to_pandas()
        expected = pyarrow.parquet.read_table(mono.folder / "frames.parquet").to_pandas()
        np.testing.assert_allclose(found, expected, atol=1e-5)
    answer = service.analyze(wav(stereo(left, right)), AnalysisOptions.of(**options, **SEPARATE))
    assert [part.frames.file for part in (answer, *(answer.channels or ())) if part.frames is not None] == [None] * 3
    assert [channel.audio_file for channel in answer.channels or ()] == [None, None]
    (warning,) = (warning for warning in answer.warnings if warning.code == "request.frames_left_out")
    assert answer.frames is not None
    assert warning.values == {"rows": answer.frames.rows, "expected": 40}


def test_separate_channels_of_a_mono_file_run_the_model_once(tmp_path: Path) -> None:
    settings = Settings(outputs_dir=tmp_path)
    model = FakeModel()
    service = RecognitionService(settings, FakeRegistry(settings, model))
    options = RecognizeOptions.of(extract_embedding=True, channel_names="customer,agent", **SEPARATE)
    done = service.recognize(wav(voice(2.0)), options)
    assert len(model.window_lengths) == 1
    (channel,) = done.result.channels or ()
    assert (channel.index, channel.name, channel.audio_file) == (0, None, "processed_audio.wav")
    assert channel.scores == done.result.scores
    assert channel.embedding == done.result.embedding
    assert [file.name for file in done.files] == ["embedding.npy", "log.txt", "processed_audio.wav", "result.json"]


def test_a_silent_channel_and_one_40_db_lower(service: RecognitionService) -> None:
    speech, _ = two_speakers()
    columns = np.stack([speech, np.zeros_like(speech), 0.01 * speech], axis=1)
    options = RecognizeOptions.of(granularity="segment", **SEPARATE)
    loud, silent, quiet = service.recognize(wav(columns), options).result.channels or ()
    assert [warning.code for warning in silent.warnings] == ["audio.no_speech", "request.no_speech"]
    assert silent.segments == ()
    assert loud.segments
    assert loud.warnings == ()
    mono = service.recognize(wav(0.01 * speech), RecognizeOptions.of(granularity="segment")).result
    check_same(quiet, mono)
    assert quiet.warnings == mono.warnings


def test_six_channels(service: RecognitionService) -> None:
    columns = np.stack([voice(2.0, seed=seed) for seed in range(6)], axis=1)
    result = service.recognize(wav(columns), RecognizeOptions.of(**SEPARATE)).result
    assert [channel.index for channel in result.channels or ()] == list(range(6))
    for channel in result.channels or ():
        check_same(channel, service.recognize(wav(columns[:, channel.index])).result)


def test_one_channel_is_the_whole_answer(service: RecognitionService) -> None:
    left, right = two_speakers()
    for index, samples in enumerate((left, right)):
        result = service.recognize(wav(stereo(left, right)), RecognizeOptions.of(channels=str(index))).result
        mono = service.recognize(wav(samples)).result
        np.testing.assert_allclose(list(result.scores.values()), list(mono.scores.values()), atol=1e-5)
        assert (result.source.channel, result.channels) == (index, None)
    with pytest.raises(AudioDecodeError, match=r"no channel 8 \(number 7"):
        service.recognize(wav(stereo(left, right)), RecognizeOptions.of(channels=7))


@pytest.mark.parametrize("values", [{"channels": "both"}, {"channels": -1}, {"channel_names": "a,a"}])
def test_bad_values_are_explained(values: dict[str, object]) -> None:
    with pytest.raises(RequestError) as refused:
        RecognizeOptions.of(**values)
    assert refused.value.code in {"request.bad_channels", "request.bad_channel_names"}


def test_a_second_is_charged_once_per_channel(tmp_path: Path) -> None:
    settings = Settings(outputs_dir=tmp_path, max_audio_s_per_hour=100.0)
    service = RecognitionService(settings, FakeRegistry(settings))
    service.budget = AudioBudget(100.0, Clock(0.0))

    def used() -> float:
        return sum(entry.seconds for entry in service.budget._callers["anna"])

    data = wav(np.stack([voice(10.0, seed=seed) for seed in range(3)], axis=1))
    service.recognize(data, RecognizeOptions.of(**SEPARATE), caller="anna")
    assert used() == pytest.approx(30.0, abs=0.01)
    service.recognize(data, caller="anna")
    assert used() == pytest.approx(40.0, abs=0.01)
    service.recognize(wav(voice(10.0)), RecognizeOptions.of(**SEPARATE), caller="anna")
    service.recognize(data, RecognizeOptions.of(channels=2), caller="anna")
    assert used() == pytest.approx(60.0, abs=0.01)
    with pytest.raises(TooOftenError):
        service.recognize(wav(np.stack([voice(10.0)] * 5, axis=1)), RecognizeOptions.of(**SEPARATE), caller="anna")
    assert used() == pytest.approx(60.0, abs=0.01), "nothing was decoded"


def test_attempts_at_one_recording_are_charged_for_the_most_channels(tmp_path: Path) -> None:
    settings = Settings(outputs_dir=tmp_path, max_audio_s_per_hour=100.0)
    service = RecognitionService(settings, FakeRegistry(settings))
    charge = Charge(service.budget, "anna")
    new_store = charge.metered(MemoryStore)
    for channels, expected in ((2, 20.0), (1, 20.0), (3, 30.0)):  # attempts at the same recording
        store = new_store()
        store.expect(10 * RATE)
        charge.count_channels(channels)
        store.append(np.zeros(10 * RATE, np.float32))
        charge.settle()
        assert sum(entry.seconds for entry in service.budget._callers["anna"]) == pytest.approx(expected)


def test_the_limit_of_a_recording_is_not_multiplied(tmp_path: Path) -> None:
    settings = Settings(outputs_dir=tmp_path, max_audio_s=11.0)
    service = RecognitionService(settings, FakeRegistry(settings))
    data = wav(np.stack([voice(10.0, seed=seed) for seed in range(4)], axis=1))
    assert len(service.recognize(data, RecognizeOptions.of(**SEPARATE)).result.channels or ()) == 4


def test_the_spools_of_channels_share_the_memory_of_one(tmp_path: Path) -> None:
    draft = storage.RunDraft(tmp_path, tmp_path, None)  # type: ignore[arg-type]
    spools = [draft.channel_spool() for _ in range(8)]
    assert sum(spool._memory_bytes for spool in spools) <= MEMORY_BYTES
    assert MAX_CHANNEL_FILES == MAX_SEPARATE_CHANNELS


def test_a_row_per_channel(tmp_path: Path) -> None:
    settings = Settings(outputs_dir=tmp_path / "outputs")
    store = JobStore(tmp_path / "jobs.sqlite")
    runner = JobRunner(RecognitionService(settings, FakeRegistry(settings)), store)
    (tmp_path / "call.wav").write_bytes(wav(stereo(*two_speakers())))
    (tmp_path / "memo.wav").write_bytes(wav(voice(1.0)))
    (tmp_path / "text.wav").write_bytes(b"not audio")
    files = [(name, str(tmp_path / name)) for name in ("call.wav", "memo.wav", "text.wav")]
    wanted = {"separate": {"channel_names": "customer,agent", **SEPARATE}, "mix": {}, "second": {"channels": 0}}
    for job, values in wanted.items():
        runner.submit(files, AnalysisOptions.of(**values), job=job)
    runner.start()
    for job in wanted:
        while not (record := runner.wait(job, 5.0)) or not record.ended:
            pass
    runner.stop()

    def rows(job: str, kind: TableFormat) -> list[dict[str, object]]:
        path = tmp_path / f"{job}.{kind.value}"
        write_table(store.items(job), path, kind)
        if kind is TableFormat.CSV:
            return list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
        return pyarrow.parquet.read_table(path).to_pylist()

    for kind, empty in ((TableFormat.CSV, ""), (TableFormat.PARQUET, None)):
        found = rows("separate", kind)
        assert tuple(found[0]) == COLUMNS
        assert [(row["path"], row["channel"]) for row in found] == [
            ("call.wav", "customer"),
            ("call.wav", "agent"),
            ("memo.wav", "0"),
            ("text.wav", empty),
        ]
        assert found[0]["angry"] != found[1]["angry"]
        assert [row["channel"] for row in rows("mix", kind)] == [empty] * 3
        assert [row["channel"] for row in rows("second", kind)] == ["0", empty, empty]
    path = tmp_path / "separate.jsonl"
    write_table(store.items("separate"), path, TableFormat.JSONL)
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [len(line.get("channels", [])) for line in lines] == [2, 1, 0]
    assert float(str(rows("separate", TableFormat.CSV)[1]["happy"])) == lines[0]["channels"][1]["scores"]["happy"]
