"""``bench --quick`` end to end: every section, with the real contenders and a tiny model."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import SECTIONS, main
from benchmarks.contenders import contenders
from benchmarks.tables import Table, ratio, spread, write_sections
from webui.settings import PROJECT_DIR


def test_quick_run(tmp_path: Path) -> None:
    page = tmp_path / "BENCHMARKS.md"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--output", str(page)]
    ended = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, timeout=900, check=False)
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
    assert re.search(r"\| onnx int8 \| [\d.]+ \(.*\) \| [\d.]+ \| neither \|", written), (
        "onnx int8 imports torch or FunASR"
    )
    (difference,) = re.findall(r"\| one padded batch \|.*\| ([\d.e-]+) \|", written)
    assert float(difference) <= 1e-5


def test_a_section_replaces_its_earlier_version(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for name, cell in (("speed", "1"), ("memory", "2"), ("speed", "3")):
        write_sections(page, {name: [Table("A table", ("value",), ((cell,),))]}, "bench")
    cells = re.findall(r"^\| (\d) \|$", page.read_text("utf-8"), re.M)
    assert cells == ["3", "2"]


def test_numbers_in_a_cell() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2.00 (1.00-3.00)"
    assert ratio([2.0, 4.0, 6.0], [1.0, 1.0, 3.0]) == "2.00"
    assert spread([1.0, float("nan")]) == "no"


@pytest.mark.parametrize("arguments", [["nothing"], ["--rounds", "0"], ["attack", "nothing"]])
def test_invalid_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "expected" in capsys.readouterr().err or arguments[-1] == "nothing"
