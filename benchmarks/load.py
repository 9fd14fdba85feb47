"""What the server costs on top of the engine, how it behaves under overload, and whether its memory stays constant.

    python -m benchmarks.load callers [--seconds 10]      1, 4 and 16 callers, compared with the engine without a server
        [--model emotion2vec_plus_large --precision int8] with another model than the built-in one
    python -m benchmarks.load overload [--seconds 10]     four times as many callers as the server admits, and one more
                                                          in its own process, with a plain socket
    python -m benchmarks.load memory [--requests 5000]    memory of the process while it serves requests

Runs a real server process on loopback with the example clip (3.65 s), and deletes each result at once. Prints the
tables of docs/RELIABILITY.md. The callers run on the same cores as the server.
"""

import argparse
import json
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

from benchmarks.random_weights import weights_for
from benchmarks.tables import write_line
from tests.support.server_process import RunningServer, rss_mb, running_server
from webui.settings import PROJECT_DIR

EXAMPLE: Final = PROJECT_DIR / "examples" / "example_synthetic.wav"
CALLERS: Final = (1, 4, 16)
CAPACITY: Final = 8  # requests that the overloaded server admits: 2 running, 6 waiting
OVERLOAD: Final = 4
REFUSAL_LIMIT_MS: Final = 50  # longest acceptable time to refuse a request
WARM_UP: Final = 20
SAMPLES: Final = 20  # measurements of memory
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
def caller(_):  # warms up in its own thread, as in the server: PyTorch's worker threads belong to a thread
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

SINGLE_CALLER: Final = """
import json, socket, sys, time
port, seconds, audio = int(sys.argv[1]), float(sys.argv[2]), open(sys.argv[3], "rb").read()
part = b'Content-Disposition: form-data; name="audio"; filename="a.wav"\\r\\n\\r\\n'
body = b"--x\\r\\n" + part + audio + b"\\r\\n--x--\\r\\n"
kind = b"Content-Type: multipart/form-data; boundary=x\\r\\n"
head = b"POST /api/v1/recognize HTTP/1.1\\r\\nHost: localhost\\r\\n" + kind
request = head + b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body
refused, until = [], time.perf_counter() + seconds
while time.perf_counter() < until:
    with socket.create_connection(("127.0.0.1", port)) as link:
        begun = time.perf_counter()
        link.sendall(request)
        response = link.recv(65536)
        took = time.perf_counter() - begun
        if response.startswith(b"HTTP/1.1 503"):
            assert b"retry-after:" in response.lower()
            refused.append(took)
    time.sleep(0.02)
print(json.dumps(refused))
"""


@dataclass(frozen=True, slots=True)
class Load:
    """Outcome of a period of requests.

    Attributes:
        times_s: time of each successful request.
        elapsed_s: length of the period.
        refused_s: time of each refused request.
        results: the different results.
    """

    times_s: list[float]
    elapsed_s: float
    refused_s: list[float]
    results: set[str]

    @property
    def per_second(self) -> float:
        """Successful requests per second."""
        return len(self.times_s) / self.elapsed_s

    def percentile_ms(self, percent: float) -> float:
        """Returns a percentile of the time of successful requests, in milliseconds."""
        return float(np.percentile(self.times_s, percent)) * 1000


def engine_without_server(seconds: float, threads: int, model: str, precision: str) -> Load:
    """Measures the same work done by the service in its own process, without a server."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", ENGINE, str(EXAMPLE), folder, str(seconds), str(threads), model, precision]
        done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=True)
    times, elapsed = json.loads(done.stdout)
    return Load(times, elapsed, [], set())


@contextmanager
def server(**settings: object) -> Iterator[RunningServer]:
    """Runs a server that has been warmed up with a few requests."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"model": "builtin", "max_per_client": 10_000, "auto_download": False, **settings}
        with running_server(Path(folder) / "outputs", **given) as started:
            with httpx.Client(base_url=started.url, timeout=120) as client:
                for _ in range(WARM_UP):
                    _recognize(client)
            yield started


def run_callers(started: RunningServer, callers: int, keep_on: Callable[[], bool]) -> Load:
    """Runs ``callers`` callers, each of which sends one request after the other while ``keep_on()`` is true."""
    times: list[float] = []
    refused: list[float] = []
    results: set[str] = set()

    def caller(client: httpx.Client) -> None:
        while keep_on():
            begun = time.perf_counter()
            response = client.post("/api/v1/recognize", files={"audio": AUDIO})
            took = time.perf_counter() - begun
            if response.status_code == 200:
                times.append(took)
                results.add(json.dumps(response.json()["scores"]))
                client.delete(f"/api/v1/results/{response.json()['id']}")
            else:
                assert (response.status_code, response.json()["code"]) == (503, "request.busy"), response.text
                assert response.headers["retry-after"]
                refused.append(took)
                time.sleep(0.2)

    with ExitStack() as stack, ThreadPoolExecutor(callers) as pool:
        created = (httpx.Client(base_url=started.url, timeout=120) for _ in range(callers))
        clients = [stack.enter_context(client) for client in created]
        for client in clients:  # making a client takes 20 ms of CPU time, which should not be measured
            client.get("/healthz")
        begun = time.perf_counter()
        list(pool.map(caller, clients))
        return Load(times, time.perf_counter() - begun, refused, results)


AUDIO: Final = EXAMPLE.read_bytes()


def _recognize(client: httpx.Client) -> None:
    response = client.post("/api/v1/recognize", files={"audio": AUDIO})
    response.raise_for_status()
    client.delete(f"/api/v1/results/{response.json()['id']}")


def _for(seconds: float) -> Callable[[], bool]:
    """Returns a function that returns True for ``seconds`` after its first call."""
    begun: list[float] = []

    def keep_on() -> bool:
        now = time.perf_counter()
        if not begun:
            begun.append(now)
        return now - begun[0] < seconds

    return keep_on


def show_callers(seconds: float, model: str, precision: str) -> None:
    """Prints throughput and latency in comparison with the engine without a server."""
    engine = {threads: engine_without_server(seconds, threads, model, precision) for threads in (1, 2)}
    best = max(load.per_second for load in engine.values())
    write_line("| | calls/s | relative to the engine | p50 ms | p95 ms | p99 ms |")
    write_line("|---|---|---|---|---|---|")
    for threads, load in engine.items():
        _row(f"engine alone, {threads} at a time", load, best)
    single: Load | None = None
    with server(model=model, precision=precision) as started:
        for callers in CALLERS:
            load = run_callers(started, callers, _for(seconds))
            single = single or load
            _row(f"server, {callers} callers" if callers > 1 else "server, 1 caller", load, best)
    assert single is not None
    over = single.percentile_ms(50) - engine[1].percentile_ms(50)
    write_line(f"\nThe server adds {over:.1f} ms to a call (median, 1 caller compared with 1 at a time).")


def _row(name: str, load: Load, best: float) -> None:
    times = " | ".join(f"{load.percentile_ms(percent):.0f}" for percent in (50, 95, 99))
    write_line(f"| {name} | {load.per_second:.2f} | {load.per_second / best:.2f} | {times} |")


def show_overload(seconds: float) -> None:
    """Prints what happens to requests that exceed the capacity."""
    with server(max_waiting=CAPACITY - 2) as started:
        port = started.url.rsplit(":", 1)[1]
        command = [sys.executable, "-c", SINGLE_CALLER, port, str(seconds), str(EXAMPLE)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as single:
            load = run_callers(started, CAPACITY * OVERLOAD, _for(seconds))
            single_refused_s = json.loads(single.communicate()[0])
    write_line(f"{CAPACITY * OVERLOAD} callers, capacity {CAPACITY}, {load.elapsed_s:.0f} s:")
    write_line(f"answered {len(load.times_s)} ({load.per_second:.1f}/s), different results: {len(load.results)}")
    for observer, times_s in (
        ("the callers, all in one process", load.refused_s),
        ("one more caller in its own process", single_refused_s),
    ):
        refused = np.array(times_s) * 1000
        shown = ", ".join(f"p{percent} {np.percentile(refused, percent):.0f}" for percent in (50, 95, 99))
        late = int(np.sum(refused > REFUSAL_LIMIT_MS))
        write_line(f"refused, measured by {observer}: {len(refused)}: {shown}, longest {refused.max():.0f} ms")
        write_line(f"    of them later than {REFUSAL_LIMIT_MS} ms: {late}")


def show_memory(requests: int) -> None:
    """Prints the memory of the process between requests."""
    with server() as started:
        measured = [(0, memory_mb(started))]
        each = max(1, requests // SAMPLES)
        for done in range(each, requests + 1, each):
            left = iter(range(each))
            run_callers(started, 4, lambda left=left: next(left, None) is not None)  # type: ignore[misc]
            measured.append((done, memory_mb(started)))
    write_line("| requests | memory MB |")
    write_line("|---|---|")
    for done, megabytes in measured:
        write_line(f"| {done} | {megabytes:.0f} |")
    later = [megabytes for done, megabytes in measured if done >= requests / 4]
    grown = later[-1] - later[0]
    write_line(f"\nAfter the first quarter: {min(later):.0f} to {max(later):.0f} MB; last minus first {grown:+.0f} MB.")


def memory_mb(started: RunningServer) -> float:
    """Returns the resident memory from the metrics of a server."""
    found = rss_mb(started)
    if found is None:
        raise SystemExit("The memory of a process is not available on this system; it is on Linux.")
    return found


def main() -> None:
    """Parses the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("callers", "overload", "memory"))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--model", default="builtin", help="model of `callers`")
    parser.add_argument("--precision", default="fp32", help="precision of that model")
    parser.add_argument("--requests", type=int, default=5000)
    given = parser.parse_args()
    if given.what == "callers":
        with weights_for(given.model):
            show_callers(given.seconds, given.model, given.precision)
    elif given.what == "overload":
        show_overload(given.seconds)
    else:
        show_memory(given.requests)


if __name__ == "__main__":
    main()
