"""Which build of PyTorch ``run.sh`` installs. CUDA and macOS are simulated; the tests check the calls of pip and uv."""

from pathlib import Path

import pytest

from tests.support.fresh_clone import Clone, make_clone

PIP = "-m pip install --disable-pip-version-check --no-input"
UV = "-m uv pip install --python ./.venv/bin/python"
GPU = {"nvidia-smi": "#!/bin/sh\necho 'GPU 0: NVIDIA H100 80GB HBM3'\n"}
NO_GPU = {"nvidia-smi": "#!/bin/sh\necho 'NVIDIA-SMI has failed' >&2\nexit 9\n"}

pytestmark = pytest.mark.skipif(
    Path("/dev/nvidia0").exists() or Path("/proc/driver/nvidia/gpus").exists(), reason="this machine has an NVIDIA GPU"
)


def in_two_steps(install: str) -> list[str]:
    """Returns the first step, torch without dependencies, and the last one, which adds the CUDA libraries."""
    return [install.replace("torch==", "--no-deps torch=="), install]


def torch_calls(clone: Clone, **environment: str) -> list[str]:
    done = clone.run(**environment)
    assert done.returncode == 0, done.stderr
    return [call for call in clone.calls() if "torch==" in call]


def test_the_cpu_build_without_a_gpu(tmp_path: Path) -> None:
    assert torch_calls(make_clone(tmp_path / "clone", programs=NO_GPU)) == [f"{PIP} --no-deps torch==2.13.0+cpu"]


def test_uv_installs_the_cpu_build_if_pip_cannot(tmp_path: Path) -> None:
    calls = torch_calls(make_clone(tmp_path / "clone"), FAIL="+cpu")
    assert calls == [f"{PIP} --no-deps torch==2.13.0+cpu", f"{UV} --torch-backend=cpu --no-deps torch==2.13.0"]


def test_cuda_is_never_installed_without_a_gpu(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone")
    done = clone.run(FAIL="+cpu --torch-backend=cpu")
    assert done.returncode == 1
    assert "Set-up did not finish" in done.stderr
    assert [call for call in clone.calls() if call.startswith(PIP)] == [f"{PIP} --no-deps torch==2.13.0+cpu"]


def test_the_build_for_the_driver_of_the_gpu(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone", programs=GPU)
    done = clone.run()
    assert done.returncode == 0, done.stderr
    first, last = in_two_steps(f"{UV} --torch-backend=auto torch==2.13.0")
    _venv, *calls, lock, completed, _app = clone.calls()
    assert (calls, completed) == ([first], last)
    assert "-r ./requirements.lock" in lock
    assert " torch=auto " in clone.made


def test_the_default_build_with_a_gpu_but_without_uv(tmp_path: Path) -> None:
    calls = torch_calls(make_clone(tmp_path / "clone", programs=GPU), FAIL="--torch-backend")
    first, last = (
        [uv, pip]
        for uv, pip in zip(
            in_two_steps(f"{UV} --torch-backend=auto torch==2.13.0"), in_two_steps(f"{PIP} torch==2.13.0"), strict=True
        )
    )
    assert calls == [*first, *last]


def test_the_plain_build_on_macos(tmp_path: Path) -> None:
    assert torch_calls(make_clone(tmp_path / "clone"), SYSTEM="Darwin") == in_two_steps(f"{PIP} torch==2.13.0")


@pytest.mark.parametrize(
    ("chosen", "calls"),
    [
        ("cpu", [f"{PIP} --no-deps torch==2.13.0+cpu"]),
        ("auto", in_two_steps(f"{UV} --torch-backend=auto torch==2.13.0")),
        ("cu126", in_two_steps(f"{UV} --torch-backend=cu126 torch==2.13.0")),
        ("plain", in_two_steps(f"{PIP} torch==2.13.0")),
    ],
)
def test_the_build_can_be_chosen_by_a_variable(tmp_path: Path, chosen: str, calls: list[str]) -> None:
    clone = make_clone(tmp_path / "clone", programs=GPU if chosen == "cpu" else NO_GPU)
    assert torch_calls(clone, SPEECH_EMOTION_TORCH=chosen) == calls
    assert torch_calls(clone) == []  # later runs keep the choice
    assert torch_calls(clone, SPEECH_EMOTION_TORCH=chosen) == []


def test_another_choice_replaces_the_venv(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone")
    torch_calls(clone)
    calls = torch_calls(clone, SPEECH_EMOTION_TORCH="cu130")
    assert calls == in_two_steps(f"{UV} --torch-backend=cu130 torch==2.13.0")


def test_an_interrupted_cuda_set_up_is_completed(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone")
    cuda = in_two_steps(f"{UV} --torch-backend=cu130 torch==2.13.0")
    assert clone.run(SPEECH_EMOTION_TORCH="cu130", FAIL="requirements.lock").returncode == 1
    assert [call for call in clone.calls() if "torch==" in call] == cuda[:1]
    assert torch_calls(clone) == cuda[1:]


def test_cuda_needs_more_disk_space(tmp_path: Path) -> None:
    small = {"df": "#!/bin/sh\necho 'disk 9 9 5120000 50% /'\n"}
    clone = make_clone(tmp_path / "clone", programs=GPU | small)
    assert "5000 MB are free" in clone.run().stderr
    assert torch_calls(clone, SPEECH_EMOTION_TORCH="cpu") == [f"{PIP} --no-deps torch==2.13.0+cpu"]


def test_uv_uses_the_mirror_of_pip(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone")
    clone.run(PIP_MIRROR="https://mirror.example/simple")
    assert clone.calls()[-2].endswith("constraints.txt index=https://mirror.example/simple")
