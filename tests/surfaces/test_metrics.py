"""Metrics of a server, and the panel of the page that shows them."""

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.server_process import ROOT, RunningServer, running_server
from webui.service.serving.metrics import Metrics, Snapshot
from webui.texts import Language
from webui.ui.panels.resources import resources_html

EXAMPLE = ROOT / "examples" / "example_synthetic.wav"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("metrics") / "outputs") as started:
        yield started


def numbers(server: RunningServer) -> dict[tuple[str, ...], float]:
    answer = httpx.get(f"{server.url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_and_recognitions_are_counted(server: RunningServer) -> None:
    before = numbers(server)
    where = f"{server.url}/api/v1/recognize"
    for _ in range(3):
        done = httpx.post(where, files={"audio": EXAMPLE.read_bytes()}, timeout=120).json()
    assert httpx.post(where, json={"audio_path": "/etc/passwd"}).status_code == 403
    assert httpx.get(f"{server.url}/api/v1/results/{done['id']}").status_code == 200
    assert httpx.get(f"{server.url}/no/such/page?id=77").status_code in (200, 404)
    httpx.get(f"{server.url}/config")
    after = numbers(server)

    def grew(*name: str) -> float:
        return after.get(name, 0.0) - before.get(name, 0.0)

    prefix = "speech_emotion"
    assert grew(f"{prefix}_http_requests_total", "POST", "/api/v1/recognize", "200") == 3
    assert grew(f"{prefix}_http_requests_total", "POST", "/api/v1/recognize", "403") == 1
    assert grew(f"{prefix}_http_requests_total", "GET", "/api/v1/results/{run_id}", "200") == 1
    assert grew(f"{prefix}_http_requests_total", "GET", "/config", "200") == 1
    assert grew(f"{prefix}_http_request_seconds_count", "/api/v1/recognize") == 4
    assert grew(f"{prefix}_rejects_total", "api.no_audio_roots") == 1
    assert grew(f"{prefix}_audio_seconds_total") == pytest.approx(3 * done["source"]["duration_s"])
    assert grew(f"{prefix}_decode_seconds_count") == grew(f"{prefix}_inference_seconds_count") == 3
    assert 0 < grew(f"{prefix}_inference_seconds_sum") < grew(f"{prefix}_http_request_seconds_sum", "/api/v1/recognize")
    assert grew(f"{prefix}_batch_size_count") == grew(f"{prefix}_batch_size_sum") == 3
    assert after[f"{prefix}_queue_depth",] == after[f"{prefix}_under_way",] == 0
    assert after["process_resident_memory_bytes",] > 100e6
    assert not [name for name in after if "77" in "".join(name) or done["id"] in name]


def test_the_snapshot_has_the_same_numbers() -> None:
    metrics = Metrics()
    metrics.watch(waiting=lambda: 2, under_way=lambda: 5)
    metrics.rejected("api.bad_url")
    metrics.rejected("request.busy")
    now = metrics.snapshot()
    assert (now.under_way, now.waiting, now.rejects, now.recognitions, now.audio_s) == (5, 2, 2, 0, 0.0)
    assert now.rss_bytes is None or now.rss_bytes > 1e6


@pytest.mark.parametrize(
    ("language", "word", "lengths"),
    [
        (Language.ZH, "显存", ("1 分 1 秒", "0.5 秒 / 3.2 秒")),
        (Language.EN, "GPU memory", ("1 min 1 s", "0.5 s / 3.2 s")),
    ],
)
def test_the_panel(language: Language, word: str, lengths: tuple[str, str]) -> None:
    shown = resources_html(Snapshot(5, 2, 7, 1, 61.4, 0.5, 3.25, 2.5e8, 1e9), language)
    for part in ("5 (2)", "7 (1)", *lengths, "250 MB", "1000 MB", word):
        assert part in shown
    assert word not in resources_html(Snapshot(0, 0, 0, 0, 0.0, 0.0, 0.0, None, None), language)
