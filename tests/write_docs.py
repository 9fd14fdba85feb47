"""Writes what the program itself knows into the docs; ``tests/test_docs.py`` fails when they drift.

python -m tests.write_docs             docs/result.schema.json, docs/openapi.json, the tables of both READMEs
python -m tests.write_docs --example   also the example of the READMEs: a real run, with its real times
"""

import json
import re
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from pydantic.fields import FieldInfo

from webui import __version__
from webui.api.routes import Api
from webui.cli.exit_codes import ExitCode
from webui.results import RecognitionResult
from webui.service import RecognitionService
from webui.settings import ENV_PREFIX, PROJECT_DIR, Settings
from webui.texts import Language, text

READMES: Final = {Language.ZH: PROJECT_DIR / "README.md", Language.EN: PROJECT_DIR / "README.en.md"}
OPENAPI: Final = PROJECT_DIR / "docs" / "openapi.json"
SCHEMA: Final = PROJECT_DIR / "docs" / "result.schema.json"
EXAMPLE: Final = PROJECT_DIR / "examples" / "example_synthetic.wav"


def schema() -> str:
    """Returns the JSON schema of ``result.json``."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(head | RecognitionResult.model_json_schema(mode="serialization"), indent=2, ensure_ascii=False)


def openapi() -> str:
    """Returns the description of the REST API."""
    described = FastAPI(title="Speech Emotion WebUI", version=__version__)
    with tempfile.TemporaryDirectory() as folder:
        described.include_router(Api(RecognitionService(Settings(outputs_dir=Path(folder)))).router)
    return json.dumps(described.openapi(), indent=2, ensure_ascii=False)


def settings_table(language: Language) -> str:
    """Returns every setting as a row of a table."""
    head = {Language.ZH: "| 变量 | 默认 | 含义 |", Language.EN: "| variable | default | meaning |"}
    rows = [head[language], "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        meaning = text(f"settings.{name}", language).replace("|", "\\|")
        rows.append(f"| `{ENV_PREFIX}{name.upper()}` | `{_default(field)}` | {meaning} |")
    return "\n".join(rows)


def exit_codes_table(language: Language) -> str:
    """Returns every exit code as a row of a table."""
    head = {Language.ZH: "| 退出码 | 含义 |", Language.EN: "| exit code | meaning |"}
    rows = [head[language], "|---|---|"]
    for code in ExitCode:
        meaning = text(code.meaning, language).replace("|", "\\|")
        rows.append(f"| {code.value} | {meaning} |")
    return "\n".join(rows)


def example() -> str:
    """Returns the ``result.json`` of the example clip, made now."""
    with tempfile.TemporaryDirectory() as folder:
        recognition = RecognitionService(Settings(outputs_dir=Path(folder))).recognize(EXAMPLE)
    short_lists = re.compile(r"\[[^\[\]{}]*\]")
    document = short_lists.sub(_on_one_line, recognition.result.to_json())
    return f"```json\n{document}\n```"


def filled_in(document: str, parts: dict[str, str]) -> str:
    """Returns ``document`` with each part between its markers ``<!-- name: ... -->`` and ``<!-- /name -->``."""
    for name, content in parts.items():
        pattern = re.compile(rf"(<!-- {name}: [^\n]* -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        document, found = pattern.subn(lambda marks, content=content: f"{marks[1]}{content}\n{marks[2]}", document)
        if found != 1:
            raise SystemExit(f"{found} places for {name!r} in the document; one is expected.")
    return document


def tables(language: Language) -> dict[str, str]:
    """Returns the parts of a README that follow from the program alone."""
    return {"settings": settings_table(language), "exit codes": exit_codes_table(language)}


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{' '.join(found[0][1:-1].split())}]"


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if isinstance(value, Path):
        return str(value.relative_to(PROJECT_DIR))
    return value.value if isinstance(value, StrEnum) else str(value)


def main() -> None:
    SCHEMA.write_text(schema() + "\n", encoding="utf-8")
    OPENAPI.write_text(openapi() + "\n", encoding="utf-8")
    shown = {"example": example()} if "--example" in sys.argv[1:] else {}
    for language, readme in READMES.items():
        parts = tables(language) | shown
        readme.write_text(filled_in(readme.read_text("utf-8"), parts), encoding="utf-8")


if __name__ == "__main__":
    main()
