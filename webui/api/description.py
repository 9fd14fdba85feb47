"""Completes the OpenAPI description: API keys, request bodies and the error document, which no route declares."""

from typing import Any, Final

from fastapi import FastAPI

from webui.api import PREFIX
from webui.api.request_schemas import request_schemas
from webui.http.access import OPEN_TO_ALL
from webui.http.problems import Problem

SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key, if the server requires keys or logins."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in another header."},
}
LANGUAGE: Final = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Errors are in Chinese if it begins with `zh`, else in English.",
}
# Any one of these is enough; ``{}`` is for servers that require no key.
SECURITY: Final[list[dict[str, list[str]]]] = [{}, {"bearer": []}, {"key": []}]


def describe(app: FastAPI) -> None:
    """Completes what ``app.openapi()`` returns.

    Args:
        app: the application. Routes may still be added: the description is generated on first use.
    """
    generate = app.openapi

    def completed() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(generate())
        return app.openapi_schema

    app.openapi = completed  # type: ignore[method-assign]


def _complete(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema["components"]
    components["securitySchemes"] = SCHEMES
    components["schemas"] |= request_schemas() | {Problem.__name__: Problem.model_json_schema()}
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            if path not in OPEN_TO_ALL:
                operation["security"] = SECURITY
            if path.startswith(PREFIX):
                operation["parameters"] = [*operation.get("parameters", ()), LANGUAGE]
    return schema
