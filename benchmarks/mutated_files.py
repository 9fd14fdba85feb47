"""Sends damaged audio files of every format to a real server, which must not crash, hang or fail with an error 500.

    python -m benchmarks.mutated_files [--count 2000] [--seed 1]

Prints the number of responses by status and error code, and the longest response time; exits with 1 if a status is
unexpected. A short form of this is in tests/surfaces/test_hostile.py.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.support.mutations import mutated_files
from tests.support.server_process import running_server

EXPECTED = {200, 413, 422}


def main() -> int:
    """Sends the files, and returns 1 if the server crashed or a status is unexpected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    statuses: Counter[int] = Counter()
    codes: Counter[str] = Counter()
    slowest = (0.0, "")
    with tempfile.TemporaryDirectory() as folder:
        settings = {"model": "builtin", "auto_download": False, "max_audio_s": 60, "keep_gb": 0.2}
        with running_server(Path(folder) / "outputs", **settings) as started:
            client = httpx.Client(base_url=started.url, timeout=60)

            def send(item: tuple[str, bytes]) -> tuple[str, float, httpx.Response]:
                begun = time.perf_counter()
                response = client.post("/api/v1/recognize", files={"audio": item})
                if response.status_code == 200:
                    client.delete(f"/api/v1/results/{response.json()['id']}")
                return item[0], time.perf_counter() - begun, response

            with ThreadPoolExecutor(2) as pool:
                for name, took, response in pool.map(send, mutated_files(given.count, given.seed)):
                    statuses[response.status_code] += 1
                    slowest = max(slowest, (took, name))
                    if response.status_code != 200:
                        codes[response.json()["code"]] += 1
            crashed = started.process.poll() is not None or "Traceback" in started.errors.read_text()
    lines = [f"{count:6} HTTP {status}" for status, count in sorted(statuses.items())]
    lines += [f"{count:6}   {code}" for code, count in codes.most_common()]
    lines += [f"slowest: {slowest[0]:.2f} s ({slowest[1]})", f"crashed: {'yes' if crashed else 'no'}"]
    sys.stdout.write("\n".join(lines) + "\n")
    return int(crashed or not set(statuses) <= EXPECTED)


if __name__ == "__main__":
    sys.exit(main())
