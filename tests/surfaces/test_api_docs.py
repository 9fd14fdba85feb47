"""The examples of docs/API.md, run as they stand against a server, and the page that describes the API."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser.server_process import ROOT, RunningServer, running_server
from webui.api.problems import Problem

TEXT = (ROOT / "docs" / "API.md").read_text("utf-8")
WRITTEN = "http://localhost:7860"
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("docs")
    with running_server(folder / "outputs", models_dir=folder / "models") as started:
        yield started


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_python(server: RunningServer, code: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(code.replace(WRITTEN, server.url), "utf-8")
    done = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    emotion, number, *_ = done.stdout.split()
    assert emotion == "other"
    assert float(number) > 0


def test_curl(server: RunningServer) -> None:
    (line,) = re.findall(r"```bash\n(curl .*?)\n```", TEXT)
    try:
        done = subprocess.run(
            line.replace(WRITTEN, server.url).split(),
            cwd=ROOT,
            capture_output=True,
            check=True,
            env={**os.environ, "no_proxy": "*"},
        )
    except FileNotFoundError:
        pytest.skip("no curl")
    assert json.loads(done.stdout)["granularity"] == "frame"


def test_the_problem_is_a_real_one(server: RunningServer) -> None:
    (shown,) = re.findall(r"```json\n(.*?)\n```", TEXT, re.DOTALL)
    got = httpx.post(f"{server.url}/api/v1/recognize", json={}).json()
    assert Problem.model_validate(got) == Problem.model_validate_json(shown)


def test_every_address_is_a_route() -> None:
    paths = set(json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))["paths"])
    named = {found.rstrip("`:").partition("?")[0] for found in re.findall(r"(?:GET|DELETE|POST) (/\S+?)`", TEXT)}
    known = {re.sub(r"{(run|job)_id}", "{id}", path).replace("{file_name}", "{file}") for path in paths}
    assert named <= known
    assert len(named) >= 6


def test_the_page_of_the_api_needs_no_other_machine(server: RunningServer) -> None:
    page = httpx.get(f"{server.url}/docs")
    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert addresses
    for address in addresses:
        assert address.startswith("/"), address
        assert httpx.get(f"{server.url}{address}").status_code == 200
