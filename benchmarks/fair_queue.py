"""How long a person waits while a job of 10,000 recordings runs: ``python -m benchmarks.fair_queue [--model NAME]``.

A real server on loopback. One caller asks for the example clip (3.65 s) again and again, first alone, then while a job
runs whose recordings are that clip too. A person comes before the job at every window: a call waits for the window
that is being heard, and then is heard itself: twice its own time, if the recordings are as long as its own.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import httpx
import numpy as np

from tests.support.server_process import RunningServer, running_server
from webui.settings import PROJECT_DIR

EXAMPLE: Final = PROJECT_DIR / "examples" / "example_synthetic.wav"
JOBS: Final = "/api/v1/jobs"
BETWEEN_S: Final = 0.1
WARM_UP: Final = 5


def ask_often(client: httpx.Client, calls: int) -> list[float]:
    """Returns the milliseconds of each call; a person pauses between two."""
    times = []
    for _call in range(calls):
        time.sleep(BETWEEN_S)
        begun = time.perf_counter()
        response = client.post("/api/v1/recognize", files={"audio": EXAMPLE.read_bytes()})
        times.append((time.perf_counter() - begun) * 1000)
        response.raise_for_status()
        client.delete(f"/api/v1/results/{response.json()['id']}").raise_for_status()
    return times


def measure(server: RunningServer, recordings: int, calls: int) -> None:
    """Prints the two rows, and how far the job came meanwhile."""
    with httpx.Client(base_url=server.url, timeout=600) as client:
        ask_often(client, WARM_UP)
        alone = ask_often(client, calls)
        job = client.post(JOBS, json={"audio_paths": [str(EXAMPLE)] * recordings}).json()["id"]
        begun = time.perf_counter()
        while client.get(f"{JOBS}/{job}").json()["done"] < 1:
            time.sleep(0.01)
        beside = ask_often(client, calls)
        record, seconds = client.get(f"{JOBS}/{job}").json(), time.perf_counter() - begun
        client.post(f"{JOBS}/{job}/cancel")
    _say("| | p50 ms | p95 ms | longest ms |")
    _say("|---|---|---|---|")
    for name, times in (("nobody else", alone), (f"beside a job of {recordings:,}", beside)):
        _say(f"| {name} | " + " | ".join(f"{np.percentile(times, one):.0f}" for one in (50, 95, 100)) + " |")
    ratio = float(np.percentile(beside, 95) / np.median(alone))
    _say(f"\np95 beside the job over the median alone: {ratio:.2f}")
    _say(f"The job meanwhile: {record['done']} of {recordings:,} done in {seconds:.0f} s, {record['failed']} failed.")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--recordings", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"model": given.model, "audio_roots": EXAMPLE.parent, "auto_download": False}
        with running_server(Path(folder) / "outputs", **settings) as server:
            measure(server, given.recordings, given.calls)


if __name__ == "__main__":
    main()
