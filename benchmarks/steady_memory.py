"""Memory of a server process with a model, when idle and after many clips of different lengths.

    python -m benchmarks.steady_memory [--sizes large] [--precisions int8 fp32] [--clips 100] [--longest 30]

Runs a real server on loopback, with random weights of the published size (or ``--sizes tiny``). Opens its page once,
then sends clips one after the other to its REST API. Prints the table of docs/BENCHMARKS.md.
"""

import argparse
import io
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

import httpx
import numpy as np
import soundfile

from benchmarks.load import memory_mb
from benchmarks.tables import machine, write_line
from tests.support.checkpoints import LARGE, TINY, make_checkpoint
from tests.support.server_process import running_server
from webui.engine.emotion2vec.convert import convert_checkpoint
from webui.units import SPEECH_RATE

NAME: Final = "emotion2vec_plus_large"
SIZES: Final = {"tiny": TINY, "large": LARGE}
SHORTEST_S: Final = 0.5
SAMPLES: Final = 20  # number of measurements of memory
COLUMNS: Final = (
    "model", "page opened, no model", "first result, 3 s", "after a quarter", "after all", "largest", "clips",
)  # fmt: skip


def main(arguments: list[str]) -> None:
    """Parses the command line and prints one row per precision."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steady_memory", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", choices=sorted(SIZES), default="large")
    parser.add_argument("--precisions", nargs="+", default=["int8", "fp32"])
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument(
        "--longest", type=float, default=30.0, help="longest clip in seconds; short clips are more frequent"
    )
    given = parser.parse_args(arguments)
    write_line(f"{machine()}\n")
    write_line(f"| {' | '.join(COLUMNS)} |")
    write_line(f"|{'---|' * len(COLUMNS)}")
    with tempfile.TemporaryDirectory() as folder:
        models_dir = Path(folder) / "models"
        published = make_checkpoint(models_dir / NAME, SIZES[given.sizes], training=False)
        convert_checkpoint(models_dir / NAME, published, models_dir / NAME)
        published.unlink()
        for precision in given.precisions:
            cells = measure(models_dir, Path(folder), precision, clips=given.clips, longest_s=given.longest)
            megabytes = " | ".join(f"{cell:.0f} MB" for cell in cells)
            write_line(
                f"| {given.sizes} {precision} | {megabytes} | {given.clips} of {SHORTEST_S:g} to {given.longest:g} s |"
            )


def measure(models_dir: Path, folder: Path, precision: str, *, clips: int, longest_s: float) -> tuple[float, ...]:
    """Returns the resident memory in MB: one value for each column except the first and the last."""
    generator = np.random.default_rng(3)
    lengths = SHORTEST_S * (longest_s / SHORTEST_S) ** generator.random(clips)
    settings = {"model": NAME, "precision": precision, "models_dir": models_dir, "auto_download": False}
    outputs_dir = folder / precision / "outputs"
    outputs_dir.parent.mkdir()
    with (
        running_server(outputs_dir, max_per_client=10_000, **settings) as started,
        httpx.Client(base_url=started.url, timeout=300) as client,
    ):
        client.get("/").raise_for_status()
        opened = memory_mb(started)
        _recognize(client, 3.0)
        first = memory_mb(started)
        measured = []
        for number, seconds in enumerate(lengths):
            _recognize(client, float(seconds))
            if (number + 1) % max(1, clips // SAMPLES) == 0:
                measured.append(memory_mb(started))
    quarter = measured[len(measured) // 4]
    return opened, first, quarter, statistics.median(measured[-3:]), max(measured)


def _recognize(client: httpx.Client, seconds: float) -> None:
    samples = np.random.default_rng(4).normal(scale=0.1, size=round(seconds * SPEECH_RATE))
    file = io.BytesIO()
    soundfile.write(file, samples, SPEECH_RATE, format="WAV")
    response = client.post("/api/v1/recognize", files={"audio": file.getvalue()})
    response.raise_for_status()
    assert response.json()["model"]["name"] == NAME
    client.delete(f"/api/v1/results/{response.json()['id']}")


if __name__ == "__main__":
    main(sys.argv[1:])
