"""Long recordings: memory stays bounded, and a full disk is an error that leaves no files."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.audio_files import voice
from tests.support.paths import ROOT
from tests.support.proofs import sizes
from webui import storage

RATE = 16_000

PROGRAM = """
import resource, sys
from pathlib import Path
import numpy as np
from tests.support.fake_model import FakeModel, FakeRegistry
from webui.engine.protocol import Prediction
from webui.errors import OutputError
from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions, ignore_progress
from webui.settings import Settings

class Wide(FakeModel):
    embedding_dim = 1024
    def predict(self, windows, *, with_features=False):
        (plain,) = super().predict(windows, with_features=True)
        return [Prediction(plain.logits, np.tile(plain.features, (1, 256)) if with_features else None)]

def recognize(path, outputs, progress=ignore_progress):
    settings = Settings(outputs_dir=Path(outputs))
    service = RecognitionService(settings, FakeRegistry(settings, Wide()))
    options = RecognizeOptions(granularity=Granularity.FRAME, extract_embedding=True)
    return service.recognize(Path(path), options, progress=progress)

def peak_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""


def run(program: str, *arguments: object) -> str:
    command = [sys.executable, "-c", PROGRAM + program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


def write_minutes(path: Path, minutes: int) -> Path:
    minute = voice(60.0)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16", format=path.suffix[1:].upper()) as file:
        for number in range(minutes):
            file.write(minute * np.float32(0.5 + 0.02 * (number % 20)))
    return path


@sizes("minutes", small=20, full=300)
def test_memory_does_not_grow_with_the_recording(tmp_path: Path, minutes: int) -> None:
    """For twenty minutes, the samples would take 77 MB and the features 246 MB."""
    grown_mb = run(
        "recognize(sys.argv[1], sys.argv[3])\n"
        "before = peak_kb()\n"
        "result = recognize(sys.argv[2], sys.argv[3]).result\n"
        "assert result.embedding.shape == (int(sys.argv[4]) * 3_000 - 1, 1024), result.embedding.shape\n"
        "print((peak_kb() - before) // 1024)",
        write_minutes(tmp_path / "one.wav", 1),
        write_minutes(tmp_path / "long.flac", minutes),
        tmp_path / "outputs",
        minutes,
    )
    assert int(grown_mb) < 40


@pytest.mark.parametrize(("limit_mb", "reached"), [(5, 0.0), (20, 0.3)], ids=["spool", "embedding"])
def test_a_disk_that_becomes_full_leaves_nothing(tmp_path: Path, limit_mb: int, reached: float) -> None:
    """Four minutes need a spool of 15 MB, a WAV of 8 MB and features of 49 MB; the limit is for each file."""
    output = run(
        "limit = int(sys.argv[3]) * 1_000_000\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "seen = []\n"
        "try:\n    recognize(sys.argv[1], sys.argv[2], lambda fraction, _stage: seen.append(fraction))\n"
        "except OutputError as error:\n    print(error.code, seen[-1])",
        write_minutes(tmp_path / "four.flac", 4),
        tmp_path / "outputs",
        limit_mb,
    )
    code, last = output.split()
    assert code == "storage.disk_full"
    assert reached <= float(last) < reached + 0.3
    assert list((tmp_path / "outputs").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="needs locks on folders")
def test_drafts_of_killed_runs_are_removed_and_active_ones_kept(tmp_path: Path) -> None:
    path, outputs = write_minutes(tmp_path / "four.flac", 4), tmp_path / "outputs"
    kill = "import os\nrecognize(sys.argv[1], sys.argv[2], lambda done, _stage: done > 0.5 and os.kill(os.getpid(), 9))"
    done = subprocess.run([sys.executable, "-c", PROGRAM + kill, path, outputs], cwd=ROOT, check=False)
    assert done.returncode == -9
    (left,) = outputs.iterdir()
    assert sorted(file.name for file in left.iterdir()) == ["embedding.npy", "processed_audio.wav"]
    with storage.open_draft(outputs, started=datetime.now().astimezone()) as active:
        assert left.is_dir()  # recent drafts are kept: their locks may not be taken yet
        for draft in (left, active.path):
            os.utime(draft, (0, 0))
        run("recognize(sys.argv[1], sys.argv[2])", write_minutes(tmp_path / "one.wav", 1), outputs)
        assert active.path.is_dir()
        assert not left.exists()
    assert [folder.name[:8] for folder in outputs.iterdir()] == ["outputs_"]
