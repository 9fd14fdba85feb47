"""The docs say what the program does: generated parts, examples, commands, requirements."""

import ast
import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from tests import write_docs
from webui import __version__
from webui.cli.program import build_command
from webui.results import RecognitionResult
from webui.service import RecognitionService, RecognizeOptions
from webui.settings import PROJECT_DIR, Settings
from webui.texts import Language

README = write_docs.README.read_text("utf-8")
REQUIREMENT = re.compile(r"^([A-Za-z0-9_.-]+)(==|>=)[0-9.]+(,<[0-9.]+)?$")
STANDARD_OR_OWN = {*sys.stdlib_module_names, "webui", "training", "tests", "benchmarks"}
FOR_FUNASR = {"librosa", "pydub", "pyyaml"}  # not imported by us, or under another name
COMES_WITH_PYDANTIC = {"typing_extensions", "pydantic_core"}


def test_the_tables_are_the_program_s() -> None:
    assert write_docs.filled_in(README, write_docs.tables()) == README, "run `python -m tests.write_docs`"


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


def test_the_example_is_a_result() -> None:
    (example,) = re.findall(r"```json\n(.*?)\n```", README, re.DOTALL)
    result = RecognitionResult.model_validate_json(example)
    assert list(json.loads(example))[:5] == ["emotion", "confidence", "scores", "granularity", "timestamp"]
    assert result.source.file_name == write_docs.EXAMPLE.name
    assert result.source.size_bytes == write_docs.EXAMPLE.stat().st_size
    assert result.model.name == "builtin"


def test_the_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) >= 4
    assert [link for link in links if not (PROJECT_DIR / link).exists()] == []


def test_the_commands_can_be_given() -> None:
    parser = build_command(Language.EN)
    lines = [
        line.split("#")[0]
        for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
        for line in block.splitlines()
    ]
    words = [shlex.split(found[1]) for line in lines if (found := re.search(r"bash run\.sh(.*?)(?:>|$)", line))]
    assert len(words) >= 10
    for arguments in words:
        if not arguments or arguments[0] in ("test", "bench", "--help"):
            continue
        command = parser.commands[arguments[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in arguments[1:] if word.startswith("--")} <= known


def test_one_version() -> None:
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == __version__


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_to_a_range(name: str) -> None:
    for line in (PROJECT_DIR / name).read_text("utf-8").splitlines():
        if line and not line.startswith(("#", "-r ")):
            found = REQUIREMENT.match(line)
            assert found, line
            assert found[2] == "==" or found[3], f"{line}: no upper bound"


def test_requirements_are_what_the_program_imports() -> None:
    required = {
        found[1].replace("-", "_")
        for line in (PROJECT_DIR / "requirements.txt").read_text("utf-8").splitlines()
        if (found := REQUIREMENT.match(line))
    }
    imported = set()
    for source in (PROJECT_DIR / "webui").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    assert imported - STANDARD_OR_OWN - COMES_WITH_PYDANTIC == (required - FOR_FUNASR) | {"yaml"}


def test_run_sh_is_for_the_python_of_the_project() -> None:
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text("utf-8"))["project"]
    (minor,) = re.findall(r"readonly MIN_MINOR=(\d+)", (PROJECT_DIR / "run.sh").read_text("utf-8"))
    assert project["requires-python"] == f">=3.{minor}"
