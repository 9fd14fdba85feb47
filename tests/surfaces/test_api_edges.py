"""Extreme numbers, and results that are deleted while they are read: never status 500."""

import asyncio
import json
import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from tests.support.audio_files import voice, with_soundfile
from tests.support.rest_client import app_of, finished_lines, rest_client
from webui.api.documents import JobRequest, RecognizeRequest
from webui.api.results import MAX_OFFSET
from webui.engine.emotion2vec.verification_record import ClipComparison
from webui.engine.registry import LARGE
from webui.errors import CheckpointError, DownloadError, RequestError
from webui.http.opened_file import OpenedFileResponse
from webui.results import Granularity, Notice
from webui.service import RecognitionService, RecognizeOptions
from webui.service.models.acquisition import AcquisitionState, AcquisitionStatus, ModelAcquisition
from webui.service.recognition.options import MAX_MAX_SEGMENT_S, AnalysisOptions
from webui.settings import MAX_SMOOTHING_S, PROJECT_DIR, Settings
from webui.storage.run_ids import RunIds

EXAMPLE = PROJECT_DIR / "examples" / "example_synthetic.wav"
ABSURD = [1e300, 1e999, -1e999, math.nan, 1e308, -1.0, 0.0, 2.0**63, MAX_SMOOTHING_S + 1]
FIELDS = ["window_s", "hop_s", "max_segment_s"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("edges") / "outputs"


@pytest.fixture(scope="module")
def client(outputs: Path) -> Iterator[TestClient]:
    with rest_client(outputs) as opened:
        yield opened


@pytest.mark.parametrize("builtin", [True, False])
def test_only_a_download_in_progress_has_retry_after(tmp_path: Path, builtin: bool) -> None:
    service = RecognitionService(Settings(outputs_dir=tmp_path, models_dir=tmp_path / "models", builtin=builtin))
    acquisition = ModelAcquisition(LARGE, lambda _report, _cancelled: None)
    service.models.acquisition = acquisition
    unreachable = DownloadError("download.cancelled", model=LARGE)
    damaged = CheckpointError("checkpoint.damaged", file="model.pt", reason="no zip")
    with TestClient(app_of(service), raise_server_exceptions=False) as client:
        for state, problem, status in (
            (AcquisitionState.WAITING, None, 503),
            (AcquisitionState.DOWNLOADING, None, 503),
            (AcquisitionState.CONVERTING, None, 503),
            (AcquisitionState.FAILED, unreachable, 409),
        ):
            acquisition._status = AcquisitionStatus(LARGE, state, problem=problem)
            for model in (LARGE,) if builtin else (LARGE, "auto"):
                answer = client.post("/api/v1/recognize", data={"model": model}, files={"audio": EXAMPLE.read_bytes()})
                assert answer.status_code == status, (state, answer.text)
                assert ("retry-after" in answer.headers) is (status == 503)
        service.models.get = lambda *_given: (_ for _ in ()).throw(damaged)  # type: ignore[method-assign]
        answer = client.post("/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()})
        assert (code_of(answer, 503), "retry-after" in answer.headers) == ("checkpoint.damaged", False)


def recognized(client: TestClient) -> str:
    answer = client.post("/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()})
    assert answer.status_code == 200, answer.text
    run_id: str = answer.json()["id"]
    return run_id


def code_of(answer: Any, status: int) -> str:  # noqa: ANN401 - the test client's own type
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not valid JSON")

    code: str = json.loads(answer.text, parse_constant=refuse)["code"]
    return code


@pytest.mark.parametrize("listed", ["results", "jobs"])
def test_limits_and_offsets_of_lists(client: TestClient, listed: str) -> None:
    for offset in (2**63, 2**64, 10**30, MAX_OFFSET + 1, -1, "1e3", "nan", "9" * 5000):
        assert code_of(client.get(f"/api/v1/{listed}?offset={offset}"), 422) == "api.bad_request"
        assert code_of(client.get(f"/api/v1/{listed}?limit={offset}"), 422) == "api.bad_request"
    assert client.get(f"/api/v1/{listed}?offset={MAX_OFFSET}").status_code == 200


@pytest.mark.parametrize(
    "labels", [["angry", "happy"], "angry,happy", '["angry", "happy"]', ["angry,happy"], ['["angry"]', "happy"]]
)
def test_lists_in_a_form(client: TestClient, labels: str | list[str]) -> None:
    audio = {"audio": EXAMPLE.read_bytes()}
    answer = client.post("/api/v1/recognize", data={"labels": labels}, files=audio)
    assert answer.status_code == 200, answer.text
    assert answer.json()["labels"] == ["angry", "happy"]
    job = client.post("/api/v1/jobs", data={"labels": labels}, files=audio)
    assert job.status_code == 202, job.text
    lines = finished_lines(client, job.json()["links"]["jsonl"])
    assert lines[0]["labels"] == ["angry", "happy"]


@pytest.mark.parametrize("address", ["/api/v1/recognize", "/api/v1/jobs"])
def test_a_single_value_given_twice_is_refused(client: TestClient, address: str) -> None:
    audio = {"audio": EXAMPLE.read_bytes()}
    before = client.get("/api/v1/jobs").json()["total"]
    for field, values in {
        "granularity": ["frame", "segment"],
        "model": ["auto", "auto"],
        "nonsense": ["1", "2"],
    }.items():
        answer = client.post(address, data={field: values}, files=audio)
        assert code_of(answer, 422) == "api.bad_request"
        assert f"{field}: Given 2 times; expected once" in answer.json()["detail"]
    answer = client.post(address, data={"labels": ["angry", "joy"]}, files=audio)
    assert code_of(answer, 422) == "api.bad_request"
    assert client.get("/api/v1/jobs").json()["total"] == before
    answer = client.post(address, data={"granularity": ["", "utterance"]}, files=audio)  # an empty field is absent
    assert answer.status_code in {200, 202}, answer.text


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"hop_s": "0.5"}, "api.only_with_frames"),
        ({"window_s": "1", "granularity": "segment"}, "api.only_with_frames"),
        ({"raw_frames": "true"}, "api.only_with_frames"),
        ({"raw_frames": "true", "hop_s": "1", "granularity": "frame"}, "api.raw_or_smooth"),
        ({"merge_segments": "true"}, "api.only_with_segments"),
        ({"max_segment_s": "4", "granularity": "frame"}, "api.only_with_segments"),
        ({"channel_names": "customer,agent"}, "api.only_with_separate"),
        ({"channel_names": "customer,agent", "channels": "0"}, "api.only_with_separate"),
    ],
)
def test_fields_without_effect_are_refused(client: TestClient, fields: dict[str, str], code: str) -> None:
    before = client.get("/api/v1/jobs").json()["total"]
    for address in ("/api/v1/recognize", "/api/v1/jobs"):
        answer = client.post(address, data=fields, files={"audio": EXAMPLE.read_bytes()})
        assert code_of(answer, 422) == code
    assert client.get("/api/v1/jobs").json()["total"] == before


def test_a_precision_without_effect_is_a_warning(client: TestClient) -> None:
    audio = {"audio": EXAMPLE.read_bytes()}
    plain = client.post("/api/v1/recognize", data={"precision": "fp32"}, files=audio).json()
    assert "request.precision_ignored" not in [warning["code"] for warning in plain["warnings"]]
    int8 = client.post("/api/v1/recognize", data={"precision": "int8"}, files=audio).json()
    (warning,) = [warning for warning in int8["warnings"] if warning["code"] == "request.precision_ignored"]
    assert warning["values"] == {"model": "fake", "found": "int8"}
    assert int8["scores"] == plain["scores"]
    job = client.post("/api/v1/jobs", data={"precision": "int8"}, files=audio).json()
    (line,) = finished_lines(client, job["links"]["jsonl"])
    assert "request.precision_ignored" in [warning["code"] for warning in line["warnings"]]


@pytest.mark.model  # segments load the speech finder, and with it PyTorch
def test_a_table_of_one_row_per_recording_has_no_segments(client: TestClient) -> None:
    audio = {"audio": EXAMPLE.read_bytes()}
    job = client.post("/api/v1/jobs", data={"granularity": "segment"}, files=audio).json()
    assert list(job["links"]) == ["jsonl"]
    (line,) = finished_lines(client, job["links"]["jsonl"])
    assert line["segments"] is not None
    for query in ("", "?format=csv", "?format=parquet"):
        answer = client.get(f"/api/v1/jobs/{job['id']}/results{query}")
        assert code_of(answer, 422) == "api.needs_jsonl"


@pytest.mark.parametrize("listed", ["results", "jobs"])
def test_a_query_parameter_given_twice_is_refused(client: TestClient, listed: str) -> None:
    answer = client.get(f"/api/v1/{listed}?limit=1&offset=0&limit=2")
    assert code_of(answer, 422) == "api.bad_request"
    assert answer.json()["detail"].count("limit: Given 2 times; expected once") == 1


@pytest.mark.parametrize("field", FIELDS)
def test_invalid_seconds_of_a_request(client: TestClient, field: str) -> None:
    for value in ABSURD:
        if field == "max_segment_s" and value == MAX_SMOOTHING_S + 1:
            continue
        fields = {field: str(value), "granularity": "frame"}
        answer = client.post("/api/v1/recognize", data=fields, files={"audio": EXAMPLE.read_bytes()})
        assert code_of(answer, 422) == "api.bad_request", value
        headers = {"Content-Type": "application/json"}
        for written in (str(value), f'"{value}"', "1e999", "NaN", "Infinity", "-Infinity"):
            body = f'{{"audio_base64": "", "granularity": "frame", "{field}": {written}}}'.encode()
            assert code_of(client.post("/api/v1/recognize", content=body, headers=headers), 422) == "api.bad_request"
            if field == "max_segment_s":
                body = f'{{"audio_paths": ["/a.wav"], "{field}": {written}}}'.encode()
                assert code_of(client.post("/api/v1/jobs", content=body, headers=headers), 422) == "api.bad_request"


@pytest.mark.model  # finding segments loads PyTorch
def test_the_largest_allowed_seconds(client: TestClient) -> None:
    fields = {"granularity": "frame", "window_s": str(MAX_SMOOTHING_S), "hop_s": str(MAX_SMOOTHING_S)}
    answer = client.post("/api/v1/recognize", data=fields, files={"audio": EXAMPLE.read_bytes()})
    assert answer.status_code == 200, answer.text
    assert answer.json()["frames"]["rows"] == 1
    fields = {"granularity": "segment", "max_segment_s": str(MAX_MAX_SEGMENT_S)}
    assert client.post("/api/v1/recognize", data=fields, files={"audio": EXAMPLE.read_bytes()}).status_code == 200


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ABSURD[:-1])
def test_options_are_always_checked(field: str, value: float) -> None:
    with pytest.raises(RequestError, match=r"expected|required|allowed"):
        RecognizeOptions.of(granularity=Granularity.FRAME, **{field: value})
    with pytest.raises(ValueError, match=field):
        RecognizeOptions(granularity=Granularity.FRAME, **{field: value})


@pytest.mark.parametrize("document", [RecognizeRequest, JobRequest, AnalysisOptions])
def test_documents_refuse_numbers_that_json_does_not_have(document: Any) -> None:  # noqa: ANN401
    for written in ("NaN", "Infinity", "-Infinity", "1e999"):
        with pytest.raises(ValueError, match="finite"):
            document.model_validate_json(f'{{"max_segment_s": {written}}}')


def test_a_clip_comparison_survives_json() -> None:
    """NaN was once written as null, which cannot be read back as a number."""
    clip = ClipComparison(
        clip="a.wav", duration_s=1.0, feature_difference=None, score_difference=0.0, native_emotion="sad",
        native_confidence=1.0, reference_emotion="sad", reference_confidence=1.0,
    )  # fmt: skip
    assert ClipComparison.model_validate_json(clip.model_dump_json()) == clip
    with pytest.raises(ValueError, match="finite"):
        clip.model_validate(clip.model_dump() | {"score_difference": math.nan})


def test_an_infinite_sample_rate_in_a_header_gives_valid_json(client: TestClient) -> None:
    caf = with_soundfile(voice(0.5), 16_000, format="CAF", subtype="PCM_16")
    at = caf.index(b"desc") + 12
    for rate in (math.inf, -math.inf, math.nan, 1e300):
        data = caf[:at] + struct.pack(">d", rate) + caf[at + 8 :]
        answer = client.post("/api/v1/recognize", files={"audio": data})
        assert code_of(answer, 422) == "audio.absurd_rate"
        assert answer.json()["values"]["found_hz"] == (rate if math.isfinite(rate) else str(rate))
        notice = Notice.of_error("audio.absurd_rate", answer.json()["values"] | {"found_hz": rate})
        assert json.loads(notice.model_dump_json())["message"]


def delete_when_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deletes each result right after a request has found it."""
    find = RunIds.find

    def found(ids: RunIds, run_id: str) -> Path | None:
        folder = find(ids, run_id)
        if folder is not None:
            assert ids.delete(folder)
        return folder

    monkeypatch.setattr(RunIds, "find", found)


@pytest.mark.parametrize(
    "send",
    [
        lambda client, run_id: client.get(f"/api/v1/results/{run_id}"),
        lambda client, run_id: client.get(f"/api/v1/results/{run_id}/result.json"),
        lambda client, run_id: client.delete(f"/api/v1/results/{run_id}"),
    ],
)
def test_a_result_deleted_during_the_request_is_404(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, send: Callable[..., Any]
) -> None:
    run_id = recognized(client)
    delete_when_found(monkeypatch)
    assert code_of(send(client, run_id), 404) == "api.no_result"


def test_a_list_omits_results_deleted_during_the_request(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, stays = recognized(client), recognized(client)
    page = RunIds.newest_first

    def listed(ids: RunIds, *, offset: int, limit: int) -> tuple[list[Path], int]:
        found = page(ids, offset=offset, limit=limit)
        assert ids.delete(next(folder for folder in found[0] if gone.startswith(f"{folder.name}.")))
        return found

    monkeypatch.setattr(RunIds, "newest_first", listed)
    answer = client.get("/api/v1/results?limit=200")
    assert answer.status_code == 200
    assert stays in [entry["id"] for entry in answer.json()["results"]]
    assert gone not in [entry["id"] for entry in answer.json()["results"]]


def test_a_file_deleted_during_the_response_is_sent_completely(tmp_path: Path) -> None:
    path = tmp_path / "processed_audio.wav"
    path.write_bytes(bytes(200_000))
    sent = []

    async def send(message: Message) -> None:
        sent.append(message)
        path.unlink(missing_ok=True)

    async def receive() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.3"}}
    asyncio.run(OpenedFileResponse(path)(scope, receive, send))
    assert sent[0]["status"] == 200
    assert sum(len(message.get("body", b"")) for message in sent) == 200_000
    with pytest.raises(FileNotFoundError):
        OpenedFileResponse(path)


def test_a_result_deleted_before_its_response(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, outputs: Path
) -> None:
    """Another client deletes it between publication and response."""
    publish = RecognitionService.recognize

    def deleted(service: RecognitionService, *given: Any, **options: Any) -> Any:  # noqa: ANN401
        done = publish(service, *given, **options)
        assert RunIds(outputs).delete(done.folder)
        return done

    monkeypatch.setattr(RecognitionService, "recognize", deleted)
    answer = client.post("/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()})
    assert answer.status_code == 200
    assert "result.json" in answer.json()["links"]
    answer = client.post("/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()}, data={"inline_embedding": "true"})
    assert code_of(answer, 404) == "api.no_result"
