"""``models``: what can answer here."""

import json

from rich.table import Table

from webui.cli.exit_codes import ExitCode
from webui.cli.options import Job, JsonOption, load_settings
from webui.cli.terminal import Terminal
from webui.engine.registry import AUTO, ModelRegistry, ModelStatus
from webui.texts import text

BYTES_PER_MB = 1_000_000


def models(as_json: JsonOption = False) -> Job:
    """Returns the job that lists the models."""

    def job(terminal: Terminal) -> ExitCode:
        registry = ModelRegistry(load_settings())
        statuses = registry.statuses()
        if as_json:
            terminal.answer_json(json.dumps([model_document(status) for status in statuses], ensure_ascii=False))
        else:
            terminal.answer(_table(statuses, terminal), wrap=True)
            terminal.say("cli.models_auto", auto=AUTO, name=registry.resolve(AUTO))
        return ExitCode.OK

    return job


def model_document(status: ModelStatus) -> dict[str, str | int | bool]:
    """Returns what is known of a model, fit for JSON."""
    return {
        "name": status.name,
        "ready": status.ready,
        "engine": status.engine,
        "license": status.license,
        "size_bytes": status.size_bytes,
        "path": str(status.path),
    }


def _table(statuses: list[ModelStatus], terminal: Terminal) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("name", "ready", "engine", "license", "size", "path"):
        table.add_column(text(f"cli.models_{column}", terminal.language), overflow="fold")
    for status in statuses:
        ready = text("cli.yes" if status.ready else "cli.no", terminal.language)
        size = f"{status.size_bytes / BYTES_PER_MB:.1f} MB"
        table.add_row(status.name, ready, status.engine, status.license, size, str(status.path))
    return table
