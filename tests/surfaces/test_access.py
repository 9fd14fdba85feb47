"""Keys, logins, origins and TLS on real servers, including the page's own endpoints."""

import hashlib
import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file

from tests.support import warm_python
from tests.support.server_process import ROOT, RunningServer, free_port, running_server
from webui.errors import RequestError
from webui.server.exposure import is_open_to_network
from webui.server.listen import check_certificate
from webui.service.serving.keys import PasswordHash, hash_key, new_key
from webui.settings import Settings

EXAMPLE = ROOT / "examples" / "example_synthetic.wav"
KEY, REVOKED = new_key(), new_key()
PASSWORD = "correct horse battery"
OPEN = {"/healthz", "/readyz", "/login", "/favicon.ico"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("access")
    (folder / "keys.txt").write_text(f"# of the team\n{hash_key(KEY)}  # anna's\n")
    settings = {
        "api_keys_file": folder / "keys.txt",
        "login": f"anna:{PasswordHash.of(PASSWORD)}",
        "cors_origins": "https://friend.example",
        "trusted_proxies": "127.0.0.2",
        "outputs_dir": folder / "outputs",
    }
    with running_server(**settings) as started:
        yield started
        assert "Traceback" not in started.errors.read_text()


@pytest.fixture
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        yield client


@pytest.fixture
def anna(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        logged_in = client.post("/login", data={"user": "anna", "password": PASSWORD})
        assert (logged_in.status_code, logged_in.headers["location"]) == (303, "/")
        yield client


def all_routes(server: RunningServer) -> list[tuple[str, str]]:
    """Returns method and path of every route of the program and of Gradio's app, with values for parameters."""
    code = """
import json, re, sys
from pathlib import Path
from webui.server.app import create_app
from webui.settings import Settings
def walk(routes, prefix=""):
    for route in routes:
        inner = getattr(getattr(route, "_base_app", getattr(route, "app", None)), "routes", None)
        inner = inner or getattr(getattr(route, "original_router", None), "routes", None)
        path = prefix + (getattr(route, "path", None) or "")
        for method in getattr(route, "methods", None) or ():
            yield method, re.sub(r"{[^}]*}", "x", path)
        if inner:
            yield from walk(inner, path)
app = create_app(Settings(outputs_dir=Path(sys.argv[1])))
print(json.dumps(sorted(set(walk(app.routes)))))
"""
    done = warm_python.run(["-c", code, server.outputs_dir], cwd=ROOT, env=os.environ)
    found: list[list[str]] = json.loads(done.stdout.splitlines()[-1])
    return [(method, path) for method, path in found]


def test_every_route_needs_a_key(server: RunningServer, client: httpx.Client) -> None:
    routes = all_routes(server)
    assert len(routes) > 80
    paths = {path for _, path in routes}
    for part in ("/upload", "/queue/join", "/queue/data", "/file=x", "/heartbeat/x", "/call/x", "/cancel", "/config"):
        assert any(part in path for path in paths), part
    for method, path in routes:
        if path not in OPEN:
            answer = client.request(method, path)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
    for path in ("/nothing", "/theme.css", "/assets/index.js", "/gradio_api/startup-events", "//config", "/%2e/config"):
        assert client.get(path).status_code == 401, path


def test_health_needs_no_key(client: httpx.Client) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code in (200, 503)


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_key_gives_access_to_the_api_and_the_page(client: httpx.Client, header: str) -> None:
    headers = {header: f"Bearer {KEY}" if header == "Authorization" else KEY}
    answer = client.post("/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()}, headers=headers)
    assert answer.status_code == 200
    assert client.get("/", headers=headers).status_code == 200
    assert client.get("/config", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {REVOKED}"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": KEY},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": hash_key(KEY)},  # the hash from the settings is not a key
        {"X-API-Key": ""},
        {"Cookie": f"speech-emotion-session={KEY}"},
        {"Cookie": "speech-emotion-session="},
    ],
)
def test_other_credentials_are_refused(client: httpx.Client, headers: dict[str, str]) -> None:
    answer = client.get("/api/v1/models", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "access.unauthorized")


def test_gradio_client_with_a_key(server: RunningServer) -> None:
    client = Client(server.url, verbose=False, download_files=False, headers={"Authorization": f"Bearer {KEY}"})
    assert client.predict(handle_file(EXAMPLE), "utterance", False, api_name="/recognize")["emotion"]


def test_login_and_logout_of_the_page(client: httpx.Client, anna: httpx.Client) -> None:
    redirect = client.get("/", headers={"accept": "text/html"})
    assert (redirect.status_code, redirect.headers["location"]) == (303, "/login")
    form = client.get("/login", headers={"accept-language": "zh-CN"})
    assert "用户名" in form.text
    assert "script" not in form.headers["content-security-policy"]
    assert "gradio" in anna.get("/").text
    (cookie,) = anna.cookies.jar
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "lax"
    sent = anna.post("/gradio_api/upload", files={"files": ("a.wav", EXAMPLE.read_bytes())})
    assert anna.get(f"/gradio_api/file={sent.json()[0]}").status_code == 200
    assert client.get(f"/gradio_api/file={sent.json()[0]}").status_code == 401
    assert "<button>" in anna.get("/logout").text  # a page of another site can only trigger this GET
    assert anna.get("/config").status_code == 200
    assert anna.post("/logout").headers["location"] == "/login"
    assert anna.get("/config", headers={"Cookie": f"{cookie.name}={cookie.value}"}).status_code == 401


def test_login_with_a_key(client: httpx.Client) -> None:
    logged_in = client.post(
        "/login", data={"key": KEY}, headers={"X-Forwarded-Proto": "https"}
    )  # not from a trusted proxy
    assert logged_in.status_code == 303
    assert "Secure" not in logged_in.headers["set-cookie"]
    assert client.get("/config").status_code == 200


def client_at(server: RunningServer, address: str) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=120, transport=httpx.HTTPTransport(local_address=address))


def guess(caller: httpx.Client, user: str, password: str = "guess", forwarded_for: str = "") -> int:
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
    return caller.post("/login", data={"user": user, "password": password}, headers=headers).status_code


def test_password_guesses_are_limited(server: RunningServer) -> None:
    with client_at(server, "127.0.0.9") as caller:
        guesses = [caller.post("/login", data={"user": "anna", "password": f"guess {n}"}) for n in range(7)]
        assert [answer.status_code for answer in guesses] == [401] * 5 + [429] * 2
        assert int(guesses[-1].headers["retry-after"]) > 30
        assert caller.post("/login", data={"user": "anna", "password": PASSWORD}).status_code == 429
        huge = caller.post("/login", content=b"x" * 9000, headers={"content-type": "application/x-www-form-urlencoded"})
        assert huge.status_code == 413


def test_guesses_from_many_addresses_count_for_the_account(server: RunningServer) -> None:
    statuses = []
    for number in range(10, 16):
        with client_at(server, f"127.0.0.{number}") as caller:
            statuses += [guess(caller, "ben") for _ in range(4)]
    assert statuses == [401] * 20 + [429] * 4
    with client_at(server, "127.0.0.10") as caller:
        assert guess(caller, "carol") == 401  # another account, but the fifth guess from this address
        assert guess(caller, "carol") == 429


def test_a_login_to_another_account_does_not_reset_the_count(server: RunningServer) -> None:
    with client_at(server, "127.0.0.16") as caller:
        assert [guess(caller, "dan") for _ in range(4)] == [401] * 4
        assert guess(caller, "anna", PASSWORD) == 303
        caller.cookies.clear()
        assert [guess(caller, "dan") for _ in range(2)] == [401, 429]


def test_only_trusted_proxies_may_forward_addresses(server: RunningServer) -> None:
    with client_at(server, "127.0.0.17") as caller:
        claimed = [guess(caller, "eve", forwarded_for=f"203.0.113.{number}") for number in range(6)]
        assert claimed == [401] * 5 + [429]
    with client_at(server, "127.0.0.2") as proxy:
        behind = [guess(proxy, "fay", forwarded_for=f"203.0.113.{number}, 198.51.100.7") for number in range(6)]
        assert behind == [401] * 5 + [429]
        assert guess(proxy, "fay", forwarded_for="198.51.100.7, 198.51.100.8, 127.0.0.2") == 401
        headers = {"X-Forwarded-For": "198.51.100.9", "X-Forwarded-Proto": "https"}
        assert "Secure" in proxy.post("/login", data={"key": KEY}, headers=headers).headers["set-cookie"]


def test_cors(client: httpx.Client) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    for path in ("/api/v1/models", "/config", "/gradio_api/info"):
        foreign = client.get(path, headers={**headers, "Origin": "https://foreign.example"})
        assert not [name for name in foreign.headers if name.startswith("access-control-allow")]
        friend = client.get(path, headers={**headers, "Origin": "https://friend.example"})
        assert friend.headers["access-control-allow-origin"] == "https://friend.example"
        assert "access-control-allow-credentials" not in friend.headers
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    where = "/api/v1/recognize"
    assert client.options(where, headers={**preflight, "Origin": "https://foreign.example"}).status_code == 400
    assert client.options(where, headers={**preflight, "Origin": "https://friend.example"}).status_code == 200
    posted = client.post("/gradio_api/queue/join", headers={**headers, "Sec-Fetch-Site": "cross-site"}, json={})
    assert (posted.status_code, posted.json()["code"]) == (403, "access.cross_site")


def test_only_hashes_are_stored(server: RunningServer) -> None:
    stored = "".join(path.read_text("utf-8", "ignore") for path in server.outputs_dir.parent.glob("*.txt"))
    assert hashlib.sha256(KEY.encode()).hexdigest() in stored
    assert KEY not in stored


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"api_keys": KEY}, "access.bad_key_hash"),
        ({"login": "anna:secret"}, "access.bad_login"),
        ({"login": f":{PasswordHash.of('password')}"}, "access.bad_login"),
        ({"login_file": "/nowhere/logins"}, "access.file_unreadable"),
        ({"allowed_hosts": "https://proxy.example"}, "access.bad_allowed_host"),
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, str], code: str) -> None:
    from webui.http.access import Access

    with pytest.raises(RequestError) as caught:
        Access(Settings(**settings))  # type: ignore[arg-type]
    assert caught.value.code == code
    assert KEY not in str(caught.value)


def test_an_empty_key_file_gives_no_access(tmp_path: Path) -> None:
    from webui.http.access import Access

    (tmp_path / "keys.txt").write_text("# none yet\n")
    assert Access(Settings(api_keys_file=tmp_path / "keys.txt")).restricted


def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return warm_python.run([ROOT / "app.py", *arguments], cwd=ROOT, env={**os.environ, **environment}, given=stdin)


def test_key_new_and_key_login() -> None:
    made = run("key", "new", "--lang", "en")
    key, kept = made.stdout.split()
    assert hash_key(key) == kept
    assert "shown only once" in made.stderr
    login = run("key", "login", "anna", stdin=PASSWORD + "\n").stdout.strip()
    user, _, written = login.partition(":")
    assert user == "anna"
    assert PasswordHash.parse(written).fits(PASSWORD)
    assert not PasswordHash.parse(written).fits(PASSWORD + " ")
    assert run("key", "login", "anna", stdin="short\n").returncode == 2
    assert run("key", "login").returncode == 2


def test_an_open_server_on_the_network_warns_once(tmp_path: Path) -> None:
    """Pages of other sites have no more access than on a server that listens on this machine only."""
    environment = {
        **os.environ, "SPEECH_EMOTION_PORT": str(free_port()), "SPEECH_EMOTION_OUTPUTS_DIR": str(tmp_path),
        "SPEECH_EMOTION_FRAME_ANCESTORS": "https://portal.example:8443",
    }  # fmt: skip
    arguments = [ROOT / "app.py", "serve", "--host", "0.0.0.0", "--lang", "en"]
    pipe = subprocess.PIPE
    with warm_python.start(arguments, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().partition(": ")[2].strip().replace("localhost", "127.0.0.1")
            with httpx.Client(base_url=url, timeout=120) as client:
                rebound = client.get("/config", headers={"Host": "rebound.example"})
                assert rebound.json()["code"] == "access.foreign_host"
                posted = client.post("/api/v1/jobs", headers={"Host": "0.0.0.0:7860", "Origin": "http://evil.example"})
                assert posted.json()["code"] == "access.foreign_origin"
                for path in ("/", "/login", "/api/v1/models"):
                    answer = client.get(path)
                    policy = answer.headers["content-security-policy"]
                    assert policy.endswith("; frame-ancestors 'self' https://portal.example:8443")
                    assert "x-frame-options" not in answer.headers
        finally:
            process.terminate()
        _, stderr = process.communicate(timeout=120)
    assert stderr.count("open to the network at 0.0.0.0") == 1
    for host, open_to_all in (("0.0.0.0", True), ("192.0.2.1", True), ("127.0.0.2", False), ("::1", False)):
        assert is_open_to_network(Settings(host=host)) is open_to_all
        assert not is_open_to_network(Settings(host=host, api_keys=hash_key(KEY)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    from tests.support.certificates import self_signed

    return self_signed(tmp_path_factory.mktemp("tls"), "localhost")


def test_tls(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    settings = {"ssl_certfile": certificate[0], "ssl_keyfile": certificate[1], "api_keys": hash_key(KEY)}
    with running_server(tmp_path / "outputs", **settings) as started:
        assert started.url.startswith("https://localhost:")
        trusted = ssl.create_default_context(cafile=str(certificate[0]))
        assert httpx.get(f"{started.url}/healthz", verify=trusted).json() == {"status": "ok"}
        logged_in = httpx.post(f"{started.url}/login", data={"key": KEY}, verify=trusted)
        assert "Secure" in logged_in.headers["set-cookie"]
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{started.url}/healthz")


def test_an_unusable_certificate_is_an_error(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    with pytest.raises(RequestError, match="must be used together"):
        check_certificate(Settings(ssl_certfile=certificate[0]))
    for cert, key in ((tmp_path / "none.pem", certificate[1]), (certificate[1], certificate[0])):
        with pytest.raises(RequestError, match="can't be used"):
            check_certificate(Settings(ssl_certfile=cert, ssl_keyfile=key))
