"""Full disks and read-only folders: clear errors, and no incomplete files."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.run_folders import write_run
from webui.errors import OutputError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"tmpfs can't be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_disk_full(small_disk: Path) -> None:
    first = write_run(small_disk, seconds=1.0)
    with pytest.raises(OutputError, match=r"disk is full.*MB free") as caught:
        write_run(small_disk, seconds=60.0)
    assert caught.value.code == "storage.disk_full"
    assert list(small_disk.iterdir()) == [first]
    assert write_run(small_disk, seconds=1.0).name == "outputs_20240104_223000_2"  # the disk has space again


def test_a_file_size_limit_is_reported_as_a_full_disk(tmp_path: Path) -> None:
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from tests.support.run_folders import write_run\n"
        "from webui.errors import OutputError\n"
        "try:\n    write_run(Path(sys.argv[1]), 60.0)\n"
        "except OutputError as err:\n    print(err.code)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000
    root = ROOT
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "out")], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.strip() == "storage.disk_full"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write anywhere")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="can't be written to"):
            write_run(tmp_path / "outputs", seconds=0.1)
    finally:
        tmp_path.chmod(0o700)


def test_read_only_file_system(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(OutputError, match=r"can't be written to \(Read-only file system\)") as caught:
        write_run(small_disk, seconds=0.1)
    assert caught.value.code == "storage.not_writable"
