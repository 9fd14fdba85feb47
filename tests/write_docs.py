"""Writes the generated parts of the documentation; ``tests/test_docs.py`` fails when they are out of date.

python -m tests.write_docs             docs/result.schema.json, docs/openapi.json, the tables of both languages
python -m tests.write_docs --example   also the examples: real runs, with their real times
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from pydantic.fields import FieldInfo

from webui import __version__
from webui.api.description import describe
from webui.api.jobs import JobsApi
from webui.api.routes import Api
from webui.cli.exit_codes import ExitCode
from webui.results import Granularity, RecognitionResult
from webui.service import RecognitionService, RecognizeOptions
from webui.settings import ENV_PREFIX, PROJECT_DIR, Settings
from webui.texts import Language, text

READMES: Final = {Language.ZH: PROJECT_DIR / "README.md", Language.EN: PROJECT_DIR / "README.en.md"}
DOCS: Final = PROJECT_DIR / "docs"
FOLDERS: Final = {Language.ZH: DOCS / "zh", Language.EN: DOCS}
PAGES: Final = ("SETTINGS.md", "CLI.md", "RESULT.md", "DEPLOY.md", "FAQ.md")  # in both languages
DOCUMENTS: Final = {
    language: (READMES[language], *(folder / page for page in PAGES)) for language, folder in FOLDERS.items()
}
OPENAPI: Final = DOCS / "openapi.json"
SCHEMA: Final = DOCS / "result.schema.json"
README_KEYS: Final = 5  # the first keys of `result.json`, which the README shows
LEAST_WITHOUT_POINT: Final = 10  # `1.0` shows that fractions are possible; for greater numbers the `.0` is left out
EXAMPLE: Final = PROJECT_DIR / "examples" / "example_synthetic.wav"


def schema() -> str:
    """Returns the JSON schema of ``result.json``."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(head | RecognitionResult.model_json_schema(mode="serialization"), indent=2, ensure_ascii=False)


def openapi() -> str:
    """Returns the description of the REST API."""
    described = FastAPI(title="Speech Emotion WebUI", version=__version__)
    with tempfile.TemporaryDirectory() as folder:
        service = RecognitionService(Settings(outputs_dir=Path(folder)))
        described.include_router(JobsApi(service).router)
        described.include_router(Api(service).router)
    describe(described)
    return json.dumps(described.openapi(), indent=2, ensure_ascii=False)


def settings_table(language: Language) -> str:
    """Returns every setting as a row of a table."""
    head = {Language.ZH: "| 变量 | 默认 | 含义 |", Language.EN: "| variable | default | meaning |"}
    rows = [head[language], "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        meaning = text(f"settings.{name}", language).replace("|", "\\|")
        rows.append(f"| `{ENV_PREFIX}{name.upper()}` | {_default(field)} | {meaning} |")
    return "\n".join(rows)


def exit_codes_table(language: Language) -> str:
    """Returns every exit code as a row of a table."""
    head = {Language.ZH: "| 退出码 | 含义 |", Language.EN: "| exit code | meaning |"}
    rows = [head[language], "|---|---|"]
    for code in ExitCode:
        meaning = text(code.meaning, language).replace("|", "\\|")
        rows.append(f"| {code.value} | {meaning} |")
    return "\n".join(rows)


def frames_example() -> str:
    """Returns the frame scores of the example clip from a real run; one row per second, to keep them short."""
    result = _recognized(RecognizeOptions(granularity=Granularity.FRAME, window_s=1.0, hop_s=1.0))
    return _json_block(result.model_dump_json(indent=2, include={"frames"}, exclude_none=True))


SHOWN_FOLDER: Final = "/home/anna/speech-emotion-webui"  # the project's folder in an example


def cli_example(language: Language) -> str:
    """Returns a command and its output from a real run in an empty folder."""
    arguments = ["recognize", f"{EXAMPLE.parent.name}/{EXAMPLE.name}"]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(EXAMPLE.parent, Path(folder) / EXAMPLE.parent.name)
        done = subprocess.run(
            [sys.executable, PROJECT_DIR / "app.py", *arguments, "--lang", language],
            cwd=folder,
            env={**os.environ, f"{ENV_PREFIX}OUTPUTS_DIR": "outputs"},
            capture_output=True,
            check=True,
        )
        output = done.stdout.decode("utf-8").replace(f"{Path(folder).resolve()}/", f"{SHOWN_FOLDER}/")
    printed = "\n".join(line.rstrip() for line in output.strip().splitlines())
    return f"```console\n$ bash run.sh {' '.join(arguments)}\n{printed}\n```"


def written(language: Language, parts: dict[str, str]) -> dict[Path, str]:
    """Returns the documents of a language with each part between ``<!-- name: ... -->`` and ``<!-- /name -->``."""
    documents = {path: path.read_text("utf-8") for path in DOCUMENTS[language]}
    for name, content in parts.items():
        pattern = re.compile(rf"(<!-- {name}: [^\n]* -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        places = 0
        for path, document in documents.items():
            documents[path], found = pattern.subn(
                lambda marks, content=content: f"{marks[1]}{content}\n{marks[2]}", document
            )
            places += found
        if places != 1:
            raise SystemExit(f"{places} places for {name!r} in the {language} documents; one is expected.")
    return documents


def tables(language: Language) -> dict[str, str]:
    """Returns the parts that do not need a real run."""
    return {"settings": settings_table(language), "exit codes": exit_codes_table(language)}


def examples(language: Language) -> dict[str, str]:
    """Returns the parts that come from a real run; its times and its date change with every run."""
    document = _recognized(RecognizeOptions()).to_json()
    first_keys = dict(list(json.loads(document).items())[:README_KEYS])
    return {
        "summary": _json_block(json.dumps(first_keys, indent=2)),
        "example": _json_block(document),
        "frames": frames_example(),
        "command": cli_example(language),
    }


def _recognized(options: RecognizeOptions) -> RecognitionResult:
    with tempfile.TemporaryDirectory() as folder:
        service = RecognitionService(Settings(outputs_dir=Path(folder)))
        service.recognize(EXAMPLE, options)  # the times of the first run include loading the model
        return service.recognize(EXAMPLE, options).result


def _json_block(document: str) -> str:
    short_lists = re.compile(r"\[[^\[\]{}]*\]")
    return f"```json\n{short_lists.sub(_on_one_line, document)}\n```"


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{' '.join(found[0][1:-1].split())}]"


def _default(field: FieldInfo) -> str:
    """Returns a default as the value of an environment variable; empty if there is none."""
    value: Any = field.default
    match value:
        case None | ():
            return ""
        case Path():
            return f"`{value.relative_to(PROJECT_DIR)}`"
        case bool():
            return f"`{str(value).lower()}`"
        case StrEnum():
            return f"`{value.value}`"
        case float() if value.is_integer() and value > LEAST_WITHOUT_POINT:
            return f"`{value:.0f}`"
    return f"`{value}`"


def main() -> None:
    SCHEMA.write_text(schema() + "\n", encoding="utf-8")
    OPENAPI.write_text(openapi() + "\n", encoding="utf-8")
    for language in Language:
        parts = tables(language) | (examples(language) if "--example" in sys.argv[1:] else {})
        for path, document in written(language, parts).items():
            path.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
