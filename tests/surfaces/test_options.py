"""Every option of a recognition exists on every surface where it makes sense."""

import json

import pytest

from tests import write_docs
from webui.api.documents import JobRequest, RecognizeRequest
from webui.cli.options import FLAGS
from webui.cli.program import build_command
from webui.errors import RequestError
from webui.service.recognition.options import AnalysisOptions, RecognizeOptions
from webui.texts import Language

FIELDS = sorted(RecognizeOptions.model_fields)
OPERATORS = ("device", "engine", "background")  # chosen by the operator, not by clients
PROGRAM = build_command(Language.EN)
UPLOADS = {"recognize": RecognizeRequest, "jobs": JobRequest}


def flags_of(command: str) -> set[str]:
    return {flag for parameter in PROGRAM.commands[command].params for flag in parameter.opts}


@pytest.mark.parametrize("field", FIELDS)
def test_the_command_line_has_every_option(field: str) -> None:
    assert FLAGS[field] in flags_of("recognize")
    assert FLAGS[field] in flags_of("batch") or field == "title"  # a batch makes one table


@pytest.mark.parametrize("field", FIELDS)
def test_rest_has_every_option(field: str) -> None:
    described = json.loads(write_docs.openapi())
    paths, schemas = described["paths"], described["components"]["schemas"]
    for name, document in UPLOADS.items():
        bodies = paths[f"/api/v1/{name}"]["post"]["requestBody"]["content"]
        assert field in document.model_fields
        for kind in ("multipart/form-data", "application/json"):
            schema = schemas[bodies[kind]["schema"]["$ref"].rpartition("/")[2]]
            assert field in schema["properties"], (name, kind)


@pytest.mark.parametrize("title", ["", "  ", "two\nlines", "x" * 81])
def test_a_bad_title_is_refused(title: str) -> None:
    with pytest.raises(RequestError, match="1 to 80 printable characters") as caught:
        RecognizeOptions.of(title=title)
    assert caught.value.code == "request.bad_title"


@pytest.mark.parametrize("field", OPERATORS)
def test_choices_of_the_operator_are_no_options(field: str) -> None:
    for document in (*UPLOADS.values(), AnalysisOptions, RecognizeOptions):
        assert field not in document.model_fields
