"""Hostile content: numbers out of range, paths, URLs, decompression bombs, malicious checkpoints, telemetry files."""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx

from benchmarks.attacks.targets import EXAMPLE, PRIVATE_CONTENT, AttackResult, Listener, Target, compare_statuses
from tests.support.bombs import JSON_BOMBS, audio_bombs
from webui.settings import PROJECT_DIR

RECOGNIZE: Final = "/api/v1/recognize"
ROUNDS: Final = 15  # number of files that are read while they are deleted
HUGE: Final = str(2**63)
NUMBERS: Final = (
    {"window_s": "1e999"}, {"window_s": "1e300", "granularity": "frame"}, {"hop_s": "1e300", "granularity": "frame"},
    {"window_s": "nan", "granularity": "frame"}, {"max_segment_s": "1e308", "granularity": "segment"},
    {"merge_gap_s": "inf", "granularity": "segment"},
)  # fmt: skip
PATHS: Final = (
    "/etc/passwd", "/proc/self/environ", "../../etc/passwd", "/dev/zero", "file:///etc/passwd", "concat:/etc/passwd",
    "/etc/passwd\0.wav",
)  # fmt: skip
FILES: Final = (
    "/gradio_api/file=/etc/passwd", "/gradio_api/file=..%2f..%2f..%2fetc%2fpasswd", "/gradio_api/file/etc/passwd",
    "/api/v1/results/..%2f..%2fetc/passwd", "/assets/..%2f..%2f..%2fetc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd",
    "/svelte/..%2f..%2f..%2fetc%2fpasswd",
)  # fmt: skip
# Makes a checkpoint set attributes of objects from the unpickler: BUILD with a second dictionary calls setattr.
POISON: Final = """
import pickle, sys, zipfile
from pathlib import Path
import torch
from webui.engine.emotion2vec.unpickle import read_pickle
from webui.errors import CheckpointError
def poisoned(path, name, state):
    torch.save({"model": {"a": torch.ones(2)}}, path)
    with zipfile.ZipFile(path) as archive:
        files = {one: archive.read(one) for one in archive.namelist()}
    (inside,) = [one for one in files if one.endswith("/data.pkl")]
    body = files[inside]
    assert body[:2] == b"\\x80\\x02" and body[-1:] == b"."
    module, _, function = name.rpartition(".")
    set_state = pickle.dumps(state, 2)[2:-1]
    files[inside] = body[:2] + b"c" + f"{module}\\n{function}\\n".encode() + set_state + b"b0" + body[2:]
    with zipfile.ZipFile(path, "w") as archive:
        for one, content in files.items():
            archive.writestr(one, content)
folder = Path(sys.argv[1])
rebuild = torch._utils._rebuild_tensor_v2
before = (rebuild.__defaults__, dict(rebuild.__dict__))
for number, state in enumerate([(None, {"__defaults__": ("poisoned",)}), {"poisoned": 1}, (None, {"poisoned": 1})]):
    for name in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "collections.OrderedDict"):
        path = folder / f"{number}{name}.pt"
        poisoned(path, name, state)
        try:
            read_pickle(path)
        except (CheckpointError, TypeError, AttributeError):
            pass
print("unchanged" if before == (rebuild.__defaults__, dict(rebuild.__dict__)) else "changed")
"""
RUN_CODE: Final = """
import os, sys
from pathlib import Path
import torch
from webui.engine.emotion2vec.unpickle import read_pickle
class Evil:
    def __init__(self, path): self.path = path
    def __reduce__(self): return os.system, (f"touch {self.path}",)
folder = Path(sys.argv[1])
torch.save({"model": {"a": torch.ones(2)}, "args": Evil(folder / "owned")}, folder / "evil.pt")
read_pickle(folder / "evil.pt")
print("not run" if not (folder / "owned").exists() else "its command ran")
"""


def numbers(target: Target) -> AttackResult:
    """Numbers that are too large for a database, a window or JSON."""
    with target.client() as client:
        paths = (f"/api/v1/jobs?offset={HUGE}", f"/api/v1/jobs?limit={HUGE}", f"/api/v1/results?limit={HUGE}")
        seen = {path: client.get(path).status_code for path in paths}
        for form in NUMBERS:
            response = client.post(RECOGNIZE, files={"audio": EXAMPLE.read_bytes()}, data=form)
            seen[str(form)] = response.status_code
        body = b'{"audio_base64": "AAAA", "window_s": 1e999}'
        seen["1e999 in JSON"] = client.post(
            RECOGNIZE, content=body, headers={"Content-Type": "application/json"}
        ).status_code
    return compare_statuses(seen, (422,))


def read_while_deleted(target: Target) -> AttackResult:
    """A file of a result, read while the result is being deleted."""
    seen: dict[str, int] = {}
    with target.client() as client, target.client() as other, ThreadPoolExecutor(1) as pool:
        for number in range(ROUNDS):
            result = client.post(RECOGNIZE, files={"audio": EXAMPLE.read_bytes()}).json()["id"]
            deleted = pool.submit(other.delete, f"/api/v1/results/{result}")
            while not deleted.done():
                try:
                    status = client.get(f"/api/v1/results/{result}/processed_audio.wav").status_code
                except httpx.TransportError:
                    status = 0  # the response was cut off
                seen[f"request {len(seen)} of round {number}"] = status
    return compare_statuses(seen, (200, 404))


def telemetry(target: Target) -> AttackResult:
    """Files that onnxruntime may write during speech detection, one of them through a symbolic link of an attacker."""
    with target.client() as client:
        response = client.post(RECOGNIZE, files={"audio": EXAMPLE.read_bytes()}, data={"granularity": "segment"})
    kept = [path.name for path in target.home.rglob("*") if path.is_file()]
    changed = (target.temporary / ".ses").read_text() != PRIVATE_CONTENT
    what = f"{response.status_code}; in the home folder: {', '.join(kept) or 'nothing'}; "
    what += f"target of the link {'changed' if changed else 'unchanged'}"
    return AttackResult(response.status_code == 200 and not kept and not changed, what)


def paths(target: Target) -> AttackResult:
    """Paths of files on the machine."""
    with target.client() as client:
        responses = {path: client.post(RECOGNIZE, json={"audio_path": path}) for path in PATHS}
    seen = {name: response.status_code for name, response in responses.items()}
    texts = [response.text for response in responses.values()]
    for path in FILES:
        response = target.get(path)
        seen[path] = response.status
        texts.append(response.text)
    found = compare_statuses(seen, (400, 403, 404, 422))
    return AttackResult(found.withstood and not any("root:" in text for text in texts), found.behaviour)


def audio_urls(target: Target) -> AttackResult:
    """URLs of audio on loopback, which the settings do not allow."""
    listener = Listener()
    hosts = ("127.0.0.1", "localhost", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "127.1")
    with target.client() as client:
        urls = {host: {"audio_url": f"http://{host}:{listener.port}/a.wav"} for host in hosts}
        seen = {host: client.post(RECOGNIZE, json=source).status_code for host, source in urls.items()}
    listener.close()
    found = compare_statuses(seen, (403, 422))
    return AttackResult(
        found.withstood and not listener.connections, f"{found.behaviour}, {listener.connections} connections"
    )


def bombs(target: Target) -> AttackResult:
    """Request bodies that grow when they are parsed or decoded."""
    kind = {"Content-Type": "application/json"}
    with target.client() as client:
        seen = {
            name: client.post(RECOGNIZE, files={"audio": ("a.wav", data)}).status_code
            for name, data in audio_bombs().items()
            if "hour" not in name  # valid audio, as the limit is 12 hours
        }
        seen |= {
            name: client.post(RECOGNIZE, content=body, headers=kind).status_code for name, body in JSON_BOMBS.items()
        }
        deep = client.post("/gradio_api/queue/join", content=b"[" * 100_000, headers=kind).status_code
    found = compare_statuses(seen | {"a deep event": deep}, (413, 422))
    return AttackResult(found.withstood and target.running.process.poll() is None, found.behaviour)


def poisoned_checkpoint(_target: Target | None) -> AttackResult:
    """A checkpoint that sets attributes of functions of torch."""
    return _read_in_process(POISON, "unchanged")


def code_in_a_checkpoint(_target: Target | None) -> AttackResult:
    """A checkpoint that runs a command when it is unpickled."""
    return _read_in_process(RUN_CODE, "not run")


def _read_in_process(program: str, expected: str) -> AttackResult:
    """Runs a program that writes and reads a checkpoint; its last line of output is the outcome."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", program, str(Path(folder))]
        done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    outcome = done.stdout.strip() or (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    return AttackResult(outcome == expected, outcome)
