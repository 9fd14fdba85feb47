"""What Gradio answers at besides the page's own needs, headers that an answer has to carry, and odd requests."""

from typing import Any, Final

import httpx

from benchmarks.attacks.targets import EXAMPLE, AttackResult, Listener, Target, event_number, form, judged, wait

PAGES: Final = ("/", "/config", "/api/v1/models", "/api/v1/results/none", "/healthz", "/docs", "/nothing", "/metrics")
UPLOAD: Final = "/gradio_api/upload"
DEVELOPERS: Final = (
    "/monitoring", "/monitoring/summary", "/gradio_api/deep_link?session_hash=x", "/gradio_api/vibe-code",
    "/gradio_api/run-history/buckets", "/gradio_api/dev/reload",
)  # fmt: skip
DONE: Final = "done"
OWN_WORDS: Final = "File not allowed"  # Gradio's, about an address that its fetcher was given and did not like


def web_addresses(target: Target) -> AttackResult:
    """Addresses for Gradio to fetch: its fetcher has no limits, and takes more than it should for public."""
    listener = Listener()
    where = f"http://127.0.0.1:{listener.port}/x"
    ways = (
        f"file/{where}", f"file={where}", f"file/%68ttp{where[4:]}", f"file/{where.replace('http', 'HTTP')}",
        f"file/https{where[4:]}", f"proxy={where}", f"file%3D{where}", f"file=%20{where}", f"file//{where}",
    )  # fmt: skip
    reached = []
    for way in ways:
        answer = target.get(f"/gradio_api/{way}")
        if answer.status == 200 or OWN_WORDS in answer.text:
            reached.append(way.replace(where, "http://..."))
    listener.close()
    if reached or listener.connections:
        return AttackResult(False, f"reach Gradio's fetcher: {', '.join(reached)}; {listener.connections} connections")
    return AttackResult(True, f"{len(ways)} refused, 0 connections")


def addresses_in_events(target: Target) -> AttackResult:
    """The same as the file of an event."""
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
    found = judged(seen, (400, 403, 422))
    return AttackResult(found.held and not listener.connections, f"{found.what}, {listener.connections} connections")


def tools_of_developers(target: Target) -> AttackResult:
    """What a page in production has no use for."""
    with target.client() as client:
        seen = {path: client.get(path).status_code for path in DEVELOPERS}
        seen["process_recording"] = client.post("/gradio_api/process_recording").status_code
    return judged(seen, (404,))


def headers_of_answers(target: Target) -> AttackResult:
    """Whether each answer forbids guessing its type, framing it and foreign scripts."""
    wrong = []
    with target.client() as client:
        answers = {path: client.get(path) for path in PAGES}
        answers["a refusal"] = client.post("/api/v1/recognize")
    answers["401 or 403"] = httpx.get(target.running.url + "/api/v1/models", headers={"Host": "evil.example"})
    for path, answer in answers.items():
        policy = answer.headers.get("content-security-policy", "")
        missing = [] if answer.headers.get("x-content-type-options") == "nosniff" else ["nosniff"]
        missing += [word for word in ("frame-ancestors", "-src ") if word not in policy]
        wrong += [f"{path} lacks {', '.join(missing)}"] if missing else []
    return AttackResult(
        not wrong, "; ".join(wrong[:2]) + f" and {len(wrong) - 2} more" if wrong else f"on {len(answers)} answers"
    )


def downloads_by_anybody(target: Target) -> AttackResult:
    """The button that fetches 1.95 GB, pressed by a caller of an open server."""
    before = target.hub.connections
    seen = {}
    with target.client() as client:
        seen["retry"] = press(client, "start_download")
        if seen["retry"] == DONE:
            wait(lambda: target.hub.connections > before, 5.0)
        seen["cancel"] = press(client, "cancel_download")
    requests = target.hub.connections - before
    what = ", ".join(f"{name}: {status}" for name, status in seen.items())
    return AttackResult(not requests and DONE not in seen.values(), f"{what}; the hub got {requests} requests")


def press(client: httpx.Client, name: str) -> str:
    """Sends the event of a button that takes a language and a state; returns how it ended."""
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
    return "no answer"


def control_characters(target: Target) -> AttackResult:
    """Paths that end in what strip() takes away: another route for the budget than for Gradio."""
    body, kind = form(bytes(1000), field="files")
    ends = ("%0a", "%0d", "%00", "%09", "%7f", "/%0a")
    return judged({end: target.post(UPLOAD + end, body, kind).status for end in ends}, (400, 404))


def two_lengths(target: Target) -> AttackResult:
    """A length of 1 beside chunks: charged as one byte, kept as many."""
    body, kind = form(bytes(1000), field="files")
    chunked = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: localhost\r\n{kind}\r\nConnection: close\r\n"
    seen = {}
    for name, both in (
        ("length first", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
        ("chunked first", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"),
    ):
        seen[name] = target.send(f"{head}{both}\r\n".encode() + chunked).status
    return judged(seen, (400,))


def smuggling(target: Target) -> AttackResult:
    """Requests that two readers would cut differently: one answer at most, to the first."""
    hidden = "GET /api/v1/results HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    head = "POST /api/v1/recognize HTTP/1.1\r\nHost: localhost\r\n"
    sent = {
        "two lengths": f"{head}Content-Length: 5\r\nContent-Length: {len(hidden)}\r\n\r\n{hidden}",
        "chunks by another name": f"{head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}",
        "a space before the colon": f"{head}Content-Length : {len(hidden)}\r\n\r\n{hidden}",
        "a length that is no number": f"{head}Content-Length: +{len(hidden)}\r\n\r\n{hidden}",
        "a chunk that lies": f"{head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{hidden}",
    }
    answers = {name: target.send(request, more_s=1.0) for name, request in sent.items()}
    wrong = [f"{name}: {one.answers} answers" for name, one in answers.items() if one.answers > 1 or one.status == 200]
    return AttackResult(not wrong, ", ".join(wrong) or f"{len(sent)} refused with one answer each")


def stored_pages(target: Target) -> AttackResult:
    """Uploads that a browser would run as a page of this server."""
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
            answer = client.get(f"/gradio_api/file={sent.json()[0]}")
            shown = "attachment" not in answer.headers.get("content-disposition", "")
            kind = answer.headers.get("content-type", "")
            if answer.status_code == 200 and shown and any(word in kind for word in ("html", "xml", "svg")):
                wrong.append(f"{name} comes as {kind}")
        name = "<img src=x onerror=alert(1)>.wav"
        answer = client.post("/api/v1/recognize", files={"audio": (name, EXAMPLE.read_bytes())})
        if "html" in answer.headers["content-type"]:
            wrong.append("a name in HTML")
    return AttackResult(not wrong, ", ".join(wrong) or "none is shown as a page")
