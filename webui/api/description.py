"""The OpenAPI description: what FastAPI can't know of keys and of errors."""

from typing import Any, Final

from fastapi import FastAPI

from webui.http.access import OPEN_TO_ALL
from webui.http.problems import Problem

SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key, where the server asks for keys or logins."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in another header."},
}
SECURITY: Final[list[dict[str, list[str]]]] = [{}, {"bearer": []}, {"key": []}]  # none where none is asked for


def describe(app: FastAPI) -> None:
    """Completes what ``app.openapi()`` returns.

    Args:
        app: has the routes already, or will have them when it is asked.
    """
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(plain())
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _complete(schema: dict[str, Any]) -> None:
    components = schema["components"]
    components["securitySchemes"] = SCHEMES
    components["schemas"]["Problem"] = Problem.model_json_schema()
    for path, operations in schema["paths"].items():
        if path not in OPEN_TO_ALL:
            for operation in operations.values():
                operation["security"] = SECURITY
