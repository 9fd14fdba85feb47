"""Which build of PyTorch ``run.sh`` takes. CUDA and macOS are stand-ins here: it is the calls that are tested."""

from pathlib import Path

import pytest

from tests.support.fresh_clone import Clone, make_clone

PIP = "-m pip install --disable-pip-version-check --no-input"
UV = "-m uv pip install --python ./.venv/bin/python"
GPU = {"nvidia-smi": "#!/bin/sh\necho 'GPU 0: NVIDIA H100 80GB HBM3'\n"}
NO_GPU = {"nvidia-smi": "#!/bin/sh\necho 'NVIDIA-SMI has failed' >&2\nexit 9\n"}

pytestmark = pytest.mark.skipif(
    Path("/dev/nvidia0").exists() or Path("/proc/driver/nvidia/gpus").exists(), reason="a graphics card is in the way"
)


def in_two_steps(install: str) -> list[str]:
    """torch alone at first, what its build needs besides the lock at last."""
    return [install.replace("torch==", "--no-deps torch=="), install]


def torch_calls(clone: Clone, **environment: str) -> list[str]:
    done = clone.run(**environment)
    assert done.returncode == 0, done.stderr
    return [call for call in clone.calls() if "torch==" in call]


def test_without_a_card_the_cpu_build(tmp_path: Path) -> None:
    assert torch_calls(make_clone(tmp_path / "clone", programs=NO_GPU)) == [f"{PIP} --no-deps torch==2.13.0+cpu"]


def test_uv_knows_the_cpu_build_where_pip_does_not(tmp_path: Path) -> None:
    calls = torch_calls(make_clone(tmp_path / "clone"), FAIL="+cpu")
    assert calls == [f"{PIP} --no-deps torch==2.13.0+cpu", f"{UV} --torch-backend=cpu --no-deps torch==2.13.0"]


def test_never_cuda_without_a_card(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone")
    done = clone.run(FAIL="+cpu --torch-backend=cpu")
    assert done.returncode == 1
    assert "Set-up did not finish" in done.stderr
    assert [call for call in clone.calls() if call.startswith(PIP)] == [f"{PIP} --no-deps torch==2.13.0+cpu"]


def test_with_a_card_what_its_driver_takes(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone", programs=GPU)
    done = clone.run()
    assert done.returncode == 0, done.stderr
    first, last = in_two_steps(f"{UV} --torch-backend=auto torch==2.13.0")
    _venv, *calls, lock, completed, _app = clone.calls()
    assert (calls, completed) == ([first], last)
    assert "-r ./requirements.lock" in lock
    assert " torch=auto " in clone.made


def test_with_a_card_but_without_uv_the_default_build(tmp_path: Path) -> None:
    calls = torch_calls(make_clone(tmp_path / "clone", programs=GPU), FAIL="--torch-backend")
    alone, completed = (
        [uv, pip]
        for uv, pip in zip(
            in_two_steps(f"{UV} --torch-backend=auto torch==2.13.0"), in_two_steps(f"{PIP} torch==2.13.0"), strict=True
        )
    )
    assert calls == [*alone, *completed]


def test_on_macos_the_plain_wheel(tmp_path: Path) -> None:
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
def test_one_variable_decides(tmp_path: Path, chosen: str, calls: list[str]) -> None:
    clone = make_clone(tmp_path / "clone", programs=GPU if chosen == "cpu" else NO_GPU)
    assert torch_calls(clone, SPEECH_EMOTION_TORCH=chosen) == calls
    assert torch_calls(clone) == []  # what was chosen stays chosen
    assert torch_calls(clone, SPEECH_EMOTION_TORCH=chosen) == []


def test_another_choice_remakes_the_venv(tmp_path: Path) -> None:
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


def test_cuda_needs_more_room(tmp_path: Path) -> None:
    small = {"df": "#!/bin/sh\necho 'disk 9 9 5120000 50% /'\n"}
    clone = make_clone(tmp_path / "clone", programs=GPU | small)
    assert "5000 MB are free" in clone.run().stderr
    assert torch_calls(clone, SPEECH_EMOTION_TORCH="cpu") == [f"{PIP} --no-deps torch==2.13.0+cpu"]


def test_the_mirror_of_pip_is_the_mirror_of_uv(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone")
    clone.run(PIP_MIRROR="https://mirror.example/simple")
    assert clone.calls()[-2].endswith("constraints.txt index=https://mirror.example/simple")
