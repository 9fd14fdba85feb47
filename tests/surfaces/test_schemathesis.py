"""Requests generated from the OpenAPI description: a real server responds as described."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.support.proofs import sizes
from tests.support.server_process import RunningServer, running_server
from webui.service.serving.keys import hash_key, new_key

KEY = new_key()
# A schema cannot express that a string is base64 of real audio, or which sources exclude each other.
NOT_IN_SCHEMA = [positive_data_acceptance]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    outputs = tmp_path_factory.mktemp("schema") / "outputs"
    with running_server(outputs, api_keys=hash_key(KEY), max_audio_mb=1, max_audio_s=30) as started:
        yield started
        assert "Traceback" not in started.errors.read_text()


@sizes("examples", small=30, full=1000)  # of each operation
def test_answers_are_as_described(server: RunningServer, examples: int) -> None:
    headers = {"X-API-Key": KEY}
    api = schemathesis.openapi.from_url(f"{server.url}/api/v1/openapi.json", headers=headers)
    operations = [found.ok() for found in api.get_all_operations()]
    assert len(operations) >= 9
    for operation in operations:

        @settings(
            max_examples=examples, deadline=None, derandomize=True, database=None,
            phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def send(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=headers, timeout=120, excluded_checks=NOT_IN_SCHEMA)

        send()
