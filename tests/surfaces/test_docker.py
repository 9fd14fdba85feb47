"""Dockerfile and .dockerignore: the tests copy the files of the image into a read-only folder and start the program.

The program runs as the user of the image (if the tests run as root and that user can read this Python), with no
environment variables except PATH and those of the image, and with a proxy that does not respond,
because Docker's client passes the proxy of its configuration on to containers.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.support.server_process import ROOT, free_port
from webui.settings import ENV_PREFIX, Settings

DEAD_PROXY: Final = "http://127.0.0.1:9"
FORBIDDEN: Final = ("tests", "training", "outputs", ".git", ".venv", "benchmarks")


@dataclass
class Image:
    """The instructions of the Dockerfile, parsed."""

    base: str = ""
    copies: list[list[str]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    user: str = ""
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    port: str = ""


@pytest.fixture(scope="module")
def image() -> Image:
    found = Image()
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        match word:
            case "FROM":
                found.base = rest
            case "COPY":
                found.copies.append(shlex.split(rest))
            case "ENV" | "ARG":
                values = dict(part.split("=", 1) for part in shlex.split(rest))
                (found.environment if word == "ENV" else found.arguments).update(values)
            case "RUN":
                found.runs.append(rest)
            case "VOLUME":
                found.volumes = json.loads(rest)
            case "USER":
                found.user = rest
            case "CMD":
                found.command = json.loads(rest)
            case "HEALTHCHECK":
                found.health = json.loads(rest[rest.index("CMD ") + 4 :])
            case "EXPOSE":
                found.port = rest
            case "" | "#" | "WORKDIR" | "LABEL":
                pass
            case _:
                pytest.fail(f"instruction not known to this test: {line}")
    return found


def ignored(path: Path) -> bool:
    """Returns whether .dockerignore excludes a file of the project: the last matching rule decides."""
    excluded = False
    relative = path.relative_to(ROOT).as_posix()
    names = [relative, *(parent.as_posix() for parent in Path(relative).parents)][:-1]
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        rule = line.removeprefix("!")
        short = rule.removeprefix("**/")
        matches = any(fnmatch.fnmatch(name, rule) or (rule != short and Path(name).name == short) for name in names)
        if matches:
            excluded = not line.startswith("!")
    return excluded


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that other users can enter, unlike pytest's temporary folders."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def tree(image: Image, place: Path) -> Path:
    """The folder /app of the image, which only root can write to."""
    folder = place / "app"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    context = [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file() and not ignored(ROOT / line)]
    for *sources, target in image.copies:
        for source in sources:
            taken = [path for path in context if path == ROOT / source or path.is_relative_to(ROOT / source)]
            assert taken, f"COPY {source}: the build context has no such file"
            for path in taken:
                inner = path.name if path == ROOT / source else path.relative_to(ROOT / source)
                copy = folder / target / inner
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o555)
    return folder


@pytest.fixture
def user(image: Image, tree: Path, place: Path) -> dict[str, Any]:
    """Arguments for subprocess to run as the image's user; empty if that is not possible here."""
    home = place / "home"
    home.mkdir()
    if os.geteuid() != 0:
        return {}
    number = int(image.user)
    os.chown(home, number, number)
    other: dict[str, Any] = {"user": number, "group": number, "extra_groups": ()}
    try:
        probe = [sys.executable, "-B", "-c", "import torch, webui"]
        return other if subprocess.run(probe, cwd=tree, check=False, **other).returncode == 0 else {}
    except PermissionError:
        return {}


def test_the_settings_exist_and_name_the_volumes(image: Image) -> None:
    given = {name.removeprefix(ENV_PREFIX).lower(): value for name, value in image.environment.items()}
    settings = {name: value for name, value in given.items() if f"{ENV_PREFIX}{name.upper()}" in image.environment}
    parsed = Settings(**settings)  # type: ignore[arg-type]
    assert (parsed.host, str(parsed.port)) == ("0.0.0.0", image.port)
    assert image.volumes == [str(parsed.models_dir), str(parsed.outputs_dir)]
    made = " ".join(image.runs)
    assert all(volume in made for volume in image.volumes)


def test_the_user_is_not_root_and_the_python_is_supported(image: Image) -> None:
    assert int(image.user) > 0  # a number: a cluster can't check that a name is not root
    assert f"--uid {image.user} speech" in " ".join(image.runs)
    assert "chown -R speech:speech /data" in " ".join(image.runs)
    found = re.fullmatch(r"python:3\.(\d+)-slim-bookworm", image.base)
    assert found is not None
    assert f">=3.{found[1]}" in (ROOT / "pyproject.toml").read_text("utf-8")


RECORDER = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
for word; do case $word in *.lock | *.txt) [ -r "$word" ] || exit 3 ;; esac; done
case " $* " in *" $FAIL "*) exit 1 ;; esac
"""


def build(image: Image, tree: Path, place: Path, **arguments: str) -> tuple[int, list[str]]:
    """Runs the instruction that installs packages, with stand-ins for pip and uv.

    Returns:
        Its exit code, and the calls of the stand-ins.
    """
    calls = place / "calls"
    calls.unlink(missing_ok=True)
    (place / "bin").mkdir(exist_ok=True)
    for name in ("pip", "uv"):
        (place / "bin" / name).write_text(RECORDER)
        (place / "bin" / name).chmod(0o755)
    (line,) = [run for run in image.runs if "requirements.lock" in run]
    environment = {"PATH": f"{place / 'bin'}:/usr/bin:/bin", "CALLS": str(calls), "FAIL": "nothing"}
    environment |= image.arguments | arguments
    code = subprocess.run(["/bin/sh", "-c", line], cwd=tree, env=environment, check=False).returncode
    return code, calls.read_text("utf-8").splitlines()


@pytest.mark.parametrize("torch", ["cpu", "cu130"])
def test_packages_are_installed_as_by_run_sh(image: Image, tree: Path, place: Path, torch: str) -> None:
    assert image.arguments == {"TORCH": "cpu", "PIP_INDEX_URL": "https://pypi.org/simple"}
    mirror = "https://mirror.example/simple"  # pip reads PIP_INDEX_URL by itself, uv doesn't
    code, calls = build(image, tree, place, TORCH=torch, PIP_INDEX_URL=mirror)
    uv = re.search(r'UV="(uv[^"]+)"', (ROOT / "run.sh").read_text("utf-8"))
    wanted = re.search(r"^torch==[0-9.]+$", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    assert uv is not None
    assert wanted is not None
    install = f"uv pip install --system --no-cache --compile-bytecode --default-index {mirror}"
    assert calls == [
        f"pip install {uv[1]}",
        f"{install} --torch-backend={torch} --no-deps {wanted[0]}",
        f"{install} --no-deps --require-hashes -r requirements.lock --build-constraints requirements.lock",
        f"{install} --torch-backend={torch} {wanted[0]}",
    ]
    assert code == 0


@pytest.mark.parametrize("failing", ["install", "--torch-backend=cpu", "--require-hashes"])
def test_the_build_fails_if_an_installation_fails(image: Image, tree: Path, place: Path, failing: str) -> None:
    code, calls = build(image, tree, place, FAIL=failing)
    assert code != 0
    assert failing in calls[-1].split()


def test_uv_supports_the_documented_builds_of_torch() -> None:
    usage = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--help"], capture_output=True, text=True, check=False
    )
    if usage.returncode != 0:
        pytest.skip("uv is not installed next to this Python")
    known = re.search(r"--torch-backend <TORCH_BACKEND>.*?possible\s+values:\s+([^\]]*)", usage.stdout, re.DOTALL)
    assert known is not None
    named = {"cpu", "auto"}
    for file in ("Dockerfile", "docs/DEPLOY.md", "docs/zh/DEPLOY.md", "docs/SETTINGS.md", "run.sh"):
        named |= set(re.findall(r"\bcu1\d\d\b", (ROOT / file).read_text("utf-8")))
    assert named >= {"cu126", "cu130"}
    assert named <= set(re.split(r"[,\s]+", known[1]))


def test_the_image_contains_only_what_the_program_needs(tree: Path) -> None:
    names = {path.relative_to(tree).parts[0] for path in tree.rglob("*") if path.is_file()}
    assert names.isdisjoint(FORBIDDEN)
    assert {path.name for path in (tree / "docs").iterdir()} >= {"SETTINGS.md", "FAQ.md", "zh"}  # `--help` names them
    assert not (tree / "docs" / "images").exists()
    assert {path.name for path in (tree / "models").iterdir()} == {"README.md", "builtin"}
    assert sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()) < 15_000_000


def test_the_program_in_the_image_starts_and_recognizes(
    image: Image, tree: Path, place: Path, user: dict[str, Any]
) -> None:
    home, port, before = place / "home", free_port(), sorted(tree.rglob("*"))
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home)} | image.environment
    environment |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), DEAD_PROXY)
    environment |= {
        f"{ENV_PREFIX}PORT": str(port),
        f"{ENV_PREFIX}MODELS_DIR": str(home / "models"),
        f"{ENV_PREFIX}OUTPUTS_DIR": str(home / "outputs"),
        f"{ENV_PREFIX}HOST": "127.0.0.1",
        f"{ENV_PREFIX}AUTO_DOWNLOAD": "false",
    }
    assert image.command[0] == image.health[0] == "python"
    health = [sys.executable, *image.health[1:]]
    assert subprocess.run(health, env=environment, capture_output=True, check=False, **user).returncode != 0
    command = [sys.executable, *image.command[1:]]
    program = subprocess.Popen(command, cwd=tree, env=environment, stdout=subprocess.PIPE, **user)
    try:
        assert program.stdout is not None
        assert b"Running on local URL" in program.stdout.readline()
        assert subprocess.run(health, env=environment, check=False, **user).returncode == 0
        example = (tree / "examples" / "example_synthetic.wav").read_bytes()
        with httpx.Client(trust_env=False, timeout=60) as client:
            answer = client.post(f"http://127.0.0.1:{port}/api/v1/recognize", files={"audio": example})
        assert answer.json()["model"]["name"] == "builtin"
        (run,) = (home / "outputs").glob("outputs_*")
        assert run.stat().st_uid == user.get("user", os.geteuid())
    finally:
        program.send_signal(signal.SIGTERM)
        started = time.monotonic()
        assert program.wait(30) == 0
        assert time.monotonic() - started < 10  # the time that `docker stop` waits
    assert sorted(tree.rglob("*")) == before  # the image's user can't write there, but root can
