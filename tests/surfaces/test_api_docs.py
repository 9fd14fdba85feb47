"""Runs the examples of docs/API.md against a server, and checks the API's documentation page."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.example import EXAMPLE_EMOTION
from tests.support.server_process import ROOT, RunningServer, running_server
from webui.api.documents import JobDocument, RecognizedAudio
from webui.api.examples import JOB, RECOGNIZED
from webui.http.problems import Problem

TEXT = (ROOT / "docs" / "API.md").read_text("utf-8")
DOCUMENTED_URL = "http://localhost:7860"
OPENAPI = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("docs")
    with running_server(folder / "outputs", models_dir=folder / "models") as started:
        yield started


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_python(server: RunningServer, code: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(code.replace(DOCUMENTED_URL, server.url), "utf-8")
    done = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    emotion, number, *_ = done.stdout.split()
    assert emotion == EXAMPLE_EMOTION
    assert float(number) > 0


def test_curl(server: RunningServer) -> None:
    (line,) = re.findall(r"```bash\n(curl .*?)\n```", TEXT)
    try:
        done = subprocess.run(
            line.replace(DOCUMENTED_URL, server.url).split(),
            cwd=ROOT,
            capture_output=True,
            check=True,
            env={**os.environ, "no_proxy": "*"},
        )
    except FileNotFoundError:
        pytest.skip("no curl")
    assert json.loads(done.stdout)["granularity"] == "frame"


def test_the_documented_problem_matches_the_server(server: RunningServer) -> None:
    (shown,) = re.findall(r"```json\n(.*?)\n```", TEXT, re.DOTALL)
    got = httpx.post(f"{server.url}/api/v1/recognize", json={}).json()
    assert Problem.model_validate(got) == Problem.model_validate_json(shown)


def test_every_documented_path_is_a_route() -> None:
    paths = set(OPENAPI["paths"])
    named = {found.rstrip("`:").partition("?")[0] for found in re.findall(r"(?:GET|DELETE|POST) (/\S+?)`", TEXT)}
    known = {re.sub(r"{(run|job)_id}", "{id}", path).replace("{file_name}", "{file}") for path in paths}
    assert named <= known
    assert len(named) >= 6


def test_the_served_description_is_the_committed_one(server: RunningServer) -> None:
    served = httpx.get(f"{server.url}/api/v1/openapi.json").json()
    assert served == OPENAPI


OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, operations in OPENAPI["paths"].items()
    for method, operation in operations.items()
]


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_every_operation_lists_its_errors(name: str, operation: dict[str, Any]) -> None:
    errors = {int(status): response for status, response in operation["responses"].items() if int(status) >= 400}
    if "/healthz" in name or "/readyz" in name:
        assert "security" not in operation
        return
    assert operation["security"] == [{}, {"bearer": []}, {"key": []}]
    assert 401 in errors
    assert ("parameters" not in operation) or 422 in errors
    assert ("{" not in name) or 404 in errors
    for status, error in errors.items():
        (content,) = error["content"].items()
        assert content[0] == "application/problem+json"
        assert content[1]["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert Problem.model_validate(content[1]["example"]).status == status
        assert ("Retry-After" in error.get("headers", {})) is (status in {429, 503})
    assert OPENAPI["components"]["schemas"]["Problem"] == Problem.model_json_schema()


def test_the_examples_are_valid() -> None:
    assert RecognizedAudio.model_validate(RECOGNIZED).model_dump(mode="json", exclude_none=True) == RECOGNIZED
    assert JobDocument.model_validate(JOB).model_dump(mode="json", exclude_none=True) == JOB
    shown = json.dumps(OPENAPI)
    assert json.dumps(RECOGNIZED) in shown
    assert json.dumps(JOB) in shown


def test_the_documentation_page_loads_nothing_from_other_machines(server: RunningServer) -> None:
    page = httpx.get(f"{server.url}/docs")
    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert addresses
    for address in addresses:
        assert address.startswith("/"), address
        assert httpx.get(f"{server.url}{address}").status_code == 200
