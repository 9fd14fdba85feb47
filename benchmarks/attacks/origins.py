"""Attacks by pages of other sites: host names that point to this machine (DNS rebinding), and cross-site requests."""

from collections.abc import Mapping
from typing import Final

from benchmarks.attacks.targets import EXAMPLE, PASSWORD, AttackResult, Target, compare_statuses, form

RESULTS: Final = "/api/v1/results"
JOBS: Final = "/api/v1/jobs"
UNPARSABLE: Final = (
    "a{b}.evil.example", "a`b.evil.example", 'a"b.evil.example', "a^b.evil.example", "a|b.evil.example",
    "evil.example:99999", "127.0.0.1:99999", "user@127.0.0.1", "127.0.0.1, evil.example", "\xe9vil.example",
    "a b.evil.example", "[::1", "[::1]x", "127.0.0.1/", "localhost#x", "localhost?x", "%6cocalhost.evil.example",
)  # fmt: skip
FOREIGN: Final = ("evil.example", "evil.example:7860", "127.0.0.1.evil.example", "localhost.evil.example")
ANY_ADDRESS: Final = ("0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:0]")
OWN: Final = ("localhost", "127.0.0.1", "[::1]")


def unparsable_hosts(target: Target) -> AttackResult:
    """Host names that are invalid in a URL; failing to parse them must not count as the server's own name."""
    return compare_statuses({host: target.get(RESULTS, host=host).status for host in UNPARSABLE}, (400, 403))


def foreign_hosts(target: Target) -> AttackResult:
    """Foreign host names, which DNS can point to this machine."""
    return compare_statuses({host: target.get(RESULTS, host=host).status for host in FOREIGN}, (400, 403))


def any_address(target: Target) -> AttackResult:
    """Addresses that reach loopback, but which browsers treat as another site or not as private addresses."""
    return compare_statuses(
        {host: target.get(RESULTS, host=f"{host}:{target.port}").status for host in ANY_ADDRESS}, (400, 403)
    )


def several_hosts(target: Target) -> AttackResult:
    """Two Host headers, an empty one, and none."""
    begin = f"GET {RESULTS} HTTP/1.1\r\nConnection: close\r\n"
    own = f"Host: localhost:{target.port}\r\n"
    sent = {
        "two": f"{begin}{own}Host: evil.example\r\n\r\n",
        "two, the foreign one first": f"{begin}Host: evil.example\r\n{own}\r\n",
        "an empty one": f"{begin}Host:\r\n\r\n",
        "none": f"{begin}\r\n",
    }
    return compare_statuses({name: target.send(request).status for name, request in sent.items()}, (400, 403))


def own_hosts(target: Target) -> AttackResult:
    """Control: the names of this machine must still work."""
    return compare_statuses({host: target.get(RESULTS, host=host).status for host in OWN}, (200,))


def foreign_origins(target: Target) -> AttackResult:
    """Forms from other sites: browsers send them without a preflight request, old browsers without Sec-Fetch-Site."""
    own = f"127.0.0.1:{target.port}"
    origins = ["http://evil.example", "null", f"http://evil.example:{target.port}", "http://127.0.0.1:1"]
    origins += ["http://127.0.0.1", f"https://{own}.evil.example", f"http://localhost:{target.port}, http://{own}"]
    return _posted(target, {origin: (own, origin) for origin in origins})


def other_names_of_loopback(target: Target) -> AttackResult:
    """Forms to the addresses of loopback that browsers let pages of other sites access."""
    hosts = (f"0.0.0.0:{target.port}", f"[::ffff:7f00:1]:{target.port}")
    return _posted(target, {host: (host, "http://evil.example") for host in hosts})


def with_a_login(target: Target) -> AttackResult:
    """Forms from another port of the same host: browsers send the session cookie, since that is the same site."""
    with target.client(headers={"X-API-Key": ""}) as client:
        client.post("/login", data={"user": "ben", "password": PASSWORD})
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    own = f"127.0.0.1:{target.port}"
    return _posted(target, {"another port": (own, "http://127.0.0.1:1"), "null": (own, "null")}, f"Cookie: {cookie}")


def marked_cross_site(target: Target) -> AttackResult:
    """Forms that current browsers mark with Sec-Fetch-Site."""
    body, kind = form(EXAMPLE.read_bytes())
    sites = ("cross-site", "same-site")
    return compare_statuses(
        {site: target.post(JOBS, body, kind, f"Sec-Fetch-Site: {site}").status for site in sites}, (403,)
    )


def own_origin(target: Target) -> AttackResult:
    """Control: the page itself, curl and other programs must still be allowed."""
    with target.client() as client:
        own = str(client.base_url).rstrip("/")
        seen = {}
        for name, headers in (("the page", {"Origin": own, "Sec-Fetch-Site": "same-origin"}), ("curl", {})):
            response = client.post("/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()}, headers=headers)
            seen[name] = response.status_code
    return compare_statuses(seen, (200,))


def _posted(target: Target, sent: Mapping[str, tuple[str, str]], *more: str) -> AttackResult:
    """Sends a form for each pair of host and origin."""
    body, kind = form(EXAMPLE.read_bytes())
    seen = {}
    for name, (host, origin) in sent.items():
        seen[name] = target.post(JOBS, body, kind, f"Origin: {origin}", *more, host=host).status
    return compare_statuses(seen, (403,))
