"""The same rules on every route: nothing that is sent is ignored, and documents of the same kind have one shape."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.fake_model import FakeRegistry
from tests.support.paths import EXAMPLE
from tests.support.rest_client import finished_lines, rest_client
from webui.api.documents import JobDocument, JobPage, ListedResult, ResultPage
from webui.errors import RequestError
from webui.results import RecognitionResult
from webui.service import RecognitionService, RecognizeOptions
from webui.service.jobs.runner import JobRunner
from webui.service.recognition.options import AnalysisOptions
from webui.settings import Settings
from webui.storage.job_store import JobStore

AUDIO = {"audio": EXAMPLE.read_bytes()}
POSTS = ["/api/v1/recognize", "/api/v1/jobs"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with rest_client(tmp_path_factory.mktemp("consistency") / "outputs") as opened:
        yield opened


def refusal(answer: Any, code: str) -> str:  # noqa: ANN401 - the test client's own type
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    detail: str = answer.json()["detail"]
    return detail


@pytest.mark.parametrize("address", POSTS)
def test_options_in_the_query_are_refused_with_the_right_place(client: TestClient, address: str) -> None:
    before = client.get("/api/v1/jobs").json()["total"]
    answer = client.post(f"{address}?granularity=frame&labels=sad", files=AUDIO)
    detail = refusal(answer, "api.options_in_query")
    assert "granularity, labels" in detail
    assert "Send it in the body: as a field of the form" in detail
    assert client.get("/api/v1/jobs").json()["total"] == before


def test_unknown_query_parameters_are_refused(client: TestClient) -> None:
    assert "offset, limit" in refusal(client.get("/api/v1/results?limt=5"), "api.unknown_query")
    assert "format, bom" in refusal(client.get("/api/v1/jobs/x/results?fromat=csv"), "api.unknown_query")
    refusal(client.get("/api/v1/models?all=true"), "api.no_query")
    refusal(client.post("/api/v1/jobs/x/cancel?now=1"), "api.no_query")
    assert client.get("/healthz?probe=1").status_code == 200


@pytest.mark.parametrize("address", POSTS)
@pytest.mark.parametrize(
    "keys",
    [
        '"model": "auto", "model": "builtin"',
        '"model": "auto", "mod\\u0065l" : "builtin"',
        '"labels": ["sad"], "labels": ["happy"]',
        '"track": "auto",\n"track"\n:"auto"',
    ],
)
def test_a_key_given_twice_in_json_is_refused(client: TestClient, address: str, keys: str) -> None:
    source = '"audio_base64": ""' if address.endswith("recognize") else '"audio_paths": ["/a"]'
    answer = client.post(address, content=f"{{{source}, {keys}}}", headers={"Content-Type": "application/json"})
    assert "Given 2 times; expected once" in refusal(answer, "api.bad_request")


def test_values_that_look_like_keys_are_no_keys(client: TestClient) -> None:
    odd = '"model": \\ "model": {'
    answer = client.post("/api/v1/recognize", json={"audio_base64": "!", "file_name": odd, "labels": ["sad", "sad"]})
    refusal(answer, "api.bad_base64")


def test_several_files_are_told_where_to_go(client: TestClient) -> None:
    wav = EXAMPLE.read_bytes()
    for second in (("audio", ("b.wav", wav)), ("other", ("b.wav", wav)), ("audio", (None, wav))):
        answer = client.post("/api/v1/recognize", files=[("audio", ("a.wav", wav)), second])
        assert "Several go to /api/v1/jobs" in refusal(answer, "api.one_file")


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/api/v1/recognize", {"labels": 5, "channel_names": [], "channels": "both", "track": "last"}),
        ("/api/v1/jobs", {"audio_paths": "/a.wav", "labels": []}),
        ("/api/v1/jobs", {"audio_paths": ["/a.wav"], "channel_names": list("abcdefghij"), "channels": "separate"}),
        ("/api/v1/jobs", [1]),
    ],
)
def test_errors_are_in_terms_of_json(client: TestClient, address: str, body: object) -> None:
    detail = refusal(client.post(address, json=body), "api.bad_request")
    assert "tuple" not in detail.lower()
    assert not [word for word in ("enum", "constrained", "literal", "tagged") if word in detail.lower()], detail


@pytest.mark.parametrize("names", [["customer", "agent"], "customer,agent", '["customer", "agent"]'])
def test_lists_in_a_form_are_json_too(client: TestClient, names: str | list[str]) -> None:
    data = {"channel_names": names, "channels": "separate", "labels": '["sad", "happy"]'}
    answer = client.post("/api/v1/recognize", data=data, files=AUDIO)
    assert answer.status_code == 200, answer.text
    assert answer.json()["labels"] == ["sad", "happy"]


def test_the_service_refuses_what_rest_refuses(tmp_path: Path) -> None:
    settings = Settings(outputs_dir=tmp_path)
    service = RecognitionService(settings, FakeRegistry(settings))
    with pytest.raises(RequestError, match="hop_s only applies to frame scores"):
        service.recognize(EXAMPLE, RecognizeOptions(hop_s=0.5))
    runner = JobRunner(service, JobStore(tmp_path / "jobs.sqlite"))
    with pytest.raises(RequestError, match="merge_segments only applies to segments"):
        runner.submit([("a.wav", str(EXAMPLE))], AnalysisOptions(merge_segments=True))
    assert runner.store.jobs()[1] == 0
    runner.store.close()


def test_pages_have_one_shape_and_times_in_utc(client: TestClient) -> None:
    start = datetime.now(UTC).replace(microsecond=0)
    answer = client.post("/api/v1/recognize", files=AUDIO).json()
    job = client.post("/api/v1/jobs", files=AUDIO).json()
    (line,) = finished_lines(client, job["links"]["jsonl"])
    results, jobs = (client.get(f"/api/v1/{listed}?limit=1").json() for listed in ("results", "jobs"))
    shared = {"items", "total", "offset", "limit"}
    assert set(results) == shared | {"results"}
    assert set(jobs) == shared | {"jobs"}
    assert (results["limit"], len(results["items"]), len(jobs["items"])) == (1, 1, 1)
    (listed,) = ResultPage.model_validate(results).items
    assert isinstance(listed, ListedResult)
    (created,) = JobPage.model_validate(jobs).items
    assert isinstance(created, JobDocument)
    for moment in (answer["created_utc"], line["created_utc"], results["items"][0]["created_utc"]):
        assert moment.endswith("Z")
    moments = [(listed.created_utc, listed.timestamp), (created.created_utc, created.created)]
    moments.append((datetime.fromisoformat(line["created_utc"]), line["timestamp"]))
    for utc, local in moments:
        assert utc is not None
        assert start <= utc <= datetime.now(UTC)
        assert utc.astimezone().strftime("%Y-%m-%d %H:%M:%S") == local


def test_results_of_earlier_versions_have_no_utc_time(client: TestClient) -> None:
    old = client.post("/api/v1/recognize", files=AUDIO).json()
    document = {name: old[name] for name in RecognitionResult.model_fields if name in old and name != "created_utc"}
    assert "created_utc" not in json.loads(RecognitionResult.model_validate(document).to_json())


def test_a_byte_order_mark_only_on_request(client: TestClient) -> None:
    job = client.post("/api/v1/jobs", files=AUDIO).json()
    finished_lines(client, job["links"]["jsonl"])
    plain = client.get(job["links"]["csv"]).content
    (row,) = csv.DictReader(io.StringIO(plain.decode("utf-8")))
    assert row["state"] == "done"
    assert next(iter(row)) == "path"
    assert client.get(f"{job['links']['csv']}&bom=true").content == b"\xef\xbb\xbf" + plain
    assert client.get(f"{job['links']['csv']}&bom=false").content == plain
    assert "bom only applies to CSV" in refusal(client.get(f"{job['links']['jsonl']}&bom=true"), "api.only_with_csv")
