"""Routes of Gradio that the page does not need, headers that responses must have, and malformed requests."""

from typing import Any, Final

import httpx

from benchmarks.attacks.targets import (
    EXAMPLE,
    AttackResult,
    Listener,
    Target,
    compare_statuses,
    event_number,
    form,
    wait,
)

PAGES: Final = ("/", "/config", "/api/v1/models", "/api/v1/results/none", "/healthz", "/docs", "/nothing", "/metrics")
UPLOAD: Final = "/gradio_api/upload"
DEVELOPERS: Final = (
    "/monitoring", "/monitoring/summary", "/gradio_api/deep_link?session_hash=x", "/gradio_api/vibe-code",
    "/gradio_api/run-history/buckets", "/gradio_api/dev/reload",
)  # fmt: skip
DONE: Final = "done"
GRADIO_REFUSAL: Final = "File not allowed"  # Gradio's message for a URL that reached its fetcher and was refused there


def urls_to_fetch(target: Target) -> AttackResult:
    """URLs for Gradio to fetch: its fetcher has no limits, and accepts some private addresses as public ones."""
    listener = Listener()
    url = f"http://127.0.0.1:{listener.port}/x"
    ways = (
        f"file/{url}", f"file={url}", f"file/%68ttp{url[4:]}", f"file/{url.replace('http', 'HTTP')}",
        f"file/https{url[4:]}", f"proxy={url}", f"file%3D{url}", f"file=%20{url}", f"file//{url}",
    )  # fmt: skip
    reached = []
    for way in ways:
        response = target.get(f"/gradio_api/{way}")
        if response.status == 200 or GRADIO_REFUSAL in response.text:
            reached.append(way.replace(url, "http://..."))
    listener.close()
    if reached or listener.connections:
        return AttackResult(
            False, f"reached Gradio's fetcher: {', '.join(reached)}; {listener.connections} connections"
        )
    return AttackResult(True, f"{len(ways)} refused, 0 connections")


def urls_in_events(target: Target) -> AttackResult:
    """URLs in place of the uploaded file of an event."""
    listener = Listener()
    seen = {}
    with target.client() as client:
        for name, url in (
            ("http", f"http://127.0.0.1:{listener.port}/x"),
            ("HTTP", f"HTTP://127.0.0.1:{listener.port}/x"),
        ):
            file = {"path": url, "meta": {"_type": "gradio.FileData"}}
            seen[name] = client.post(
                "/gradio_api/call/recognize", json={"data": [file, "utterance", False]}
            ).status_code
    listener.close()
    found = compare_statuses(seen, (400, 403, 422))
    return AttackResult(
        found.withstood and not listener.connections, f"{found.behaviour}, {listener.connections} connections"
    )


def developer_tools(target: Target) -> AttackResult:
    """Routes of Gradio that are only for development."""
    with target.client() as client:
        seen = {path: client.get(path).status_code for path in DEVELOPERS}
        seen["process_recording"] = client.post("/gradio_api/process_recording").status_code
    return compare_statuses(seen, (404,))


def response_headers(target: Target) -> AttackResult:
    """Each response must have headers against type sniffing, framing and foreign scripts."""
    wrong = []
    with target.client() as client:
        responses = {path: client.get(path) for path in PAGES}
        responses["a refusal"] = client.post("/api/v1/recognize")
    responses["401 or 403"] = httpx.get(target.running.url + "/api/v1/models", headers={"Host": "evil.example"})
    for path, response in responses.items():
        policy = response.headers.get("content-security-policy", "")
        missing = [] if response.headers.get("x-content-type-options") == "nosniff" else ["nosniff"]
        missing += [word for word in ("frame-ancestors", "-src ") if word not in policy]
        wrong += [f"{path} lacks {', '.join(missing)}"] if missing else []
    return AttackResult(
        not wrong, "; ".join(wrong[:2]) + f" and {len(wrong) - 2} more" if wrong else f"on {len(responses)} responses"
    )


def download_button(target: Target) -> AttackResult:
    """The button that downloads 1.95 GB, pressed on a server that is open to a network."""
    before = target.hub.connections
    seen = {}
    with target.client() as client:
        seen["retry"] = press(client, "start_download")
        if seen["retry"] == DONE:
            wait(lambda: target.hub.connections > before, 5.0)
        seen["cancel"] = press(client, "cancel_download")
    requests = target.hub.connections - before
    what = ", ".join(f"{name}: {status}" for name, status in seen.items())
    return AttackResult(not requests and DONE not in seen.values(), f"{what}; {requests} requests to the hub")


def press(client: httpx.Client, name: str) -> str:
    """Sends the event of a button whose inputs are a language and a state; returns the outcome."""
    number = event_number(client, name)
    if number is None:
        return "no such event"
    body: dict[str, Any] = {"data": ["en", None], "fn_index": number, "session_hash": f"press{name}", "trigger_id": 7}
    joined = client.post("/gradio_api/queue/join", json=body)
    if joined.status_code != 200:
        return str(joined.status_code)
    with client.stream("GET", f"/gradio_api/queue/data?session_hash=press{name}") as stream:
        for line in stream.iter_lines():
            if "process_completed" in line:
                return DONE if '"success": true' in line or '"success":true' in line else "failed"
    return "no response"


def control_characters(target: Target) -> AttackResult:
    """Paths ending in characters that ``strip()`` removes, so that quota and Gradio might see different routes."""
    body, kind = form(bytes(1000), field="files")
    ends = ("%0a", "%0d", "%00", "%09", "%7f", "/%0a")
    return compare_statuses({end: target.post(UPLOAD + end, body, kind).status for end in ends}, (400, 404))


def two_lengths(target: Target) -> AttackResult:
    """A length of 1 with a chunked body: the quota might count one byte while all are stored."""
    body, kind = form(bytes(1000), field="files")
    chunked = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: localhost\r\n{kind}\r\nConnection: close\r\n"
    seen = {}
    for name, headers in (
        ("length first", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
        ("chunked first", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"),
    ):
        seen[name] = target.send(f"{head}{headers}\r\n".encode() + chunked).status
    return compare_statuses(seen, (400,))


def smuggling(target: Target) -> AttackResult:
    """Requests that two parsers would split differently; at most one response, to the first, is allowed."""
    hidden = "GET /api/v1/results HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    head = "POST /api/v1/recognize HTTP/1.1\r\nHost: localhost\r\n"
    sent = {
        "two lengths": f"{head}Content-Length: 5\r\nContent-Length: {len(hidden)}\r\n\r\n{hidden}",
        "an unknown transfer encoding": f"{head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}",
        "a space before the colon": f"{head}Content-Length : {len(hidden)}\r\n\r\n{hidden}",
        "a length that is not a number": f"{head}Content-Length: +{len(hidden)}\r\n\r\n{hidden}",
        "a chunk with a wrong length": f"{head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{hidden}",
    }
    responses = {name: target.send(request, more_s=1.0) for name, request in sent.items()}
    wrong = [f"{name}: {one.count} responses" for name, one in responses.items() if one.count > 1 or one.status == 200]
    return AttackResult(not wrong, ", ".join(wrong) or f"{len(sent)} refused with one response each")


def stored_pages(target: Target) -> AttackResult:
    """Uploads that a browser would render as a page of this server."""
    script = b"<script>alert(1)</script>"
    wrong = []
    with target.client() as client:
        for name, data in (
            ("a.html", script),
            ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg">' + script),
            ("a.xml", script),
        ):
            sent = client.post(UPLOAD, files={"files": (name, data)})
            if sent.status_code != 200:
                continue
            response = client.get(f"/gradio_api/file={sent.json()[0]}")
            shown = "attachment" not in response.headers.get("content-disposition", "")
            kind = response.headers.get("content-type", "")
            if response.status_code == 200 and shown and any(word in kind for word in ("html", "xml", "svg")):
                wrong.append(f"{name} is served as {kind}")
        name = "<img src=x onerror=alert(1)>.wav"
        response = client.post("/api/v1/recognize", files={"audio": (name, EXAMPLE.read_bytes())})
        if "html" in response.headers["content-type"]:
            wrong.append("a file name in HTML")
    return AttackResult(not wrong, ", ".join(wrong) or "none is rendered as a page")
