"""The documentation matches the program: generated parts, examples, links, version."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests import write_docs
from webui import __version__
from webui.results import FrameScores, RecognitionResult
from webui.service import RecognitionService, RecognizeOptions
from webui.settings import PROJECT_DIR, Settings
from webui.texts import Language

DOCUMENTS = {path: path.read_text("utf-8") for paths in write_docs.DOCUMENTS.values() for path in paths}
PAIRS = list(zip(*write_docs.DOCUMENTS.values(), strict=True))  # Chinese, English
BILINGUAL = PROJECT_DIR / "models" / "README.md"
OTHERS = sorted(
    {*PROJECT_DIR.glob("*.md"), *write_docs.DOCS.glob("*.md"), BILINGUAL, PROJECT_DIR / "training" / "README.md"}
    - DOCUMENTS.keys()
)
README_LINES = 170


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT_DIR))


@pytest.mark.parametrize("language", Language)
def test_the_tables_are_up_to_date(language: Language) -> None:
    now = {path: DOCUMENTS[path] for path in write_docs.DOCUMENTS[language]}
    assert write_docs.written(language, write_docs.tables(language)) == now, "run `python -m tests.write_docs`"


def test_the_description_of_the_api_is_up_to_date() -> None:
    assert write_docs.OPENAPI.read_text("utf-8") == write_docs.openapi() + "\n", "run `python -m tests.write_docs`"


@pytest.mark.parametrize("paths", PAIRS, ids=lambda paths: paths[1].name)
def test_both_languages_have_the_same_parts(paths: tuple[Path, Path]) -> None:
    chinese, english = (shape(DOCUMENTS[path]) for path in paths)
    assert chinese == english
    assert chinese


def shape(document: str) -> list[str]:
    """Returns the markers of headings, blocks, tables and list items, without their text."""
    return re.findall(r"^(?:#+|```|<!--|\|[-|]*|-(?= )|\d\.)(?: `)?", document, re.MULTILINE)


@pytest.mark.parametrize("readme", write_docs.READMES.values(), ids=name_of)
def test_the_readme_is_short(readme: Path) -> None:
    assert len(DOCUMENTS[readme].splitlines()) <= README_LINES
    assert "docs/images/page_" in DOCUMENTS[readme]


def test_the_schema_is_up_to_date() -> None:
    assert write_docs.SCHEMA.read_text("utf-8") == write_docs.schema() + "\n", "run `python -m tests.write_docs`"


@pytest.mark.model
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


@pytest.mark.parametrize("language", Language)
def test_the_example_is_a_result(language: Language) -> None:
    example, frames = json_blocks(write_docs.FOLDERS[language] / "RESULT.md")
    result = RecognitionResult.model_validate(example)
    assert list(example)[:5] == ["emotion", "confidence", "scores", "granularity", "timestamp"]
    assert result.source.file_name == write_docs.EXAMPLE.name
    assert result.source.size_bytes == write_docs.EXAMPLE.stat().st_size
    assert result.model.name == "builtin"
    (summary,) = json_blocks(write_docs.READMES[language])
    assert list(summary.items()) == list(example.items())[:5]
    shown = FrameScores.model_validate(frames["frames"])
    assert shown.scores is not None
    assert {len(column) for column in (shown.start_s or (), *shown.scores.values())} == {shown.rows}
    assert (shown.window_s, shown.hop_s) == (1.0, 1.0)


def json_blocks(path: Path) -> list[dict[str, Any]]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", DOCUMENTS[path], re.DOTALL)]


@pytest.mark.parametrize("path", [*DOCUMENTS, *OTHERS], ids=name_of)
def test_every_link_has_a_target(path: Path) -> None:
    targets = [target for target, _ in links(path)]
    assert targets or path in OTHERS
    for target in targets:
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def links(path: Path) -> list[tuple[str, str]]:
    """Returns the links to files of the project, each with the four characters after it."""
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    found = re.finditer(r"\]\(([^)\s]+)\)", text)
    return [(link[1], text[link.end() : link.end() + 4]) for link in found if "://" not in link[1]]


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", write_docs.DOCUMENTS[Language.ZH], ids=name_of)
def test_chinese_pages_mark_links_to_english_pages(path: Path) -> None:
    counterpart = dict(PAIRS)[path]
    unmarked = {*write_docs.DOCUMENTS[Language.ZH], counterpart, BILINGUAL}
    for target, after in links(path):
        found = (path.parent / target.partition("#")[0]).resolve()
        if target[0] != "#" and found.suffix == ".md":
            assert (after == "（英文）") is (found not in unmarked), target


def test_all_files_have_the_same_version() -> None:
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == __version__
    changes = (PROJECT_DIR / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[0] == __version__
    dockerfile = (PROJECT_DIR / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^LABEL org\.opencontainers\.image\.version=(\S+)$", dockerfile, re.MULTILINE) == [__version__]
    assert json.loads(write_docs.openapi())["info"]["version"] == __version__


def test_run_sh_requires_the_same_python_as_the_project() -> None:
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text("utf-8"))["project"]
    (minor,) = re.findall(r"readonly MIN_MINOR=(\d+)", (PROJECT_DIR / "run.sh").read_text("utf-8"))
    assert project["requires-python"] == f">=3.{minor}"
