"""What the server adds to the engine, what it does when too many ask, and whether its memory stays flat.

    python -m benchmarks.load callers [--seconds 10]      1, 4 and 16 callers beside the engine alone
        [--model emotion2vec_plus_large --precision int8] with another model than the built-in one
    python -m benchmarks.load overload [--seconds 10]     four times as many callers as there is room for, and one more
                                                          with a bare socket in a process of its own
    python -m benchmarks.load memory [--requests 5000]    the process's memory while it answers

A real server process on loopback, the example clip (3.65 s); results are deleted as they come.
Prints the tables of docs/RELIABILITY.md. The callers run on the same cores as the server.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import numpy as np

from tests.support.server_process import RunningServer, running_server
from webui.settings import PROJECT_DIR

EXAMPLE: Final = PROJECT_DIR / "examples" / "example_synthetic.wav"
CALLERS: Final = (1, 4, 16)
ROOM: Final = 8  # of the overloaded server: 2 at work, 6 waiting
OVERLOAD: Final = 4
PROMISED_MS: Final = 50  # in which a refusal is to come
WARM_UP: Final = 20
SAMPLES: Final = 20  # of memory
ENGINE: Final = """
import json, shutil, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from webui.service import RecognitionService
from webui.settings import Settings
clip, folder, seconds, threads = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
service = RecognitionService(Settings(outputs_dir=folder, model=sys.argv[5], precision=sys.argv[6]))
def once():
    begun = time.perf_counter()
    done = service.recognize(clip)
    took = time.perf_counter() - begun
    shutil.rmtree(done.folder)
    return took
ready = threading.Barrier(threads)
def caller(_):  # warms up in its own thread, as the server's threads do: PyTorch's helpers belong to a thread
    for _ in range(5):
        once()
    ready.wait()
    begun, times = time.perf_counter(), []
    while time.perf_counter() - begun < seconds:
        times.append(once())
    return begun, time.perf_counter(), times
with ThreadPoolExecutor(threads) as pool:
    parts = list(pool.map(caller, range(threads)))
elapsed = max(end for _, end, _ in parts) - min(begun for begun, _, _ in parts)
print(json.dumps([[took for *_, times in parts for took in times], elapsed]))
"""

LONE: Final = """
import json, socket, sys, time
port, seconds, audio = int(sys.argv[1]), float(sys.argv[2]), open(sys.argv[3], "rb").read()
part = b'Content-Disposition: form-data; name="audio"; filename="a.wav"\\r\\n\\r\\n'
body = b"--x\\r\\n" + part + audio + b"\\r\\n--x--\\r\\n"
kind = b"Content-Type: multipart/form-data; boundary=x\\r\\n"
head = b"POST /api/v1/recognize HTTP/1.1\\r\\nHost: localhost\\r\\n" + kind
asked = head + b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body
refused, until = [], time.perf_counter() + seconds
while time.perf_counter() < until:
    with socket.create_connection(("127.0.0.1", port)) as link:
        begun = time.perf_counter()
        link.sendall(asked)
        answer = link.recv(65536)
        took = time.perf_counter() - begun
        if answer.startswith(b"HTTP/1.1 503"):
            assert b"retry-after:" in answer.lower()
            refused.append(took)
    time.sleep(0.02)
print(json.dumps(refused))
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a time of asking.

    Attributes:
        times_s: of each answered call.
        elapsed_s: in all.
        refused_s: of each refused call.
        answers: the different answers there were.
    """

    times_s: list[float]
    elapsed_s: float
    refused_s: list[float]
    answers: set[str]

    @property
    def per_second(self) -> float:
        """Calls answered a second."""
        return len(self.times_s) / self.elapsed_s

    def percentile_ms(self, percent: float) -> float:
        """Milliseconds that ``percent`` of the answered calls took at most."""
        return float(np.percentile(self.times_s, percent)) * 1000


def engine_alone(seconds: float, threads: int, model: str, precision: str) -> Load:
    """The same work by the service in a process of its own, without a server."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", ENGINE, str(EXAMPLE), folder, str(seconds), str(threads), model, precision]
        done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=True)
    times, elapsed = json.loads(done.stdout)
    return Load(times, elapsed, [], set())


@contextmanager
def server(**settings: object) -> Iterator[RunningServer]:
    """Runs a server that has answered a few calls already."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"model": "builtin", "max_per_client": 10_000, "auto_download": False, **settings}
        with running_server(Path(folder) / "outputs", **given) as started:
            with httpx.Client(base_url=started.url, timeout=120) as client:
                for _ in range(WARM_UP):
                    _ask(client)
            yield started


def ask_for(started: RunningServer, callers: int, keep_on: Callable[[], bool]) -> Load:
    """Lets callers ask one after the other while ``keep_on`` says so."""
    times: list[float] = []
    refused: list[float] = []
    answers: set[str] = set()

    def caller(client: httpx.Client) -> None:
        while keep_on():
            begun = time.perf_counter()
            response = client.post("/api/v1/recognize", files={"audio": AUDIO})
            took = time.perf_counter() - begun
            if response.status_code == 200:
                times.append(took)
                answers.add(json.dumps(response.json()["scores"]))
                client.delete(f"/api/v1/results/{response.json()['id']}")
            else:
                assert (response.status_code, response.json()["code"]) == (503, "request.busy"), response.text
                assert response.headers["retry-after"]
                refused.append(took)
                time.sleep(0.2)

    with ExitStack() as stack, ThreadPoolExecutor(callers) as pool:
        made = (httpx.Client(base_url=started.url, timeout=120) for _ in range(callers))
        clients = [stack.enter_context(client) for client in made]
        for client in clients:  # a client takes a core for 20 ms to make, which is no part of what is measured
            client.get("/healthz")
        begun = time.perf_counter()
        list(pool.map(caller, clients))
        return Load(times, time.perf_counter() - begun, refused, answers)


AUDIO: Final = EXAMPLE.read_bytes()


def _ask(client: httpx.Client) -> None:
    response = client.post("/api/v1/recognize", files={"audio": AUDIO})
    response.raise_for_status()
    client.delete(f"/api/v1/results/{response.json()['id']}")


def _for(seconds: float) -> Callable[[], bool]:
    """Returns what is true for that long, from the first time on that it is asked."""
    begun: list[float] = []

    def keep_on() -> bool:
        now = time.perf_counter()
        if not begun:
            begun.append(now)
        return now - begun[0] < seconds

    return keep_on


def show_callers(seconds: float, model: str, precision: str) -> None:
    """Prints throughput and latency beside the engine's."""
    alone = {threads: engine_alone(seconds, threads, model, precision) for threads in (1, 2)}
    best = max(load.per_second for load in alone.values())
    _say("| | calls/s | of the engine's | p50 ms | p95 ms | p99 ms |")
    _say("|---|---|---|---|---|---|")
    for threads, load in alone.items():
        _row(f"engine alone, {threads} at a time", load, best)
    one: Load | None = None
    with server(model=model, precision=precision) as started:
        for callers in CALLERS:
            load = ask_for(started, callers, _for(seconds))
            one = one or load
            _row(f"server, {callers} callers" if callers > 1 else "server, 1 caller", load, best)
    assert one is not None
    over = one.percentile_ms(50) - alone[1].percentile_ms(50)
    _say(f"\nThe server adds {over:.1f} ms to a call (median, 1 caller beside 1 at a time).")


def _row(name: str, load: Load, best: float) -> None:
    times = " | ".join(f"{load.percentile_ms(percent):.0f}" for percent in (50, 95, 99))
    _say(f"| {name} | {load.per_second:.2f} | {load.per_second / best:.2f} | {times} |")


def show_overload(seconds: float) -> None:
    """Prints what becomes of those for whom there is no room."""
    with server(max_waiting=ROOM - 2) as started:
        port = started.url.rsplit(":", 1)[1]
        command = [sys.executable, "-c", LONE, port, str(seconds), str(EXAMPLE)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lone:
            load = ask_for(started, ROOM * OVERLOAD, _for(seconds))
            alone = json.loads(lone.communicate()[0])
    _say(f"{ROOM * OVERLOAD} callers, room for {ROOM}, {load.elapsed_s:.0f} s:")
    _say(f"answered {len(load.times_s)} ({load.per_second:.1f}/s), different answers: {len(load.answers)}")
    for who, seen in (("the callers, one process for them all", load.refused_s), ("one more caller by itself", alone)):
        refused = np.array(seen) * 1000
        shown = ", ".join(f"p{percent} {np.percentile(refused, percent):.0f}" for percent in (50, 95, 99))
        late = int(np.sum(refused > PROMISED_MS))
        _say(f"refused, as {who} saw it: {len(refused)}: {shown}, longest {refused.max():.0f} ms")
        _say(f"    of them later than {PROMISED_MS} ms: {late}")


def show_memory(requests: int) -> None:
    """Prints the memory of the process between requests."""
    with server() as started:
        seen = [(0, rss_mb(started))]
        each = max(1, requests // SAMPLES)
        for done in range(each, requests + 1, each):
            left = iter(range(each))
            ask_for(started, 4, lambda left=left: next(left, None) is not None)  # type: ignore[misc]
            seen.append((done, rss_mb(started)))
    _say("| requests | memory MB |")
    _say("|---|---|")
    for done, megabytes in seen:
        _say(f"| {done} | {megabytes:.0f} |")
    later = [megabytes for done, megabytes in seen if done >= requests / 4]
    grown = later[-1] - later[0]
    _say(f"\nFrom a quarter on: {min(later):.0f} to {max(later):.0f} MB; last minus first {grown:+.0f} MB.")


def rss_mb(started: RunningServer) -> float:
    """Returns the resident memory that a server tells."""
    shown = httpx.get(f"{started.url}/metrics").text
    found = re.search(r"^process_resident_memory_bytes (\S+)", shown, re.MULTILINE)
    if found is None:
        raise SystemExit("This system does not tell the memory of a process; Linux does.")
    return float(found[1]) / 1e6


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("callers", "overload", "memory"))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--model", default="builtin", help="of callers")
    parser.add_argument("--precision", default="fp32", help="of callers")
    parser.add_argument("--requests", type=int, default=5000)
    given = parser.parse_args()
    if given.what == "callers":
        show_callers(given.seconds, given.model, given.precision)
    elif given.what == "overload":
        show_overload(given.seconds)
    else:
        show_memory(given.requests)


if __name__ == "__main__":
    main()
