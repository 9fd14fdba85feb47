"""``run.sh``: what it installs, when, and how it starts the program."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.cli_process import EXAMPLE
from tests.support.fresh_clone import LOCK, ROOT, Clone, make_clone, make_real_clone
from tests.support.server_process import free_port

FRESH = [
    "-m venv ./.venv",
    "-m pip install --disable-pip-version-check --no-input --no-deps torch==2.13.0+cpu",
    "-m uv pip install --python ./.venv/bin/python --no-deps --require-hashes -r ./requirements.lock "
    "--build-constraints ./.setup/constraints.txt",
]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return make_clone(tmp_path / "a clone 语音")


@pytest.fixture
def real(tmp_path: Path) -> Clone:
    return make_real_clone(tmp_path / "a clone 语音")


def test_first_start_sets_up_and_second_does_not(clone: Clone) -> None:
    done = clone.run()
    assert done.returncode == 0, done.stderr
    assert clone.calls() == [*FRESH, "app.py"]
    assert (clone.folder / ".setup" / "constraints.txt").read_text() == "setuptools==84.2.1\n"
    assert done.stdout == f"{clone.folder} serves\n"  # set-up prints to stderr
    assert "[3/3] Installing requirements.lock" in done.stderr

    again = clone.run("recognize", "a b.wav", "--json")
    assert clone.calls() == ["app.py recognize a b.wav --json"]
    assert again.stderr == ""


def test_second_start_adds_fractions_of_a_second(clone: Clone) -> None:
    clone.run()
    started = time.monotonic()
    for _ in range(5):
        clone.run()
    assert (time.monotonic() - started) / 5 < 0.5


def test_set_up_leaves_stdin_to_the_command(clone: Clone) -> None:
    assert clone.run("recognize", "-", given="bytes of a recording", READ_STDIN="1").stdout.startswith(
        "bytes of a recording"
    )


def test_run_through_symbolic_links(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    first = tmp_path / "bin" / "hop"
    first.symlink_to(f"../{clone.folder.name}/run.sh")
    second = tmp_path / "emotion"
    second.symlink_to(first)
    assert clone.run("models", script=second).returncode == 0
    assert clone.calls() == [*FRESH, "app.py models"]


def test_a_copy_with_its_venv_needs_no_network(clone: Clone) -> None:
    clone.run()
    clone.calls()
    carried = shutil.copytree(clone.folder, clone.folder.with_name("carried"), symlinks=True)
    shutil.rmtree(clone.folder)  # as on another machine: the same path and Python, without a network
    carried.rename(clone.folder)
    assert clone.run("models", FAIL="install").stderr == ""
    assert clone.calls() == ["app.py models"]


def test_after_a_change_of_the_lock_only_the_lock_is_installed(clone: Clone) -> None:
    clone.run()
    clone.calls()
    (clone.folder / "requirements.lock").write_text(LOCK.replace("2.4.6", "2.4.7"))
    clone.run()
    assert clone.calls() == [FRESH[2], "app.py"]
    clone.run()
    assert clone.calls() == ["app.py"]


def test_a_change_of_the_ranges_installs_nothing(clone: Clone) -> None:
    clone.run()
    clone.calls()
    (clone.folder / "requirements.txt").write_text("torch==2.13.0\nnumpy>=2\n")
    clone.run()
    assert clone.calls() == ["app.py"]


def test_another_version_of_torch_is_installed(clone: Clone) -> None:
    clone.run()
    clone.calls()
    (clone.folder / "requirements.txt").write_text("torch==2.14.0\nnumpy\n")
    clone.run()
    assert clone.calls() == [FRESH[1].replace("2.13.0", "2.14.0"), FRESH[2], "app.py"]


def test_the_tests_use_their_own_lock(clone: Clone) -> None:
    clone.run()
    clone.calls()
    clone.run("test", "unit", "--", "-k", "a b")
    assert clone.calls() == [
        FRESH[2].replace("requirements.lock", "requirements-dev.lock"),
        "-m tests.run_suites unit -- -k a b",
    ]
    clone.run()
    assert clone.calls() == ["app.py"]


def test_training_is_a_separate_module(clone: Clone) -> None:
    clone.run()
    clone.calls()
    clone.run("train", "--data", "my voices")
    assert clone.calls() == ["-m training --data my voices"]


def test_the_venv_is_replaced_for_another_version_of_python(clone: Clone) -> None:
    clone.run()
    clone.calls()
    clone.run(VERSION="3.13")
    assert clone.calls() == [*FRESH, "app.py"]


@pytest.mark.parametrize("damage", ["moved", "broken", "half-made"])
def test_an_unusable_venv_is_replaced(clone: Clone, damage: str) -> None:
    clone.run()
    clone.calls()
    venv = clone.folder / ".venv"
    if damage == "moved":
        (venv / "made").write_text(clone.made.replace(str(clone.folder), "/elsewhere"))
    elif damage == "broken":
        (venv / "bin" / "python").unlink()
    else:
        (venv / "made").write_text("unfinished")
        (venv / "leftover").touch()
    assert clone.run().returncode == 0
    assert clone.calls() == [*FRESH, "app.py"]
    assert not (venv / "leftover").exists()


def test_a_usable_venv_made_by_the_user_is_kept(clone: Clone) -> None:
    clone.run()
    clone.calls()
    (clone.folder / ".venv" / "made").unlink()
    (clone.folder / ".venv" / "theirs").touch()
    clone.run()
    assert clone.calls() == [FRESH[2], "app.py"]
    assert (clone.folder / ".venv" / "theirs").exists()


def test_a_failed_installation_is_resumed(clone: Clone) -> None:
    failed = clone.run(FAIL="requirements.lock")
    assert failed.returncode == 1
    assert "Check the network" in failed.stderr
    assert clone.calls()[-1] == (  # pip is tried after uv has failed
        "-m pip install --disable-pip-version-check --no-input --no-deps --require-hashes -r ./requirements.lock"
    )
    assert clone.run().returncode == 0
    assert clone.calls() == [FRESH[2], "app.py"]  # torch is installed already


def test_a_failed_update_leaves_the_venv_usable(clone: Clone) -> None:
    clone.run()
    (clone.folder / "requirements.lock").write_text(LOCK.replace("2.4.6", "2.4.7"))
    assert clone.run(FAIL="requirements.lock").returncode == 1
    (clone.folder / "requirements.lock").write_text(LOCK)
    clone.calls()
    assert clone.run().returncode == 0
    assert clone.calls() == ["app.py"]


def test_two_simultaneous_runs_set_up_once(clone: Clone) -> None:
    first = clone.start("models", SLOW="2")
    second = clone.start("doctor", SLOW="2")
    errors = [process.communicate(timeout=60)[1] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), errors
    calls = clone.calls()
    assert calls[:3] == FRESH
    assert sorted(calls[3:]) == ["app.py doctor", "app.py models"]
    assert sum("Another run.sh is installing" in error for error in errors) == 1


def test_ctrl_c_during_set_up(clone: Clone) -> None:
    process = clone.start(SLOW="30")
    deadline = time.monotonic() + 30
    while "requirements.lock" not in _read(Path(clone.environment["CALLS"])):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "serves" not in out
    assert clone.made == "unfinished"
    clone.calls()
    assert clone.run().returncode == 0
    assert clone.calls() == [*FRESH, "app.py"]


def test_without_a_suitable_python_the_error_names_packages(clone: Clone) -> None:
    bare = clone.folder.parent / "bare"  # a system whose only Python is too old
    bare.mkdir()
    for name in ("bash", "dirname", "cat", "cmp", "mkdir", "rm", "df", "awk", "sed", "basename", "uname"):
        (bare / name).symlink_to(f"/usr/bin/{name}")
    old = clone.folder.parent / "tools" / "python3.12"
    (bare / "python3").write_text(old.read_text())
    (bare / "python3").chmod(0o755)
    english = clone.run(PATH=str(bare), VERSION="3.9")
    assert english.returncode == 1
    assert "Python 3.11 or newer is needed; found: python3=3.9." in english.stderr
    assert "apt install python3.11" in english.stderr
    chinese = clone.run(PATH=str(bare), VERSION="3.9", LANG="zh_CN.UTF-8")
    assert "需要 Python 3.11 或更高版本，找到的是： python3=3.9" in chinese.stderr
    without_venv = clone.run(PATH=str(bare), NO_VENV="1")
    assert "lacks the venv module" in without_venv.stderr
    assert "python3.12-venv" in without_venv.stderr
    assert clone.calls() == []
    assert not (clone.folder / ".venv").exists()


def test_too_little_disk_space_is_reported_before_set_up(tmp_path: Path) -> None:
    header = "Filesystem 1024-blocks Used Available Capacity Mounted on"
    small = f"#!/bin/sh\necho '{header}'\necho 'map auto home 99 9 1536000 84% /'\n"
    clone = make_clone(tmp_path / "clone", programs={"df": small})
    done = clone.run()
    assert done.returncode == 1
    found = f"Not enough disk space: 1500 MB are free on the disk of {clone.folder}, set-up needs about 2500 MB."
    assert found in done.stderr
    assert clone.calls() == []


def test_a_disk_that_fills_up_is_reported(tmp_path: Path) -> None:
    full = '#!/bin/sh\n[ -d "$CLONE/.venv" ] && free=100 || free=9000000\necho "disk 9 9 $free 84% /"\n'
    clone = make_clone(tmp_path / "clone", programs={"df": full})
    done = clone.run(FAIL="requirements.lock")
    assert done.returncode == 1
    assert "The disk is full (0 MB free)" in done.stderr
    assert not any("pip install" in call and "requirements" in call and "uv" not in call for call in clone.calls())
    assert clone.made == "unfinished"  # packages may be incomplete


def test_a_real_virtual_environment(real: Clone) -> None:
    first = real.run("a b", "c")
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"{real.folder}/.venv|a b|c\n"
    assert real.run().stderr == ""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert real.made == f"python={version} torch=cpu at={real.folder}/.venv"
    moved = real.folder.with_name("moved")
    real.folder.rename(moved)
    again = Clone(moved, real.environment).run()
    assert again.returncode == 0, again.stderr
    assert again.stdout == f"{moved}/.venv\n"
    assert "[1/3] Creating .venv" in again.stderr


def test_an_active_venv_is_not_replaced_with_its_own_python(real: Clone) -> None:
    assert real.run().returncode == 0
    (real.folder / ".venv" / "made").write_text("unfinished")
    active = f"{real.folder}/.venv/bin:{real.environment['PATH']}"
    done = real.run(PATH=active, VIRTUAL_ENV=f"{real.folder}/.venv")
    assert done.returncode == 0, done.stderr


def test_a_read_only_folder(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    clone = make_clone(tmp_path / "clone")
    mount = subprocess.run(["mount", "--bind", clone.folder, clone.folder], capture_output=True, check=False)
    if mount.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", clone.folder], check=True)
        done = clone.run()
        assert done.returncode == 1
        assert done.stderr == (
            f"Error: {clone.folder} can't be written to. "
            "Change its permissions, or copy the project to a folder of your own.\n"
        )
    finally:
        subprocess.run(["umount", clone.folder], check=True)


def test_a_real_checkout(tmp_path: Path) -> None:
    """Needs a checkout that was set up by run.sh, as in CI."""
    made = ROOT / ".venv" / "made"
    if not made.exists() or f"at={ROOT}" not in made.read_text():
        pytest.skip("this checkout was not set up by run.sh")
    port = free_port()
    environment = {**os.environ, "SPEECH_EMOTION_OUTPUTS_DIR": str(tmp_path / "outputs"), "LC_ALL": "C.UTF-8"}
    run = ["bash", str(ROOT / "run.sh")]
    done = subprocess.run([*run, "recognize", EXAMPLE, "--json"], capture_output=True, env=environment, check=True)
    assert json.loads(done.stdout)["model"]["name"] == "builtin"
    server = subprocess.Popen(
        [*run, "serve", "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert server.stdout is not None
    assert server.stdout.readline() == f"Running on local URL: http://localhost:{port}\n"
    server.send_signal(signal.SIGINT)  # run.sh has replaced itself by the server with `exec`
    assert server.wait(30) == 0
    server.stdout.close()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
