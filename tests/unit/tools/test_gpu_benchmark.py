"""``python -m benchmarks.gpu`` on the CPU with a tiny network, and with only PyTorch and numpy installed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import gpu_network
from benchmarks.gpu_engine import clips, load, make_folder
from benchmarks.gpu_files import decoders, run_through, write_files
from benchmarks.gpu_report import LAST, OPTIONAL, parse
from webui.engine.emotion2vec.prepack import prepack_for_gpu
from webui.engine.emotion2vec.runner import DeviceRunner
from webui.engine.protocol import Prediction, Window
from webui.settings import PROJECT_DIR

CPU = torch.device("cpu")
UNAVAILABLE = """import sys
class Unavailable:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"pydantic", "yaml", "safetensors", "soundfile", "soxr", "av", "funasr"}:
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Unavailable())
"""


def run(*arguments: str, path: Path | None = None) -> str:
    command = [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--tiny", "--rounds", "1", *arguments]
    environment = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    ended = subprocess.run(
        command, cwd=PROJECT_DIR, capture_output=True, text=True, timeout=900, check=False, env=environment
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    return ended.stdout


def test_every_part_runs_on_the_cpu(tmp_path: Path) -> None:
    page, kernels = tmp_path / "page.md", tmp_path / "kernels.txt"
    output = run("--out", str(page), "--profile", str(kernels), "--processes", "2")
    written = page.read_text("utf-8")
    assert "WRONG" not in output + written
    assert ": failed" not in written
    assert written.count("| ok |") == 6 + 12
    assert "memory: skipped, there is no GPU" in written
    assert re.search(r"\| bf16, 2 x 0.5 s \| [\d.]+ \| [\d,]+ \|", written)
    assert re.search(r"\| bf16, 4 clips at once \| [\d.]+ \| [\d.]+ \|", written), "FunASR did not run"
    assert re.search(r"\| m4a \| [\d,]+ \| [\d,]+ \| [\d,]+ \| [\d,]+ \| (decoding|the model) \|", written)
    assert written.startswith("# Benchmarks")
    assert "## gpu\n" in written
    assert "no GPU used" in written
    assert "linear" in kernels.read_text("utf-8")


def test_pytorch_and_numpy_are_enough_for_the_network(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(UNAVAILABLE)
    output = run(path=tmp_path)
    assert output.count("| ok |") == 6
    assert "| fp32, 1 x 0.5 s |" in output
    for part in OPTIONAL:
        assert f"{part}: skipped, " in output
    assert "No module named 'pydantic'" in output


def test_an_unknown_part(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["nothing"])
    assert f"there are: network, passes, stages, {', '.join(OPTIONAL)}, {LAST[0]}" in capsys.readouterr().err


def test_a_wrong_number_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    network = gpu_network.draw_network(gpu_network.sizes(tiny=True))
    copy, made = gpu_network.copy_to, []

    def copy_with_error(*arguments: object) -> object:
        made.append(copy(*arguments))  # type: ignore[arg-type]
        if len(made) > len(gpu_network.CLIPS_S):  # the first copies give the expected numbers
            made[-1].encoder.blocks[0].norm1.weight.data *= 1.01
        return made[-1]

    monkeypatch.setattr(gpu_network, "copy_to", copy_with_error)
    table, right = gpu_network.correctness(network, CPU)
    assert not right
    assert table.rows[0][0] == "fp32, single clips"
    assert table.rows[0][3] == "WRONG"


def test_the_gpu_s_layout_gives_the_same_numbers() -> None:
    network = gpu_network.draw_network(gpu_network.sizes(tiny=True))
    some = gpu_network.draw_clips((0.7, 0.025, 1.3))
    plain = DeviceRunner(gpu_network.copy_to(network, CPU, torch.float32), CPU)
    prepacked = DeviceRunner(gpu_network.copy_to(network, CPU, torch.float32), CPU)
    prepacked.network = gpu_network.copy_to(network, CPU, torch.float32)
    prepack_for_gpu(prepacked.network)
    difference = np.abs(gpu_network.score(plain, some) - gpu_network.score(prepacked, some)).max()
    assert 0 <= difference <= 1e-6


def test_the_order_of_files_is_kept(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "files").mkdir()
    make_folder(tmp_path / "model", tiny=True)
    model = load(tmp_path / "model", CPU, "fp32")
    paths = write_files(tmp_path / "files", seconds=0.4, different=3)["flac"]
    received: list[Window] = []

    class RecordingModel:
        def predict(self, windows: list[Window]) -> list[Prediction]:
            received.extend(Window(window.samples.copy(), window.mean, window.variance) for window in windows)
            return model.predict(windows)

    with decoders(2, seconds=0.4) as resources:
        finished, took = run_through(paths * 67, *resources, RecordingModel())  # type: ignore[arg-type]
    assert finished == 201
    assert took > 0
    for first in range(3):
        same = received[first::3]
        assert all(np.array_equal(window.samples, same[0].samples) for window in same)
    assert not np.array_equal(received[0].samples, received[1].samples)


def test_clips_have_the_requested_lengths() -> None:
    assert [len(window.samples) for window in clips([0.5, 0.025])] == [8000, 400]
