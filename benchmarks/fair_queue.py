"""Latency of interactive requests while a job of 10,000 recordings runs.

    python -m benchmarks.fair_queue [--model NAME]

Runs a real server on loopback. One caller sends the example clip (3.65 s) repeatedly, first on an idle server, then
while a job runs whose recordings are the same clip. Interactive requests have priority over the job at every window: a
request only waits for the window that is being computed. That window is as long as the request's own, so the request
should take twice as long as on an idle server.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Final

import httpx
import numpy as np

from benchmarks.random_weights import weights_for
from benchmarks.tables import write_line
from tests.support.server_process import RunningServer, running_server
from webui.settings import PROJECT_DIR

EXAMPLE: Final = PROJECT_DIR / "examples" / "example_synthetic.wav"
JOBS: Final = "/api/v1/jobs"
PAUSE_S: Final = 0.1
WARM_UP: Final = 5


def call_repeatedly(client: httpx.Client, calls: int) -> list[float]:
    """Returns the time of each call in milliseconds; pauses before each call."""
    times = []
    for _call in range(calls):
        time.sleep(PAUSE_S)
        begun = time.perf_counter()
        response = client.post("/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()})
        times.append((time.perf_counter() - begun) * 1000)
        response.raise_for_status()
        client.delete(f"/api/v1/results/{response.json()['id']}").raise_for_status()
    return times


def measure(server: RunningServer, recordings: int, calls: int) -> None:
    """Prints one row without and one with the job, and the progress of the job meanwhile."""
    with httpx.Client(base_url=server.url, timeout=600) as client:
        call_repeatedly(client, WARM_UP)
        idle = call_repeatedly(client, calls)
        job = client.post(JOBS, json={"audio_paths": [str(EXAMPLE)] * recordings}).json()["id"]
        begun = time.perf_counter()
        while client.get(f"{JOBS}/{job}").json()["done"] < 1:
            time.sleep(0.01)
        during = call_repeatedly(client, calls)
        record, seconds = client.get(f"{JOBS}/{job}").json(), time.perf_counter() - begun
        client.post(f"{JOBS}/{job}/cancel")
    write_line("| | p50 ms | p95 ms | longest ms |")
    write_line("|---|---|---|---|")
    for name, times in (("idle server", idle), (f"during a job of {recordings:,}", during)):
        write_line(f"| {name} | " + " | ".join(f"{np.percentile(times, one):.0f}" for one in (50, 95, 100)) + " |")
    ratio = float(np.percentile(during, 95) / np.median(idle))
    write_line(f"\np95 during the job divided by the median without it: {ratio:.2f}")
    write_line(
        f"The job meanwhile: {record['done']} of {recordings:,} done in {seconds:.0f} s, {record['failed']} failed."
    )


def main() -> None:
    """Parses the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--recordings", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=60)
    given = parser.parse_args()
    with weights_for(given.model), tempfile.TemporaryDirectory() as folder:
        settings = {"model": given.model, "audio_roots": EXAMPLE.parent, "auto_download": False}
        with running_server(Path(folder) / "outputs", **settings) as server:
            measure(server, given.recordings, given.calls)


if __name__ == "__main__":
    main()
