"""Exhaustion of resources by one caller: disk, memory, connections, the queue of the page, and CPU time."""

import io
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any, Final

import httpx
import numpy as np
import soundfile

from benchmarks.attacks.targets import (
    BUDGET_S,
    EXAMPLE,
    MAX_AUDIO_MB,
    MAX_CONNECTIONS,
    PATIENCE_S,
    AttackResult,
    Target,
    address,
    compare_statuses,
    event_number,
    form,
    initial_inputs,
    wait,
)

MB: Final = 1_000_000
JOIN: Final = "/gradio_api/queue/join"
ABORTED: Final = 6  # number of aborted uploads, of 3 MB each
UNREAD: Final = 250  # number of events whose responses are not read
QUEUE_SIZE: Final = 32  # size of the page's queue
HEAD_S: Final = 15.0  # time after which the server closes a connection without complete request headers
_sessions = count()


def aborted_uploads(target: Target) -> AttackResult:
    """Uploads that are aborted and one that is too large; they must leave nothing on the disk."""
    before = _temporary_mb(target)
    body, kind = form(bytes(3 * MB), field="files")
    length = len(body) + 500_000  # more than is sent
    for _ in range(ABORTED):
        head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\n{kind}\r\nContent-Length: {length}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", target.port), PATIENCE_S) as link:
            link.sendall(head.encode() + body)
            wait(lambda: _temporary_mb(target) > before, 0.5)
    with target.client() as client:
        client.post("/gradio_api/upload", files={"files": ("a.wav", bytes((MAX_AUDIO_MB + 1) * MB))})
    wait(lambda: _temporary_mb(target) - before < 0.1, 5.0)
    left = _temporary_mb(target) - before
    return AttackResult(left < 0.1, f"{left:.1f} MB left")


def large_events(target: Target) -> AttackResult:
    """Events of the page with large JSON bodies, though audio is always uploaded separately."""
    with target.client() as client:
        seen = {size: client.post(JOIN, json=_event(client, size)).status_code for size in (1, 200, 3900)}  # kB
    found = compare_statuses({f"{size} kB": status for size, status in seen.items() if size > 1}, (413,))
    return AttackResult(found.withstood and seen[1] == 200, f"{found.behaviour}; 1 kB: {seen[1]}")


def unread_events(target: Target) -> AttackResult:
    """Events of sessions that never read their responses."""
    with target.client() as client:
        event = _event(client, 1)
        for number in range(UNREAD):
            status = client.post(JOIN, json=event | {"session_hash": f"unread{next(_sessions)}"}).status_code
            if status != 200:
                return AttackResult(status in (429, 503), f"{status} after {number}")
    return AttackResult(False, f"{UNREAD} accepted")


def idle_connections(target: Target) -> AttackResult:
    """More connections from one address than the server allows, which send nothing."""
    links = []
    for _ in range(MAX_CONNECTIONS + 10):
        with suppress(OSError):
            links.append(socket.create_connection(("127.0.0.1", target.port), PATIENCE_S, (address(9999), 0)))
    try:
        begun = time.monotonic()
        health = target.get("/healthz").status
        wait(lambda: target.get("/api/v1/models").status == 200, HEAD_S + 5)
        models, waited = target.get("/api/v1/models").status, time.monotonic() - begun
        wait(lambda: all(map(_is_closed, links)), HEAD_S + 8 - waited)
        closed = sum(map(_is_closed, links))
    finally:
        for link in links:
            link.close()
    withstood = health == models == 200 and closed == len(links)
    return AttackResult(
        withstood, f"/healthz {health}, then the API {models} after {waited:.0f} s, {closed} of {len(links)} closed"
    )


def full_queue(target: Target) -> AttackResult:
    """More events of one caller than fit in the page's queue, then an event of another caller."""
    refused = None
    with target.client() as first, target.client() as other:
        event = _recognition(first, speech_like(40))
        for number in range(2 * QUEUE_SIZE):
            status = first.post(JOIN, json=event | {"session_hash": f"queue{number}"}).status_code
            if status != 200:
                refused = f"{status} after {number}"
                break
        other_status = other.post(
            JOIN, json=_recognition(other, EXAMPLE.read_bytes()) | {"session_hash": "other"}
        ).status_code
        wait(lambda: _is_idle(other), PATIENCE_S)
    return AttackResult(
        refused is not None and other_status == 200,
        f"the first: {refused or 'all accepted'}; the second: {other_status}",
    )


def long_audio_in_small_files(target: Target) -> AttackResult:
    """Minutes of silence in files of a few kilobytes, sent repeatedly by one caller."""
    with target.client() as client:
        audio = _flac(np.zeros(16_000 * (BUDGET_S * 2 // 3), dtype=np.int16))
        responses = [client.post("/api/v1/recognize", files={"audio": audio}) for _ in range(2)]
    seen, retry = [response.status_code for response in responses], responses[-1].headers.get("retry-after")
    return AttackResult(seen == [200, 429] and bool(retry), f"{seen[0]}, then {seen[1]}, Retry-After {retry}")


def state_afterwards(target: Target) -> AttackResult:
    """The server must still be running, without tracebacks in its log."""
    alive, traces = target.running.process.poll() is None, target.running.errors.read_text().count("Traceback")
    return AttackResult(alive and not traces, f"{'running' if alive else 'not running'}, {traces} tracebacks")


def speech_like(seconds: float) -> bytes:
    """Returns noise with the rhythm of syllables as a WAV file, as loud as speech and different each time."""
    generator = np.random.default_rng(next(_sessions))
    time_s = np.arange(round(16_000 * seconds)) / 16_000
    noise = generator.standard_normal(len(time_s)) * (1 + np.sin(2 * np.pi * 3 * time_s))
    file = io.BytesIO()
    soundfile.write(file, 0.1 * noise, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _flac(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="FLAC")
    return file.getvalue()


def _event(client: httpx.Client, kilobytes: int) -> dict[str, Any]:
    """Returns an event that takes little time: the choice of another language."""
    number, session = event_number(client, "change_language"), f"unread{next(_sessions)}"
    _language, *others = initial_inputs(client, number)
    return {"data": ["en", *others], "event_data": "x" * 1000 * kilobytes, "fn_index": number, "session_hash": session}


def _recognition(client: httpx.Client, audio: bytes) -> dict[str, Any]:
    (path,) = client.post("/gradio_api/upload", files={"files": ("a.wav", audio)}).json()
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    return {"data": [file, "utterance", False], "fn_index": event_number(client, "recognize")}


def _is_idle(client: httpx.Client) -> bool:
    shown = client.get("/metrics").text
    return all(
        float(value) == 0 for value in re.findall(r"^speech_emotion_(?:waiting|under_way)\S* (\S+)", shown, re.M)
    )


def _temporary_mb(target: Target) -> float:
    return sum(size for size in _sizes(target)) / MB


def _sizes(target: Target) -> Iterator[int]:
    for path in target.temporary.rglob("tmp*"):
        with suppress(OSError):  # deleted in the meantime
            if path.is_file():
                yield path.stat().st_size


def _is_closed(link: socket.socket) -> bool:
    link.setblocking(False)
    try:
        while link.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
