"""Names that users' programs depend on, listed in ``tests/data/public_names.json``; later versions may only add some.

python -m tests.support.public_names    adds new names to the file; it never removes any
"""

import ast
import json
from pathlib import Path
from typing import Any, Final

import typer

from tests import write_docs
from webui.cli.exit_codes import ExitCode
from webui.cli.program import build_command
from webui.service.serving.metrics import Metrics
from webui.settings import ENV_PREFIX, PROJECT_DIR, Settings
from webui.storage import AUDIO_FILE, EMBEDDING_FILE, FRAMES_FILE, LOG_FILE, RESULT_FILE
from webui.texts import TEXTS, Language

FILE: Final = PROJECT_DIR / "tests" / "data" / "public_names.json"
RETIRED_CODES: Final = (  # no client ever received these: every model of every version had frame logits
    "windows.whole_only",
)
UNDOCUMENTED_ROUTES: Final = ("GET /login", "POST /login", "GET /logout", "POST /logout")


def collect() -> dict[str, list[str]]:
    """Returns every public name of this version, by kind."""
    openapi = json.loads(write_docs.openapi())
    return {
        "routes": sorted({*_routes(openapi), *UNDOCUMENTED_ROUTES}),
        "json keys": sorted({*_json_keys(openapi), *_json_keys({"result": json.loads(write_docs.schema())})}),
        "codes": sorted({*_codes(), *RETIRED_CODES}),
        "commands": sorted(_commands()),
        "exit codes": [f"{code.value} {code.name}" for code in ExitCode],
        "settings": sorted(f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields),
        "metrics": sorted(family.name for family in Metrics()._registry.collect()),
        "files of a run folder": sorted((AUDIO_FILE, EMBEDDING_FILE, FRAMES_FILE, LOG_FILE, RESULT_FILE)),
    }


def kept() -> dict[str, list[str]]:
    """Returns the recorded names of earlier versions."""
    names: dict[str, list[str]] = json.loads(FILE.read_text("utf-8"))
    return names


def _routes(openapi: dict[str, Any]) -> list[str]:
    return [f"{method.upper()} {path}" for path, methods in openapi["paths"].items() for method in methods]


def _json_keys(schema: object) -> set[str]:
    """Returns all property names in a schema."""
    if isinstance(schema, list):
        return set().union(*map(_json_keys, schema))
    if not isinstance(schema, dict):
        return set()
    own = schema.get("properties")
    names = set(own) if isinstance(own, dict) else set()
    return names.union(*map(_json_keys, schema.values()))


def _codes() -> set[str]:
    """Returns the codes of errors, warnings and log lines: the text keys that the program uses as codes."""
    found: set[str] = set()
    for source in (PROJECT_DIR / "webui").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                found |= _code_given(node)
    return found | {key for key in TEXTS if key.startswith(("log.", "audio."))}


def _code_given(call: ast.Call) -> set[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    if name.endswith("Error"):
        given += call.args[:1]
    return {value.value for value in given if isinstance(value, ast.Constant) and value.value in TEXTS}


def _commands() -> list[str]:
    program = build_command(Language.EN)
    groups: list[tuple[str, Any]] = [("", program), *program.commands.items()]
    found = []
    for command, part in groups:
        options = [option for parameter in part.params for option in (*parameter.opts, *parameter.secondary_opts)]
        found += [f"{command} {option}".strip() for option in options if option.startswith("-")]
    return [*found, *program.commands]


def main() -> None:
    before = kept() if FILE.exists() else {}
    now = collect()
    merged = {kind: sorted({*before.get(kind, ()), *names}) for kind, names in now.items()}
    FILE.write_text(json.dumps(merged, indent=1, ensure_ascii=False) + "\n", "utf-8")
    typer.echo(f"{Path(FILE).name}: {sum(map(len, merged.values()))} names")


if __name__ == "__main__":
    main()
