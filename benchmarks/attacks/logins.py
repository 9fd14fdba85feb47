"""Password guessing, and access without a key."""

from collections.abc import Iterator
from itertools import count

from benchmarks.attacks.targets import PASSWORD, AttackResult, Target, address, compare_statuses

GUESSES = 8  # a caller is allowed 5 failures a minute
DISTRIBUTED_GUESSES = 24  # more than an account is allowed from all callers together
_addresses = count(5000)
ROUTES = (
    "/", "/config", "/config/", "//config", "/%2e/config", "/api/v1/models", "/api/v1/results", "/api/v1/jobs", "/docs",
    "/api/v1/openapi.json", "/metrics", "/theme.css", "/assets/index.js", "/gradio_api/info", "/gradio_api/file=x",
    "/gradio_api/queue/data?session_hash=x", "/gradio_api/heartbeat/x", "/gradio_api/startup-events", "/monitoring",
    "/gradio_api/upload_progress?upload_id=x", "/static/x", "/nothing",
)  # fmt: skip


def forwarded_addresses(target: Target) -> AttackResult:
    """X-Forwarded-For must not make each guess count for another caller, since the settings list no trusted proxies."""
    return _limited(
        _guess(target, f"unknown{number}", "127.0.0.1", f"X-Forwarded-For: 198.51.100.{number}\r\n")
        for number in range(GUESSES)
    )


def one_account_from_many(target: Target) -> AttackResult:
    """Guesses for one account, each from another address."""
    return _limited(_guess(target, "anna", address(next(_addresses))) for _ in range(DISTRIBUTED_GUESSES))


def login_in_between(target: Target) -> AttackResult:
    """Guesses for one account, with a login to another one in between, which must not reset the count."""
    source = address(next(_addresses))

    def statuses() -> Iterator[int]:
        for number in range(GUESSES):
            if number == GUESSES // 2:
                _guess(target, "ben", source, password=PASSWORD)
            yield _guess(target, "carl", source)

    return _limited(statuses())


def no_key(target: Target) -> AttackResult:
    """Requests to all kinds of routes without a key."""
    seen = {path: target.get(path, host=f"127.0.0.1:{target.port}").status for path in ROUTES}
    for path in (
        "/gradio_api/upload",
        "/gradio_api/queue/join",
        "/api/v1/recognize",
        "/api/v1/jobs",
        "/gradio_api/cancel",
    ):
        seen[f"POST {path}"] = target.post(path, b"{}", "Content-Type: application/json").status
    return compare_statuses(seen, (401,))


def wrong_keys(target: Target) -> AttackResult:
    """Strings that are similar to a key, and keys in the wrong header."""
    from benchmarks.attacks.targets import KEYS
    from webui.service.serving.keys import hash_key

    lines = (
        f"X-API-Key: {KEYS[0][:-1]}", f"X-API-Key: {hash_key(KEYS[0])}", f"Authorization: Basic {KEYS[0]}",
        "Authorization: Bearer", f"Cookie: speech-emotion-session={KEYS[0]}", "X-API-Key: ",
    )  # fmt: skip
    return compare_statuses({line[:20]: target.get("/api/v1/models", line).status for line in lines}, (401,))


def _limited(statuses: Iterator[int]) -> AttackResult:
    """Returns whether further guesses were refused with 429."""
    seen = list(statuses)
    return AttackResult(429 in seen, f"{seen.count(401)} guesses checked, {seen.count(429)} refused with 429")


def _guess(target: Target, user: str, source: str, header: str = "", password: str = "a guess") -> int:
    body = f"user={user}&password={password.replace(' ', '+')}"
    head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nConnection: close\r\n{header}"
    kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    return target.send(head + kind + body, source=source).status
