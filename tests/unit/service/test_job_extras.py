"""Embeddings of a job as one array, and its frame scores as a long table."""

import csv
import io
import json
import threading
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import soundfile

from tests.support.audio_files import stereo, voice
from tests.support.fake_model import FEATURES, FakeModel, FakeRegistry
from tests.support.waiting import wait_until
from webui.engine.protocol import Prediction, Window
from webui.errors import OutputError, RequestError
from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions
from webui.service.jobs.embeddings import ArrayFormat, names_file, read_embeddings, write_embeddings
from webui.service.jobs.frame_tables import FRAME_COLUMNS, layout_of
from webui.service.jobs.runner import JobRunner
from webui.service.jobs.tables import SCORES, TableFormat, write_table
from webui.settings import Settings
from webui.storage.job_extras import JobExtras, StoredEmbedding, extras_in
from webui.storage.job_store import Item, ItemState, JobStore

RATE = 16_000
NAMES = ("=one.wav", "情感.wav", "bad.wav", "call.wav")


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs.sqlite")


@pytest.fixture
def clips(tmp_path: Path) -> list[tuple[str, str]]:
    for number, name in enumerate(NAMES):
        sound = voice(1.0 + 0.2 * number, seed=number)
        soundfile.write(tmp_path / name, stereo(sound, 0.5 * voice(1.6, seed=9)) if number == 3 else sound, RATE)
    (tmp_path / "bad.wav").write_bytes(b"not audio")
    return [(name, str(tmp_path / name)) for name in NAMES]


def runner_of(store: JobStore, model: FakeModel | None = None, **values: int) -> JobRunner:
    settings = Settings(outputs_dir=store.path.parent / "outputs", **values)
    return JobRunner(RecognitionService(settings, FakeRegistry(settings, model)), store)


def process(runner: JobRunner, clips: Sequence[tuple[str, str]], **options: object) -> str:
    """Runs a job to its end and returns its id."""
    job = runner.submit(clips, RecognizeOptions.of(**options)).id
    runner.start()
    wait_until(lambda: (record := runner.wait(job, 0.5)) is not None and record.ended)
    runner.stop(120)
    return job


def single(runner: JobRunner, path: str, **options: object) -> np.ndarray:
    done = runner._service.recognize(Path(path), RecognizeOptions.of(extract_embedding=True, **options))
    return np.load(done.folder / "embedding.npy")


@pytest.mark.parametrize("granularity", ["utterance", "frame"])
def test_one_array_with_a_row_per_recording(
    store: JobStore, clips: list[tuple[str, str]], tmp_path: Path, granularity: str
) -> None:
    runner = runner_of(store)
    job = process(runner, clips, extract_embedding=True, granularity=granularity)
    extras = JobExtras.of(store.path, job)
    for kind in ArrayFormat:
        assert write_embeddings(store.items(job), extras, tmp_path / f"out.{kind}", kind) == 3
    with np.load(tmp_path / "out.npz") as found:
        assert {name: found[name].dtype.kind for name in found} == {"names": "U", "channels": "U", "embedding": "f"}
        assert found["names"].tolist() == ["=one.wav", "情感.wav", "call.wav"], "a failed recording has no row"
        assert found["channels"].tolist() == ["", "", ""]
        embedding = found["embedding"]
    assert (embedding.shape, embedding.dtype) == ((3, FEATURES), np.float32)
    good = [path for name, path in clips if name != "bad.wav"]
    np.testing.assert_array_equal(embedding, [single(runner, path) for path in good])
    mapped = np.load(tmp_path / "out.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, embedding)
    names = list(csv.DictReader(io.StringIO(names_file(tmp_path / "out.npy").read_text("utf-8-sig"))))
    assert [row["path"] for row in names] == ["'=one.wav", "情感.wav", "call.wav"]
    for kind in ArrayFormat:
        read = list(read_embeddings(tmp_path / f"out.{kind}"))
        assert [(name, channel) for name, channel, _ in read] == [(n, "") for n in ("=one.wav", "情感.wav", "call.wav")]
        np.testing.assert_array_equal([vector for *_, vector in read], embedding)
    for item in store.items(job):
        assert "embedding" not in json.loads(item.outcome or ""), "the document names no file that is not kept"


def test_a_row_per_separate_channel(store: JobStore, clips: list[tuple[str, str]], tmp_path: Path) -> None:
    runner = runner_of(store)
    job = process(runner, clips, extract_embedding=True, channels="separate", channel_names="customer,agent")
    write_embeddings(store.items(job), JobExtras.of(store.path, job), tmp_path / "out.npz", ArrayFormat.NPZ)
    with np.load(tmp_path / "out.npz") as found:
        names, channels, embedding = (found[name] for name in ("names", "channels", "embedding"))
    assert names.tolist() == ["=one.wav", "情感.wav", "call.wav", "call.wav"]
    write_table(store.items(job), tmp_path / "out.csv", TableFormat.CSV)
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["state"] == "done"]
    assert channels.tolist() == [row["channel"] for row in rows], "the array has the rows of the table"
    np.testing.assert_array_equal(embedding[3], single(runner, clips[3][1], channels=1))


def test_an_array_without_rows(store: JobStore, tmp_path: Path) -> None:
    store.add("job", "2026-01-01 00:00:00", "{}", [("a.wav", "a.wav")])
    extras = JobExtras.of(store.path, "job")
    assert write_embeddings(store.items("job"), extras, tmp_path / "out.npz", ArrayFormat.NPZ) == 0
    with np.load(tmp_path / "out.npz") as found:
        assert (found["names"].shape, found["embedding"].shape) == ((0,), (0, 0))
    assert not extras.path.exists()


def test_a_large_array_is_written_in_bounded_memory(tmp_path: Path) -> None:
    count, dim = 3000, 4096  # 49 MB
    extras = JobExtras(tmp_path / "job.extras")
    vectors = (np.full(dim, number, dtype=np.float32) for number in range(count))
    extras.add_embeddings(StoredEmbedding(number, -1, None, "m", vector) for number, vector in enumerate(vectors))
    items = [Item("job", number, f"{number}.wav", "", ItemState.DONE, "{}") for number in range(count)]
    for kind in ArrayFormat:
        tracemalloc.start()
        write_embeddings(items, extras, tmp_path / f"out.{kind}", kind)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 10_000_000
    mapped = np.load(tmp_path / "out.npy", mmap_mode="r")
    assert mapped[:, 7].tolist() == list(range(count))


@pytest.mark.parametrize("name", ["out.npz", "out.npy"])
def test_files_that_are_no_arrays_of_embeddings(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for content in (b"", b"hello", None):
        if content is None:
            np.savez(tmp_path / "out.npz", other=np.zeros(3))
            np.save(tmp_path / "out.npy", np.zeros((2, 3), dtype=np.float64))
            names_file(path).write_text("path,channel\na,\nb,\n")
        else:
            path.write_bytes(content)
        with pytest.raises(RequestError) as caught:
            list(read_embeddings(path))
        assert caught.value.code == "cli.batch_other_embedding"


def test_all_embeddings_of_a_job_are_from_one_model(store: JobStore, clips: list[tuple[str, str]]) -> None:
    """``auto`` may mean another model as soon as its weights have been downloaded; a running job keeps its model."""
    runner = runner_of(store, FakeModel(name="small"))
    job = runner.submit([clips[0], clips[1]], RecognizeOptions(extract_embedding=True)).id
    extras = JobExtras.of(store.path, job)
    extras.add_embedding(StoredEmbedding(1, -1, None, "large", np.zeros(FEATURES, dtype=np.float32)))
    runner.start()
    wait_until(lambda: (record := runner.wait(job, 0.5)) is not None and record.ended)
    runner.stop(120)
    first = next(iter(store.items(job)))
    assert first.state is ItemState.FAILED, "this registry has no model `large`"
    assert json.loads(first.outcome or "")["values"]["found"] == "large"


def test_extras_are_deleted_with_their_job(store: JobStore, clips: list[tuple[str, str]]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class WaitingModel(FakeModel):
        def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
            if len(self.window_lengths) == 1:
                begun.set()
                assert go_on.wait(120)
            return super().predict(windows, with_features=with_features)

    runner = runner_of(store, WaitingModel())
    runner.start()
    job = runner.submit(clips[:2], RecognizeOptions(extract_embedding=True)).id
    assert begun.wait(120)
    assert list(extras_in(store.path)) == [job]
    runner.delete(job)
    assert extras_in(store.path) == {}
    go_on.set()
    runner.stop(120)
    assert extras_in(store.path) == {}, "the recording that was in progress left nothing behind"


def test_extras_that_can_not_be_stored(store: JobStore, clips: list[tuple[str, str]]) -> None:
    extras = JobExtras.of(store.path, "job")
    extras.path.mkdir()
    with pytest.raises(OutputError):
        extras.add_embedding(StoredEmbedding(0, -1, None, "m", np.zeros(2, dtype=np.float32)))
    runner = runner_of(store)
    runner.submit(clips[:1], RecognizeOptions(extract_embedding=True), job="job")
    runner.start()
    wait_until(lambda: (record := runner.wait("job", 0.5)) is not None and record.ended)
    runner.stop(120)
    (item,) = store.items("job")
    assert (item.state, json.loads(item.outcome or "")["code"]) == (ItemState.FAILED, "storage.jobs_not_written")


@pytest.mark.parametrize("max_json_rows", [10_000, 20])
def test_frame_scores_as_a_long_table(
    store: JobStore, clips: list[tuple[str, str]], tmp_path: Path, max_json_rows: int
) -> None:
    """The table is the same whether the scores are in the documents or, as those of long recordings, beside them."""
    runner = runner_of(store, max_json_rows=max_json_rows)
    options: dict[str, Any] = {"granularity": "frame", "raw_frames": True, "channels": "separate"}
    job = process(runner, clips, **options)
    extras = JobExtras.of(store.path, job)
    assert extras.path.exists() == (max_json_rows == 20)
    for kind in (TableFormat.CSV, TableFormat.PARQUET):
        write_table(store.items(job), tmp_path / f"out.{kind}", kind, layout_of(Granularity.FRAME, extras))
    columns = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pylist()
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(columns[0]) == tuple(rows[0]) == FRAME_COLUMNS
    assert len(rows) == len(columns)
    scores = [[float(row[name]) for name in SCORES] for row in rows if row["state"] == "done"]
    assert scores == [[row[name] for name in SCORES] for row in columns if row["state"] == "done"]
    (failed,) = [row for row in columns if row["state"] == "failed"]
    assert (failed["path"], failed["error_code"], failed["start_s"]) == ("bad.wav", "audio.text", None)
    service = RecognitionService(Settings(outputs_dir=tmp_path / "all"), FakeRegistry(Settings()))
    for name, path in clips:
        if name != "bad.wav":
            result = service.recognize(Path(path), RecognizeOptions.of(**options)).result
            for channel in result.channels or ():
                found = [row for row in columns if (row["path"], row["channel"]) == (name, str(channel.index))]
                frames = channel.frames
                assert frames is not None
                assert frames.scores is not None
                assert [(row["start_s"], row["end_s"]) for row in found] == list(
                    zip(frames.start_s or (), frames.end_s or (), strict=True)
                )
                for emotion, column in frames.scores.items():
                    np.testing.assert_allclose([row[emotion.value] for row in found], column, atol=1e-6)
    if max_json_rows == 20:
        extras.delete()
        write_table(store.items(job), tmp_path / "out.csv", TableFormat.CSV, layout_of(Granularity.FRAME, extras))
        assert "api.extras_deleted" in (tmp_path / "out.csv").read_text("utf-8-sig")
