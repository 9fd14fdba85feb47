"""The examples in docstrings run and print what they show; the JSON schema of the results leaves them out."""

import doctest
from types import ModuleType

import pytest

from webui import results
from webui.service.recognition import service


@pytest.mark.parametrize(("module", "examples"), [(service, 1), (results, 3)])
def test_examples_run(module: ModuleType, examples: int) -> None:
    found = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert len(found) == examples
    assert doctest.testmod(module).failed == 0


def test_the_schema_has_no_example() -> None:
    assert ">>>" in (results.RecognitionResult.__doc__ or "")
    schema = results.RecognitionResult.model_json_schema()
    assert schema["description"] == "The answer for one recording."
    assert ">>>" not in str(schema)
