"""The docs say what the program does: generated parts, examples, commands."""

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from tests import write_docs
from webui import __version__
from webui.results import FrameScores, RecognitionResult
from webui.service import RecognitionService, RecognizeOptions
from webui.settings import PROJECT_DIR, Settings
from webui.texts import Language

READMES = {language: path.read_text("utf-8") for language, path in write_docs.READMES.items()}
each_readme = pytest.mark.parametrize("readme", READMES.values(), ids=list(READMES))


@pytest.mark.parametrize("language", READMES)
def test_the_tables_are_the_program_s(language: Language) -> None:
    readme = READMES[language]
    assert write_docs.filled_in(readme, write_docs.tables(language)) == readme, "run `python -m tests.write_docs`"


def test_the_description_of_the_api_is_the_program_s() -> None:
    assert write_docs.OPENAPI.read_text("utf-8") == write_docs.openapi() + "\n", "run `python -m tests.write_docs`"


def test_both_languages_have_the_same_parts() -> None:
    shapes = [
        [
            re.sub(r"[^#`|]", "", line)[:3]
            for line in readme.splitlines()
            if line.startswith(("#", "```", "| `", "<!--"))
        ]
        for readme in READMES.values()
    ]
    assert shapes[0] == shapes[1]


def test_the_schema_is_the_program_s() -> None:
    assert write_docs.SCHEMA.read_text("utf-8") == write_docs.schema() + "\n", "run `python -m tests.write_docs`"


@pytest.mark.parametrize("granularity", ["utterance", "frame"])
def test_real_results_fit_the_schema(tmp_path: Path, granularity: str) -> None:
    options = RecognizeOptions(granularity=granularity, extract_embedding=True)  # type: ignore[arg-type]
    recognition = RecognitionService(Settings(outputs_dir=tmp_path)).recognize(write_docs.EXAMPLE, options)
    schema = json.loads(write_docs.SCHEMA.read_text("utf-8"))
    document = json.loads((recognition.folder / "result.json").read_text("utf-8"))
    assert document["warnings"]
    jsonschema.Draft202012Validator(schema).validate(document)
    for broken in ({"emotion": "joy"}, {"confidence": 1.5}, {"warnings": [{"code": 1}]}, {"frames": {"rows": 0}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema).validate(document | broken)


@each_readme
def test_the_example_is_a_result(readme: str) -> None:
    example, frames = re.findall(r"```json\n(.*?)\n```", readme, re.DOTALL)
    result = RecognitionResult.model_validate_json(example)
    assert list(json.loads(example))[:5] == ["emotion", "confidence", "scores", "granularity", "timestamp"]
    assert result.source.file_name == write_docs.EXAMPLE.name
    assert result.source.size_bytes == write_docs.EXAMPLE.stat().st_size
    assert result.model.name == "builtin"
    shown = FrameScores.model_validate(json.loads(frames)["frames"])
    assert shown.scores is not None
    assert {len(column) for column in (shown.start_s or (), *shown.scores.values())} == {shown.rows}
    assert (shown.window_s, shown.hop_s) == (1.0, 1.0)


@each_readme
def test_the_links_lead_somewhere(readme: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in link]
    assert len(links) >= 4
    assert [link for link in links if not (PROJECT_DIR / link).exists()] == []


def test_one_version() -> None:
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == __version__


def test_run_sh_is_for_the_python_of_the_project() -> None:
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text("utf-8"))["project"]
    (minor,) = re.findall(r"readonly MIN_MINOR=(\d+)", (PROJECT_DIR / "run.sh").read_text("utf-8"))
    assert project["requires-python"] == f">=3.{minor}"
