"""Dockerfile and .dockerignore against the program: the tree that the image would hold is made, and started."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.browser.server_process import ROOT, free_port
from webui.settings import ENV_PREFIX, Settings

FORBIDDEN = ("tests", "training", "outputs", ".git", ".venv", "docs", "benchmarks")


@dataclass
class Image:
    """What the instructions say."""

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
            case "" | "#" | "WORKDIR":
                pass
            case _:
                pytest.fail(f"instruction not known to this test: {line}")
    return found


def ignored(path: Path) -> bool:
    """Whether .dockerignore keeps a file of the project out: the last rule that fits decides."""
    verdict = False
    relative = path.relative_to(ROOT).as_posix()
    names = [relative, *(parent.as_posix() for parent in Path(relative).parents)][:-1]
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        rule = line.removeprefix("!")
        short = rule.removeprefix("**/")
        fits = any(fnmatch.fnmatch(name, rule) or (rule != short and Path(name).name == short) for name in names)
        if fits:
            verdict = not line.startswith("!")
    return verdict


@pytest.fixture(scope="module")
def tree(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder /app of the image."""
    folder = tmp_path_factory.mktemp("image") / "app"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    context = [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file() and not ignored(ROOT / line)]
    for *sources, target in image.copies:
        for source in sources:
            taken = [path for path in context if path == ROOT / source or path.is_relative_to(ROOT / source)]
            assert taken, f"COPY {source}: nothing of it is in the build's context"
            for path in taken:
                inner = path.name if path == ROOT / source else path.relative_to(ROOT / source)
                place = folder / target / inner
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
    return folder


def test_the_settings_exist_and_the_volumes_are_theirs(image: Image) -> None:
    given = {name.removeprefix(ENV_PREFIX).lower(): value for name, value in image.environment.items()}
    settings = {name: value for name, value in given.items() if f"{ENV_PREFIX}{name.upper()}" in image.environment}
    parsed = Settings(**settings)  # type: ignore[arg-type]
    assert (parsed.host, str(parsed.port)) == ("0.0.0.0", image.port)
    assert image.volumes == [str(parsed.models_dir), str(parsed.outputs_dir)]
    made = " ".join(image.runs)
    assert all(volume in made for volume in image.volumes)


def test_it_runs_as_nobody_special_on_the_python_of_the_project(image: Image) -> None:
    assert image.user not in ("", "root", "0")
    assert f"--uid 1000 {image.user}" in " ".join(image.runs)
    found = re.fullmatch(r"python:3\.(\d+)-slim-bookworm", image.base)
    assert found is not None
    assert f">=3.{found[1]}" in (ROOT / "pyproject.toml").read_text("utf-8")


def test_torch_comes_as_run_sh_brings_it(image: Image) -> None:
    assert image.arguments == {"TORCH": "cpu"}
    (line,) = [run for run in image.runs if "requirements.txt" in run]
    uv = re.search(r'UV="(uv[^"]+)"', (ROOT / "run.sh").read_text("utf-8"))
    assert uv is not None
    assert f'"{uv[1]}"' in line
    assert '--torch-backend="${TORCH}"' in line


def test_nothing_else_is_in_it(tree: Path) -> None:
    names = {path.relative_to(tree).parts[0] for path in tree.rglob("*") if path.is_file()}
    assert names.isdisjoint(FORBIDDEN)
    assert {path.name for path in (tree / "models").iterdir()} == {"README.md", "builtin"}
    assert sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()) < 15_000_000


def test_what_is_in_it_starts_answers_and_is_healthy(image: Image, tree: Path, tmp_path: Path) -> None:
    port = free_port()
    changed = {
        f"{ENV_PREFIX}PORT": str(port),
        f"{ENV_PREFIX}MODELS_DIR": str(tmp_path / "models"),
        f"{ENV_PREFIX}OUTPUTS_DIR": str(tmp_path / "outputs"),
        f"{ENV_PREFIX}HOST": "127.0.0.1",
        f"{ENV_PREFIX}AUTO_DOWNLOAD": "false",
    }
    assert image.command[0] == image.health[0] == "python"
    health = [sys.executable, *(part.replace(image.port, str(port)) for part in image.health[1:])]
    around = {**os.environ, **image.environment, **changed}
    assert subprocess.run(health, env=around, capture_output=True, check=False).returncode != 0
    program = subprocess.Popen([sys.executable, *image.command[1:]], cwd=tree, env=around, stdout=subprocess.PIPE)
    try:
        assert program.stdout is not None
        assert b"Running on local URL" in program.stdout.readline()
        assert subprocess.run(health, env=around, check=False).returncode == 0
        example = tree / "examples" / "example_synthetic.wav"
        answer = httpx.post(
            f"http://127.0.0.1:{port}/api/v1/recognize", files={"audio": example.read_bytes()}, timeout=60
        )
        assert answer.json()["model"]["name"] == "builtin"
        assert len(list((tmp_path / "outputs").glob("outputs_*"))) == 1
    finally:
        program.send_signal(signal.SIGTERM)
        started = time.monotonic()
        assert program.wait(30) == 0
        assert time.monotonic() - started < 10  # what `docker stop` waits
