"""The routes of stored results: list, read, delete, and fetch a file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from pydantic import ValidationError

from webui.api import PREFIX
from webui.api.documents import ListedResult, RecognizedAudio, ResultPage
from webui.api.examples import RECOGNIZED, example_response
from webui.errors import RunNotFoundError
from webui.http.forwarded import PUBLISHED_AT
from webui.http.opened_file import OpenedFileResponse
from webui.http.problems import responses
from webui.http.result_links import ResultLinks
from webui.results import RecognitionResult, fields_of
from webui.storage import RESULT_FILE
from webui.storage.run_ids import RunIds

ANY_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
MAX_PAGE: Final = 200
MAX_OFFSET: Final = 1_000_000_000  # SQLite's numbers end at 2**63


class ResultsApi:
    """The routes, and the documents of stored results.

    Args:
        ids: finds results by their ids.
    """

    def __init__(self, ids: RunIds) -> None:
        self._ids = ids
        self._addresses = ResultLinks(ids)
        self.router = APIRouter()
        self._add_routes()

    def _add_routes(self) -> None:
        add = self.router.add_api_route
        add(
            f"{PREFIX}/results", self.list_results, tags=["results"], summary="List results, newest first",
            operation_id="listResults", response_model_exclude_none=True, responses=responses(401, 422),
        )  # fmt: skip
        add(
            f"{PREFIX}/results/{{run_id}}", self.read_result, response_model=RecognizedAudio,
            operation_id="readResult", response_model_exclude_none=True, tags=["results"], summary="Read one result",
            responses=example_response(200, RECOGNIZED) | responses(401, 404, 422),
        )  # fmt: skip
        add(
            f"{PREFIX}/results/{{run_id}}", self.delete_result, methods=["DELETE"], status_code=204, tags=["results"],
            operation_id="deleteResult", summary="Delete one result with its files",
            responses=responses(401, 403, 404, 422, 507), response_class=Response,
        )  # fmt: skip
        add(
            f"{PREFIX}/results/{{run_id}}/{{file_name}}", self.read_file, tags=["results"],
            operation_id="readResultFile", summary="Fetch a file of a result",
            responses=ANY_FILE | responses(401, 404, 422), response_class=FileResponse,
        )  # fmt: skip

    def document(
        self, result: RecognitionResult, folder: Path, files: Iterable[str], values: tuple[float, ...] | None = None
    ) -> RecognizedAudio:
        """Returns the document of a result.

        Args:
            result: the result.
            folder: its run folder.
            files: names of the files in the folder.
            values: the embedding, if the response contains it.
        """
        links = self._links(folder, files)
        return RecognizedAudio(
            **fields_of(result, RecognitionResult),
            id=self._ids.id_of(folder),
            kept=True,
            links=links,
            embedding_values=values,
        )

    def list_results(
        self,
        offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    ) -> ResultPage:
        """Lists the results in the outputs folder; a folder without a readable result is left out."""
        folders, total = self._ids.newest_first(offset=offset, limit=limit)
        listed = [self._listed(folder) for folder in folders]
        items = tuple(entry for entry in listed if entry is not None)
        return ResultPage(items=items, results=items, total=total, offset=offset, limit=limit)

    def read_result(self, run_id: str) -> RecognizedAudio:
        """Returns a result as its recognition returned it."""
        folder = self._folder(run_id)
        try:
            return self.document(_read_result(folder), folder, _names_in(folder))
        except (OSError, ValidationError) as err:
            raise RunNotFoundError("api.no_result", found=run_id) from err

    def delete_result(self, run_id: str) -> None:
        """Deletes the result's folder."""
        if not self._ids.delete(self._folder(run_id)):
            raise RunNotFoundError("api.no_result", found=run_id)

    def read_file(self, run_id: str, file_name: str) -> FileResponse:
        """Returns a file of the result."""
        folder = self._folder(run_id)
        try:
            files = _names_in(folder)
            if file_name in files:
                return OpenedFileResponse(folder / file_name)
        except FileNotFoundError as err:  # the result was deleted in the meantime
            raise RunNotFoundError("api.no_result", found=run_id) from err
        raise RunNotFoundError("api.no_file", found=file_name[:80], expected=", ".join(files))

    def _links(self, folder: Path, files: Iterable[str]) -> dict[str, str]:
        return self._addresses.of(folder, files, published_at=PUBLISHED_AT.get())

    def _listed(self, folder: Path) -> ListedResult | None:
        try:
            result, files = _read_result(folder), _names_in(folder)
        except (OSError, ValidationError):
            return None
        return ListedResult(
            id=self._ids.id_of(folder),
            timestamp=result.timestamp,
            created_utc=result.created_utc,
            file_name=result.source.file_name,
            emotion=result.emotion.value,
            confidence=round(result.confidence, 6),
            model=result.model.name,
            links=self._links(folder, files),
        )

    def _folder(self, run_id: str) -> Path:
        folder = self._ids.find(run_id)
        if folder is None:
            raise RunNotFoundError("api.no_result", found=run_id[:80])
        return folder


def _names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def _read_result(folder: Path) -> RecognitionResult:
    return RecognitionResult.model_validate_json((folder / RESULT_FILE).read_bytes())
