"""The server under a path of a real nginx: redirects, the cookie, callers, hosts, the API and its description."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from gradio_client import Client, handle_file

from tests.support.nginx import nginx_in_front
from tests.support.paths import EXAMPLE
from tests.support.server_process import RunningServer, running_server
from webui.service.serving.keys import hash_key, new_key

KEY = new_key()


def port_of(server: RunningServer) -> int:
    port = urlsplit(server.url).port
    assert port is not None
    return port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("restricted")
    settings = {"api_keys": hash_key(KEY), "base_path": "/emotion", "trusted_proxies": "127.0.0.1"}
    with running_server(folder / "outputs", **settings) as started:
        yield started
        assert started.errors.read_text() == ""


@pytest.fixture(scope="module", params=[False, True], ids=["prefix removed", "prefix left in"])
def published(
    server: RunningServer, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with nginx_in_front(tmp_path_factory.mktemp("nginx"), port_of(server), keeps_prefix=request.param) as url:
        yield url


def test_login_and_logout_stay_under_the_path(published: str) -> None:
    with httpx.Client(timeout=60) as client:
        sent = client.get(f"{published}/", headers={"Accept": "text/html"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/emotion/login")
        entered = client.post(f"{published}/login", data={"key": KEY})
        assert (entered.status_code, entered.headers["location"]) == (303, "/emotion/")
        assert "Path=/emotion/" in entered.headers["set-cookie"]
        page = client.get(f"{published}/")
        assert page.status_code == 200
        assert f'"root":"{published}"' in page.text
        left = client.post(f"{published}/logout", headers={"Origin": published.removesuffix("/emotion")})
        assert left.headers["location"] == "/emotion/login"
        assert "Path=/emotion/" in left.headers["set-cookie"]
        assert client.get(f"{published}/api/v1/models").status_code == 401


def test_the_api_and_its_description(published: str) -> None:
    with httpx.Client(headers={"Authorization": f"Bearer {KEY}"}, timeout=60) as client:
        answered = client.post(f"{published}/api/v1/recognize", files={"audio": (EXAMPLE.name, EXAMPLE.read_bytes())})
        assert answered.status_code == 200
        assert answered.json()["source"]["file_name"] == EXAMPLE.name
        link = answered.json()["links"]["result.json"]
        assert link.startswith("/emotion/api/v1/results/")
        assert client.get(published.removesuffix("/emotion") + link).status_code == 200
        job = client.post(f"{published}/api/v1/jobs", files={"audio": (EXAMPLE.name, EXAMPLE.read_bytes())}).json()
        assert job["links"]["csv"].startswith("/emotion/api/v1/jobs/")
        assert client.get(f"{published}/api/v1/openapi.json").json()["servers"][0] == {"url": "/emotion"}
        assert '"/emotion/api/v1/openapi.json"' in client.get(f"{published}/docs").text.replace("'", '"')
        assert client.get(f"{published}/healthz").json() == {"status": "ok"}
        assert client.get(f"{published}/api/v1/no_such").headers["content-type"] == "application/problem+json"
        policy = client.get(f"{published}/api/v1/models").headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; base-uri")  # the policy for data, not for the page


def test_gradio_client(published: str) -> None:
    client = Client(f"{published}/", headers={"X-API-Key": KEY}, verbose=False)
    answer = client.predict(handle_file(EXAMPLE), api_name="/recognize")
    assert answer["source"]["file_name"] == EXAMPLE.name
    link = answer["links"]["result.json"]
    assert link == f"/emotion/api/v1/results/{answer['id']}/result.json"
    stored = httpx.get(published.removesuffix("/emotion") + link, headers={"X-API-Key": KEY})
    assert stored.json()["scores"] == answer["scores"]


def test_the_prefix_without_a_slash_leads_to_the_page(published: str) -> None:
    assert httpx.get(published).headers["location"].endswith("/emotion/")


def test_direct_requests_need_no_prefix(server: RunningServer) -> None:
    assert httpx.get(f"{server.url}/healthz").json() == {"status": "ok"}


def test_callers_and_hosts_are_those_of_the_browser(tmp_path: Path) -> None:
    """Without a key, callers are counted by address; the host check gets the proxy's host."""
    settings = {"trusted_proxies": "127.0.0.1", "allowed_hosts": "speech.example.org", "base_path": "/emotion"}
    (tmp_path / "a").mkdir()
    with (
        running_server(tmp_path / "a" / "outputs", **settings) as started,
        nginx_in_front(tmp_path / "nginx", port_of(started)) as url,
    ):
        assert httpx.get(f"{url}/api/v1/models", headers={"Host": "speech.example.org"}).status_code == 200
        foreign = httpx.get(f"{url}/api/v1/models", headers={"Host": "evil.example"})
        assert (foreign.status_code, foreign.json()["code"]) == (403, "access.foreign_host")
        claimed = {"X-Forwarded-Host": "speech.example.org", "Host": "evil.example"}
        assert httpx.get(f"{url}/api/v1/models", headers=claimed).status_code == 403  # nginx sets the header itself
        assert httpx.get(f"{started.url}/api/v1/models", headers=claimed).status_code == 200  # from a trusted address


def test_headers_of_an_untrusted_address_change_nothing(tmp_path: Path) -> None:
    with running_server(tmp_path / "outputs", api_keys=hash_key(KEY)) as started:
        headers = {"Accept": "text/html", "X-Forwarded-Prefix": "/emotion", "X-Forwarded-Host": "evil.example"}
        assert httpx.get(f"{started.url}/", headers=headers).headers["location"] == "/login"
        entered = httpx.post(f"{started.url}/login", data={"key": KEY}, headers={"X-Forwarded-Prefix": "/emotion"})
        assert "Path=/;" in entered.headers["set-cookie"] + ";"
        with_key = {**headers, "X-API-Key": KEY, "X-Forwarded-Proto": "https", "X-Gradio-Server": "http://evil.example"}
        page = httpx.get(f"{started.url}/", headers=with_key).text
        assert f'"root":"{started.url}"' in page
        assert "evil.example" not in page
