"""Writes what the program itself knows into the docs; ``tests/test_docs.py`` fails when they drift.

python -m tests.write_docs             docs/result.schema.json, the tables of README.md
python -m tests.write_docs --example   also the example of README.md: a real run, with its real times
"""

import json
import re
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

from webui.cli.exit_codes import ExitCode
from webui.results import RecognitionResult
from webui.service import RecognitionService
from webui.settings import ENV_PREFIX, PROJECT_DIR, Settings
from webui.texts import Language, text

README: Final = PROJECT_DIR / "README.md"
SCHEMA: Final = PROJECT_DIR / "docs" / "result.schema.json"
EXAMPLE: Final = PROJECT_DIR / "examples" / "example_synthetic.wav"


def schema() -> str:
    """Returns the JSON schema of ``result.json``."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(head | RecognitionResult.model_json_schema(mode="serialization"), indent=2, ensure_ascii=False)


def settings_table() -> str:
    """Returns every setting as a row of a table."""
    rows = ["| 变量 variable | 默认 default | 含义 meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `{ENV_PREFIX}{name.upper()}` | `{_default(field)}` | {_meaning(field)} |")
    return "\n".join(rows)


def exit_codes_table() -> str:
    """Returns every exit code as a row of a table."""
    rows = ["| | 含义 | meaning |", "|---|---|---|"]
    for code in ExitCode:
        zh, en = (text(code.meaning, language).replace("|", "\\|") for language in (Language.ZH, Language.EN))
        rows.append(f"| {code.value} | {zh} | {en} |")
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


def tables() -> dict[str, str]:
    """Returns the parts of README.md that follow from the program alone."""
    return {"settings": settings_table(), "exit codes": exit_codes_table()}


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{' '.join(found[0][1:-1].split())}]"


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if isinstance(value, Path):
        return str(value.relative_to(PROJECT_DIR))
    return value.value if isinstance(value, StrEnum) else str(value)


def _meaning(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|")


def main() -> None:
    SCHEMA.write_text(schema() + "\n", encoding="utf-8")
    parts = tables() | ({"example": example()} if "--example" in sys.argv[1:] else {})
    README.write_text(filled_in(README.read_text("utf-8"), parts), encoding="utf-8")


if __name__ == "__main__":
    main()
