"""Features that Gradio enables by default and this program disables."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio.route_utils import delete_files_created_by_app
from gradio_client import Client, handle_file

from tests.support.paths import EXAMPLE
from tests.support.server_process import PROGRAM, RunningServer, running_server
from tests.support.server_scripts import FOREIGN, REPORT_CONNECTIONS
from webui.service import RecognitionService
from webui.settings import Settings
from webui.ui.page import CACHE_AGE_S, CACHE_SWEEP_S, build_page
from webui.ui.shared_files import SharedFiles


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    outputs_dir = tmp_path_factory.mktemp("features") / "outputs"
    with running_server(outputs_dir, program=REPORT_CONNECTIONS + PROGRAM, max_audio_s_per_hour=10) as started:
        yield started
    assert started.errors.read_text() == ""


def test_the_server_contacts_no_other_machine(server: RunningServer) -> None:
    answer = Client(server.url, verbose=False, download_files=False).predict(
        handle_file(EXAMPLE), "frame", True, api_name="/recognize"
    )
    assert answer["source"]["file_name"] == EXAMPLE.name
    assert server.errors.read_text() == ""


def test_the_page_and_the_api_share_a_budget_of_audio(server: RunningServer) -> None:
    client = Client(server.url, verbose=False, download_files=False)
    with pytest.raises(Exception, match=r"\d+ s of audio were decoded for you"):  # noqa: PT012
        for _ in range(3):
            client.predict(handle_file(EXAMPLE), "utterance", False, api_name="/recognize")
    answer = httpx.post(f"{server.url}/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()}, timeout=120)
    assert answer.status_code == 429
    assert answer.json()["code"].startswith("request.audio_budget")
    assert 0 < int(answer.headers["retry-after"]) <= 3601


def test_connections_to_other_machines_are_reported() -> None:
    lookup = "import socket\ntry:\n    socket.getaddrinfo('unknown.invalid', 80)\nexcept OSError:\n    pass\n"
    done = subprocess.run(
        [sys.executable, "-c", REPORT_CONNECTIONS + lookup], capture_output=True, text=True, check=True
    )
    assert done.stderr == f"{FOREIGN} unknown.invalid\n"


def test_disabled_features(server: RunningServer) -> None:
    config = httpx.get(f"{server.url}/config").json()
    assert config["analytics_enabled"] is False
    assert config["run_history"] is False
    assert config["show_error"] is False
    assert config["enable_queue"] is True
    assert config["footer_links"] == []
    assert httpx.get(f"{server.url}/gradio_api/runs").status_code == 404
    visible = [event["api_name"] for event in config["dependencies"] if event["api_visibility"] == "public"]
    assert visible == ["recognize"]


def test_uploads_are_deleted_and_results_kept(tmp_path: Path) -> None:
    page = build_page(RecognitionService(Settings(outputs_dir=tmp_path)), cache_dir=tmp_path / "cache")
    assert page.delete_cache == (CACHE_SWEEP_S, CACHE_AGE_S)
    run = tmp_path / "outputs_20260101_000000"
    run.mkdir()
    (run / "result.json").write_text("{}")
    shared = SharedFiles(tmp_path / "cache", page.upload_file_set).share_run(run, [run / "result.json"])
    assert [Path(path).name for path in shared] == ["result.json", f"{run.name}.zip"]
    delete_files_created_by_app(page, CACHE_AGE_S)
    assert all(Path(path).exists() for path in shared)
    delete_files_created_by_app(page, -1)
    assert not any(Path(path).exists() for path in shared)
    assert (run / "result.json").read_text() == "{}"
