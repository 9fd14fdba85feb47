"""The addresses of stored results and of their files, for the REST API and for gradio_client."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from webui.storage.run_ids import RunIds

API_PREFIX: Final = "/api/v1"
RESULTS: Final = f"{API_PREFIX}/results"


class ResultLinks:
    """Makes the addresses.

    Args:
        ids: converts run folders to their public ids.
    """

    def __init__(self, ids: RunIds) -> None:
        self.ids = ids

    def of(self, folder: Path, files: Iterable[str], *, published_at: str) -> dict[str, str]:
        """Returns the address of each file of a result, by its name.

        Args:
            folder: the run folder.
            files: names of the files in the folder.
            published_at: the path under which a reverse proxy publishes the server; "" for the root.
        """
        address = f"{published_at}{RESULTS}/{self.ids.id_of(folder)}"
        return {name: f"{address}/{name}" for name in files}
