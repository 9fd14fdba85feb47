"""``bench --quick`` end to end: every section, real peers, a tiny model."""

import re
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from benchmarks.__main__ import SECTIONS, main
from benchmarks.contenders import contenders
from benchmarks.tables import Table, ratio, spread, write_sections
from webui.settings import PROJECT_DIR


def test_quick_run(tmp_path: Path) -> None:
    page = tmp_path / "BENCHMARKS.md"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--output", str(page)]
    ended = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    written = page.read_text("utf-8")
    for name in SECTIONS:
        assert f"## {name}\n" in written
    for contender in contenders():
        assert f"| {contender.name} | " in written
    assert "-core " in written
    assert "bash run.sh bench" in written
    memory = {name: int(peak) for name, _, peak in re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \|$", written, re.M)}
    assert memory["FunASR, ncpu = cores"] > 2 * memory["onnx int8"] > 100
    assert re.search(r"\| onnx int8 \| [\d.]+ \(.*\) \| [\d.]+ \| neither \|", written), "it imports torch or FunASR"
    (difference,) = re.findall(r"\| one padded batch \|.*\| ([\d.e-]+) \|", written)
    assert float(difference) <= 1e-5


def test_a_section_takes_the_place_of_its_old_self(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for name, cell in (("speed", "1"), ("memory", "2"), ("speed", "3")):
        write_sections(page, {name: [Table("A table", ("value",), ((cell,),))]}, "bench")
    cells = re.findall(r"^\| (\d) \|$", page.read_text("utf-8"), re.M)
    assert cells == ["3", "2"]


def test_numbers_of_a_cell() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2.00 (1.00-3.00)"
    assert ratio([2.0, 4.0, 6.0], [1.0, 1.0, 3.0]) == "2.00"
    assert spread([1.0, float("nan")]) == "no"


@pytest.mark.parametrize("arguments", [["nothing"], ["--rounds", "0"]])
def test_what_it_refuses(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "expected" in capsys.readouterr().err or arguments == ["nothing"]


def test_the_gpu_script_runs_on_the_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--device", "cpu", "--tiny", "--seconds", "0.5", "--batch", "2", "--rounds", "1"]) == 0
    said = capsys.readouterr().out
    assert said.count("| ok |") == 2 * len(gpu.LIMITS)
    assert re.search(r"\| fp32, 2 x 0.5 s \| [\d.]+ \| [\d,]+ \|", said)


def test_the_gpu_script_notices_a_wrong_number(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = gpu.precision_of
    network = gpu.draw_network(gpu.sizes(tiny=True))

    def slipping(name: str, place: torch.device) -> AbstractContextManager[object]:
        network.blocks[0].norm1.weight.data *= 1.01
        return plain(name, place)

    monkeypatch.setattr(gpu, "precision_of", slipping)
    monkeypatch.setattr(gpu, "CLIPS_S", (0.5,))
    with torch.inference_mode():
        (what, difference, limit), *_ = gpu.check(network, torch.device("cpu"))
    assert what == "fp32 alone"
    assert difference > limit


def test_running_out_of_memory_halves_the_batch() -> None:
    network = gpu.draw_network(gpu.sizes(tiny=True))
    clips = gpu.draw_clips([0.3, 0.5, 0.4])
    with torch.inference_mode():
        expected = gpu.score(network, clips, torch.device("cpu"))
        plain = network.forward
        seen = []

        def small(batch: torch.Tensor, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            seen.append(len(batch))
            if len(batch) > 1:
                raise torch.OutOfMemoryError
            return plain(batch, samples)

        network.forward = small  # type: ignore[method-assign]
        halved = gpu.score(network, clips, torch.device("cpu"))
    assert seen == [3, 1, 2, 1, 1]
    assert (halved - expected).abs().max().item() <= 1e-5
