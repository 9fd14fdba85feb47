"""Requests behind a reverse proxy: the prefix, the host, the client and the scheme, and from which proxies."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from webui.errors import RequestError
from webui.http.forwarded import ForwardedRequests, prefix_in, route_path
from webui.http.host import requested_host
from webui.server.listen import addresses_of
from webui.settings import Settings

PROXY, UNTRUSTED = "10.0.0.1", "192.0.2.1"
FORWARDED = {
    "X-Forwarded-For": "203.0.113.5, 198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "speech.example.org:8443",
    "X-Forwarded-Prefix": "/emotion",
}


def seen(
    path: str, *, peer: str = PROXY, base_path: str = "", headers: dict[str, str] | None = None, trusted: str = PROXY
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Returns the scope that the application gets, {} if none, and the messages that were sent without it."""
    scopes: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        scopes.append(dict(scope))

    async def send(message: Message) -> None:
        sent.append(dict(message))

    async def receive() -> Message:
        return {"type": "http.request"}

    given = {"Host": "127.0.0.1:7860", **(headers or {})}
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"lang=zh",
        "scheme": "http",
        "client": (peer, 40_000),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }
    settings = Settings(trusted_proxies=trusted, base_path=base_path)  # type: ignore[arg-type]
    layer = ForwardedRequests(app, base_path=base_path, trusted=addresses_of(settings.trusted_proxies))
    asyncio.run(layer(scope, receive, send))
    return (scopes[0] if scopes else {}), sent


@pytest.mark.parametrize("peer", [PROXY, f"::ffff:{PROXY}"])
def test_the_headers_of_a_trusted_proxy_are_used(peer: str) -> None:
    scope, _ = seen("/login", peer=peer, headers=FORWARDED)
    host = requested_host(scope)
    assert host is not None
    assert (host.name, host.port) == ("speech.example.org", 8443)
    assert (scope["client"][0], scope["scheme"]) == ("198.51.100.7", "https")
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/emotion", "/emotion/login", b"/emotion/login")
    assert route_path(scope) == "/login"


def test_the_headers_of_others_are_removed_before_gradio_reads_them() -> None:
    scope, _ = seen("/login", peer=UNTRUSTED, headers={**FORWARDED, "X-Gradio-Server": "https://evil.example"})
    host = requested_host(scope)
    assert host is not None
    assert (host.name, scope["client"][0], scope["scheme"], scope["path"]) == ("127.0.0.1", UNTRUSTED, "http", "/login")
    assert scope.get("root_path", "") == ""
    assert [name for name, _ in scope["headers"]] == [b"host"]


def test_no_proxy_is_trusted_by_default() -> None:
    scope, _ = seen("/", peer="127.0.0.1", headers=FORWARDED, trusted="")
    assert (scope["client"][0], scope["path"]) == ("127.0.0.1", "/")


@pytest.mark.parametrize("base_path", ["/emotion", "/emotion/"])
@pytest.mark.parametrize("path", ["/api/v1/models", "/emotion/api/v1/models"], ids=["removed", "left in"])
def test_the_prefix_may_be_removed_or_left_in(path: str, base_path: str) -> None:
    scope, _ = seen(path, peer=UNTRUSTED, base_path=base_path)
    assert (scope["root_path"], scope["path"]) == ("/emotion", "/emotion/api/v1/models")
    assert route_path(scope) == "/api/v1/models"


def test_a_path_that_only_begins_like_the_prefix_is_not_under_it() -> None:
    scope, _ = seen("/emotional", base_path="/emotion")
    assert (scope["path"], route_path(scope)) == ("/emotion/emotional", "/emotional")


def test_the_prefix_without_a_slash_leads_to_the_page() -> None:
    scope, sent = seen("/emotion", base_path="/emotion")
    assert scope == {}
    assert sent[0]["status"] == 307
    assert (b"location", b"/emotion/?lang=zh") in sent[0]["headers"]


BAD = [
    "emotion",
    "//evil.example",
    "/a//b",
    "/a b",
    "/\\evil",
    "/a?b",
    "/a%2f",
    "/é",
    "https://a",
    "/../a",
    "/a/.",
    "/a,/b",
    '/"',
]


@pytest.mark.parametrize("text", BAD)
def test_only_plain_paths_are_prefixes(text: str) -> None:
    assert prefix_in(text) is None
    with pytest.raises(RequestError) as caught:
        seen("/", base_path=text)
    assert caught.value.code == "access.bad_base_path"


@pytest.mark.parametrize("text", ["//evil.example", "/a b", "/a/../b", "/x" * 200])
def test_a_bad_prefix_of_a_trusted_proxy_is_not_used(text: str) -> None:
    scope, _ = seen("/login", base_path="/emotion", headers={"X-Forwarded-Prefix": text})
    assert scope["path"] == "/emotion/login"


def test_the_prefix_of_a_trusted_proxy_takes_precedence() -> None:
    scope, _ = seen("/login", base_path="/emotion", headers={"X-Forwarded-Prefix": "/other/v-1.0_~"})
    assert scope["path"] == "/other/v-1.0_~/login"


def test_of_several_hosts_the_one_of_the_nearest_proxy_is_used() -> None:
    scope, _ = seen("/", headers={"X-Forwarded-Host": "evil.example, speech.example.org"})
    host = requested_host(scope)
    assert host is not None
    assert host.name == "speech.example.org"
