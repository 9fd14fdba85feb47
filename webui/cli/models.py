"""``models``: lists the models."""

import json
from typing import Final

from pydantic import Field
from rich.table import Table

from webui.cli.exit_codes import ExitCode
from webui.cli.options import CommandAction, JsonOption, load_settings
from webui.cli.terminal import Terminal
from webui.engine.registry import AUTO, ModelListing, ModelRegistry
from webui.results import Document
from webui.texts import text
from webui.units import BYTES_PER_MB

COLUMNS: Final = (
    "cli.models_name",
    "cli.models_ready",
    "cli.models_engine",
    "cli.models_license",
    "cli.models_size",
    "cli.models_path",
)


class ModelDocument(Document):
    """One model, as ``models`` and ``doctor`` list it."""

    name: str
    ready: bool = Field(description="Whether it can be loaded without the network.")
    engine: str
    license: str = Field(description="Licence of the weights.")
    size_bytes: int
    path: str

    @classmethod
    def of(cls, listing: ModelListing) -> "ModelDocument":
        """Returns the document for ``listing``."""
        return cls(
            name=listing.name,
            ready=listing.ready,
            engine=listing.engine,
            license=listing.license,
            size_bytes=listing.size_bytes,
            path=str(listing.path),
        )


def models(as_json: JsonOption = False) -> CommandAction:
    """Returns the action that lists the models."""

    def run(terminal: Terminal) -> ExitCode:
        registry = ModelRegistry(load_settings())
        listings = registry.listings()
        if as_json:
            terminal.print_json(json.dumps([ModelDocument.of(listing).model_dump() for listing in listings]))
        else:
            terminal.print_result(_table(listings, terminal), wrap=True)
            terminal.print_text("cli.models_auto", auto=AUTO, name=registry.choose(AUTO).name)
        return ExitCode.OK

    return run


def _table(listings: list[ModelListing], terminal: Terminal) -> Table:
    table = Table(box=None, pad_edge=False)
    for key in COLUMNS:
        table.add_column(text(key, terminal.language), overflow="fold")
    for listing in listings:
        ready = text("cli.yes" if listing.ready else "cli.no", terminal.language)
        size = f"{listing.size_bytes / BYTES_PER_MB:.1f} MB"
        table.add_row(listing.name, ready, listing.engine, listing.license, size, str(listing.path))
    return table
