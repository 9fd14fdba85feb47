"""Rules for Host and Origin: unusual forms, on open servers and on one with keys."""

import re
import socket
from pathlib import Path

import pytest
from starlette.requests import HTTPConnection, Request

from webui.errors import ForbiddenRequestError, RequestError, UnauthorizedError
from webui.http import host
from webui.http.access import Access, caller_name
from webui.http.host import machine_names, site_of
from webui.http.security_headers import SecurityHeaders
from webui.service.serving.keys import hash_key
from webui.settings import PROJECT_DIR, Settings

KEYED = hash_key("k" * 40)
NO_HOSTS = [
    "a{b}.evil.example", "a`b.evil.example", 'a"b.evil.example', "a^b.evil.example", "a|b.evil.example",
    "localhost:99999", "localhost:0", "localhost:", "user@localhost", "localhost, evil.example", "b\u00fccher.example",
    "a..b", ".localhost", "", "[::1", "[::1]evil.example", "[::1%25lo]", "[127.0.0.1]", "http://localhost", "a" * 300,
]  # fmt: skip
OWN_NAMES = [
    "localhost", "LOCALHOST:1", "localhost.", "a.localhost", "127.0.0.1", "127.0.0.9:65535", "[::1]:80", "192.0.2.7",
    "[2001:db8::7]", "speech", "speech_emotion:7860", socket.gethostname(), "proxy.example", "Proxy.Example.:443",
]  # fmt: skip
FOREIGN_NAMES = [
    "evil.example", "localhost.evil.example", "evil-localhost.example", "127.0.0.1.evil.example", "127.0.0.1.", "127.1",
    "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "uz.", "xproxy.example",
]  # fmt: skip
STANDS_FOR_LOOPBACK = ["0.0.0.0", "0.0.0.1", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"]
HERE = "127.0.0.1:7860"


def access(**settings: object) -> Access:
    return Access(Settings(**{"allowed_hosts": ("proxy.example", "proxy.example:8443"), **settings}))  # type: ignore[arg-type]


LOOPBACK, NETWORK = access(), access(host="0.0.0.0", cors_origins=("https://friend.example",))


def refusal(
    rules: Access, *hosts: str, method: str = "GET", origin: str = "", scheme: str = "http", version: str = "1.1",
    **headers: str,
) -> str | None:  # fmt: skip
    """Returns the code of the error that a request gets, if any."""
    given = [("host", host) for host in hosts] + ([("origin", origin)] if origin else [])
    given += [(name.replace("_", "-"), value) for name, value in headers.items()]
    scope = {
        "type": "http", "method": method, "path": "/x", "scheme": scheme, "http_version": version,
        "headers": [(name.encode(), value.encode()) for name, value in given],
    }  # fmt: skip
    try:
        rules.check(Request(scope))
    except (ForbiddenRequestError, UnauthorizedError) as error:
        return error.code
    return None


@pytest.mark.parametrize("name", NO_HOSTS)
def test_invalid_hosts(name: str) -> None:
    for rules in (LOOPBACK, NETWORK, access(api_keys=(KEYED,))):
        assert refusal(rules, name) == "access.bad_host"


def test_exactly_one_host() -> None:
    assert refusal(NETWORK, version="1.0") is None
    assert refusal(NETWORK, "evil.example", version="1.0") == "access.foreign_host"
    for version in ("1.0", "1.1"):
        assert refusal(NETWORK, "localhost", "localhost", version=version) == "access.bad_host"
    assert refusal(NETWORK) == "access.bad_host"


@pytest.mark.parametrize("rules", [LOOPBACK, NETWORK], ids=["loopback", "network"])
def test_names_of_an_open_server(rules: Access) -> None:
    assert [name for name in OWN_NAMES if refusal(rules, name)] == []
    assert [name for name in FOREIGN_NAMES if refusal(rules, name) != "access.foreign_host"] == []


def test_addresses_that_stand_for_loopback() -> None:
    for name in STANDS_FOR_LOOPBACK:
        assert refusal(LOOPBACK, name) == "access.foreign_host", name
        assert refusal(NETWORK, name) is None, name  # users may open it with this name


def test_a_server_with_keys_accepts_any_name() -> None:
    assert refusal(access(api_keys=(KEYED,)), "speech.example") == "access.unauthorized"


@pytest.mark.parametrize(
    ("requested_host", "origin"),
    [
        (HERE, "http://evil.example"),
        (HERE, "null"),
        (HERE, "http://127.0.0.1:7861"),
        (HERE, "http://127.0.0.1"),
        (HERE, "http://localhost:7860"),
        (HERE, "http://127.0.0.1:7860.evil.example"),
        (HERE, "http://evil.example@127.0.0.1:7860"),
        (HERE, "127.0.0.1:7860"),
        (HERE, "file://127.0.0.1:7860"),
        (HERE, "https://friend.example.evil.example"),
        ("127.0.0.1", "http://127.0.0.1:7860"),
        ("proxy.example", "https://proxy.example:9443"),
        ("proxy.example:7860", "https://proxy.example"),
        ("0.0.0.0:7860", "http://evil.example"),
        ("[::ffff:7f00:1]:7860", "http://evil.example"),
    ],
)
def test_origins_of_other_sites(requested_host: str, origin: str) -> None:
    for method in ("POST", "DELETE", "PUT", "ODD"):
        assert refusal(NETWORK, requested_host, method=method, origin=origin) == "access.foreign_origin"
    assert refusal(NETWORK, requested_host, origin=origin) is None  # CORS prevents reading the response


@pytest.mark.parametrize(
    ("requested_host", "origin"),
    [
        (HERE, "http://127.0.0.1:7860"),
        ("[::1]:7860", "http://[::1]:7860"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("other.localhost", "https://other.localhost"),  # a TLS proxy that forwards the name
        ("proxy.example:443", "https://proxy.example"),
        (HERE, "https://proxy.example"),  # a proxy that does not forward the name
        ("proxy.example", "https://proxy.example:8443"),  # a proxy that forwards the name without the port
        (HERE, "https://friend.example"),
        (HERE, ""),
    ],
)
def test_own_origins(requested_host: str, origin: str) -> None:
    assert refusal(NETWORK, requested_host, method="POST", origin=origin) is None
    assert refusal(NETWORK, requested_host, method="POST", origin=origin, sec_fetch_site="same-origin") is None


def test_sec_fetch_site() -> None:
    for site in ("cross-site", "same-site"):
        assert refusal(NETWORK, HERE, method="POST", sec_fetch_site=site) == "access.cross_site"
        own = {"method": "POST", "origin": f"http://{HERE}", "sec_fetch_site": site}
        assert refusal(NETWORK, HERE, **own) == "access.cross_site"  # another port of a name that a proxy rewrote
        assert refusal(NETWORK, HERE, method="POST", origin="https://friend.example", sec_fetch_site=site) is None


def test_a_page_without_tls_is_not_the_same_site_as_a_server_with_it() -> None:
    assert refusal(NETWORK, "localhost", method="POST", origin="http://localhost", scheme="https") is not None
    assert refusal(NETWORK, "localhost", method="POST", origin="https://localhost", scheme="https") is None


def test_no_code_uses_starlette_s_url() -> None:
    """Starlette uses the server's own address if the Host header is invalid."""
    uses = re.compile(r"\brequest\.(url|base_url|url_for)\b")
    sources = sorted((PROJECT_DIR / "webui").rglob("*.py"))
    assert [path.name for path in sources if uses.search(path.read_text("utf-8").replace("``request.url``", ""))] == []


def test_names_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n127.0.1.1 Desk.lan.example desk # evil.example\n\n0.0.0.0 ads.example\n")
    monkeypatch.setattr(host, "HOSTS_FILE", hosts)
    monkeypatch.setattr(socket, "gethostname", lambda: "Desk")
    assert machine_names() == {"desk", "desk.local", "desk.lan.example"}
    monkeypatch.setattr(host, "HOSTS_FILE", tmp_path / "none")
    monkeypatch.setattr(socket, "gethostname", lambda: "desk.example")
    assert machine_names() == {"desk.example"}


def test_invalid_settings() -> None:
    for name in ("https://proxy.example", "proxy.example/x", "*", "a:b"):
        with pytest.raises(RequestError, match="SPEECH_EMOTION_ALLOWED_HOSTS"):
            access(allowed_hosts=(name,))
    for origin in ("portal.example", "https://portal.example/", "https://a; script-src *", "*", "data:"):
        with pytest.raises(RequestError, match="SPEECH_EMOTION_FRAME_ANCESTORS"):
            SecurityHeaders(None, frame_ancestors=(origin,))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("client", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_addresses_of_one_client_count_as_one(client: str, site: str) -> None:
    assert site_of(client) == site
    scope = {"type": "http", "headers": [], "client": (client, 1), "state": {}}
    assert caller_name(HTTPConnection(scope)) == f"ip:{site}"
