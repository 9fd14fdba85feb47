"""Files have the mode that the umask gives, whatever library writes them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from webui.files import portable_name, replace_file


@pytest.fixture(params=[0o022, 0o002, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_replaced_file_has_the_mode_of_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "model.safetensors"
    for _ in range(2):
        replace_file(path, lambda draft: save_file({"x": np.zeros(3, np.float32)}, draft))
        assert mode_of(path) == 0o666 & ~umask
    private = tmp_path / "private"
    private.touch(0o600)
    replace_file(tmp_path / "moved", private.rename)
    assert mode_of(tmp_path / "moved") == 0o666 & ~umask
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.safetensors", "moved"]


def test_a_failed_replacement_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", "utf-8")

    def fail(_draft: Path) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        replace_file(path, fail)
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text("utf-8") == "old"


@pytest.mark.parametrize(
    ("name", "portable"),
    [
        ("三班 小明", "三班 小明"),
        ('a/b\\c:d*e?f"g<h>i|j', "a_b_c_d_e_f_g_h_i_j"),
        (" ..", "_"),
        ("dots. . ", "dots"),
        ("x\ny", "x_ny"),
        ("长" * 100, "长" * 60),
    ],
)
def test_a_name_becomes_part_of_a_file_name(name: str, portable: str) -> None:
    assert portable_name(name) == portable
