"""``run.sh`` and its locks: what is installed from a mirror, by uv and by pip, and how a lock is renewed."""

import functools
import hashlib
import http.server
import io
import os
import shutil
import subprocess
import sysconfig
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.fresh_clone import Clone, make_clone, make_real_clone

UV = Path(sysconfig.get_path("scripts")) / "uv"
COMPILE = (
    "-m uv pip compile {} --universal --python-version 3.11 --python ./.venv/bin/python "
    "--fork-strategy fewest --generate-hashes --no-header --output-file ./.setup/draft.lock"
)
WITH_CUDA = """\
filelock==4.3.1 \\\\
    --hash=sha256:01
    # via torch
nvidia-cublas==13.1 ; sys_platform == 'linux' \\\\
    --hash=sha256:02 \\\\
    --hash=sha256:03
    # via torch
cuda-bindings==13.1 \\\\
    --hash=sha256:04
torch==2.13.0 \\\\
    --hash=sha256:05
    # via -r requirements.txt
torch-complex==0.4.4 \\\\
    --hash=sha256:06
triton==3.7.0 \\\\
    --hash=sha256:07
"""


@dataclass(frozen=True)
class Index:
    """A package index on loopback. Like some mirrors, it serves files without their hashes."""

    folder: Path
    url: str

    def add_wheel(self, name: str, version: str, *, needs: str = "", program: str = "") -> str:
        """Adds a package with one module, and returns the SHA-256 of its wheel."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as wheel:
            for path, text in wheel_files(name, version, f"VERSION = {version!r}\n{program}", needs).items():
                wheel.writestr(path, text)
        return self._publish(name, f"{name}-{version}-py3-none-any.whl", content.getvalue())

    def add_source(self, name: str, version: str) -> str:
        """Adds a package that setuptools has to build, and returns the SHA-256 of its archive."""
        content = io.BytesIO()
        files = {
            "pyproject.toml": '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools"\n',
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        }
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            for path, text in files.items():
                entry = tarfile.TarInfo(f"{name}-{version}/{path}")
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
        return self._publish(name, f"{name}-{version}.tar.gz", content.getvalue())

    def _publish(self, name: str, file: str, content: bytes) -> str:
        (self.folder / "simple" / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "simple" / name / file).write_bytes(content)
        return hashlib.sha256(content).hexdigest()


def wheel_files(name: str, version: str, module: str, needs: str = "") -> dict[str, str]:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    return {
        f"{name}.py": module,
        f"{info}/METADATA": metadata + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }


BACKEND = """
import pathlib, zipfile

def build_wheel(folder, settings=None, metadata=None):
    with zipfile.ZipFile(pathlib.Path(folder) / "built-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in FILES.items():
            wheel.writestr(path, text)
    return "built-1.0-py3-none-any.whl"
"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[Index]:
    (folder / "simple").mkdir(parents=True)
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Index(folder, f"http://127.0.0.1:{server.server_port}/simple/")
        server.shutdown()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with serving(tmp_path_factory.mktemp("index")) as index:
        yield index


@pytest.fixture(scope="module", params=["uv", "pip"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, index: Index) -> Clone:
    """A clone that installs from the index, with uv or, without it, with pip."""
    return real_clone(tmp_path_factory.mktemp(request.param), index, with_uv=request.param == "uv")


def real_clone(tmp_path: Path, index: Index, *, with_uv: bool) -> Clone:
    clone = make_real_clone(tmp_path / "a clone 语音")
    environment = {key: value for key, value in clone.environment.items() if key not in ("PIP_NO_INDEX", "UV_OFFLINE")}
    environment |= {"PIP_INDEX_URL": index.url, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
    environment |= {"UV_CACHE_DIR": str(tmp_path / "uv-cache"), "UV_NO_CONFIG": "1"}
    # Two versions of a module installed within one second can have equal times and sizes: Python would load the old
    # one from its cache.
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    if with_uv:
        if not UV.exists():
            pytest.skip("uv is not installed next to this Python")
        package = Path(sysconfig.get_path("purelib")) / "uv"
        shutil.copytree(package, tmp_path / "uv" / "uv")
        (tmp_path / "uv" / "bin").mkdir()
        (tmp_path / "uv" / "bin" / "uv").symlink_to(UV)
        environment["PYTHONPATH"] = str(tmp_path / "uv")
    return Clone(clone.folder, environment)


def install(clone: Clone, *locked: str, program: str = "") -> subprocess.CompletedProcess[str]:
    """Sets up and starts a clone with these locked packages and this program."""
    (clone.folder / "requirements.lock").write_text("\n".join([*locked, ""]))
    (clone.folder / "app.py").write_text(program)
    return clone.run()


def test_exactly_the_locked_files_are_installed_from_a_mirror(real: Clone, index: Index) -> None:
    old, _newer = index.add_wheel("tiny", "1.0", needs="not_locked"), index.add_wheel("tiny", "1.1")
    locked = f"tiny==1.0 --hash=sha256:{'0' * 64} --hash=sha256:{old}"
    done = install(real, locked, program="import tiny; print(tiny.VERSION)")
    assert done.stdout == "1.0\n", done.stderr
    assert ("Successfully installed tiny-1.0" in done.stderr) == (
        "PYTHONPATH" not in real.environment
    )  # a message of pip


@pytest.mark.parametrize("hashes", [f" --hash=sha256:{'0' * 64}", ""], ids=["another file", "no hash"])
def test_a_file_without_the_locked_hash_is_refused(real: Clone, index: Index, hashes: str) -> None:
    index.add_wheel("forged", "1.0")
    refused = install(real, f"forged==1.0{hashes}")
    assert refused.returncode == 1
    assert "hash" in refused.stderr.lower()
    assert list((real.folder / ".venv").rglob("forged.py")) == []


def test_packages_are_built_with_the_locked_setuptools(real: Clone, index: Index) -> None:
    hashes = {}
    for version in ("1.0", "2.0"):  # stand-ins that write their version into the packages they build
        files = wheel_files("built", "1.0", f"BUILDER = {version!r}\n")
        hashes[version] = index.add_wheel("setuptools", version, program=f"FILES = {files!r}\n{BACKEND}")
    built = index.add_source("built", "1.0")
    locked = [f"built==1.0 --hash=sha256:{built}", f"setuptools==1.0 \\\n    --hash=sha256:{hashes['1.0']}"]
    done = install(real, *locked, program="import built; print(built.BUILDER)")
    assert done.stdout == "1.0\n", done.stderr


@dataclass(frozen=True)
class Renewing:
    """A clone with version ranges, and the index that they are resolved with."""

    clone: Clone
    index: Index


@pytest.fixture
def renewing(tmp_path: Path) -> Iterator[Renewing]:
    with serving(tmp_path / "index") as index:
        clone = real_clone(tmp_path, index, with_uv=True)
        index.add_wheel("tiny", "1.0", needs="below")
        index.add_wheel("below", "1.0")
        index.add_wheel("checker", "1.0", needs="below<2")
        (clone.folder / "requirements.txt").write_text("tiny>=1,<2\n")
        (clone.folder / "requirements-dev.txt").write_text("-r requirements.txt\nchecker\n")
        yield Renewing(clone, index)


def versions(clone: Clone, name: str) -> list[str]:
    lines = (clone.folder / name).read_text().splitlines()
    return [line.removesuffix(" \\") for line in lines if line and not line.startswith(" ")]


def test_a_lock_keeps_its_versions_unless_an_upgrade_is_requested(renewing: Renewing) -> None:
    clone, index = renewing.clone, renewing.index

    def renew(*options: str) -> list[str]:
        done = clone.run("lock", *options)
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        return versions(clone, "requirements.lock")

    assert renew() == ["below==1.0", "tiny==1.0"]
    assert versions(clone, "requirements-dev.lock") == ["below==1.0", "checker==1.0", "tiny==1.0"]
    assert index.url not in (clone.folder / "requirements.lock").read_text()
    newest = index.add_wheel("tiny", "1.5", needs="below")
    for name, version in [("below", "2.0"), ("tiny", "2.0"), ("added", "1.0")]:
        index.add_wheel(name, version)
    assert renew() == ["below==1.0", "tiny==1.0"]  # a newer release changes nothing
    (clone.folder / "requirements.txt").write_text("added\ntiny>=1,<2\n")
    assert renew() == ["added==1.0", "below==1.0", "tiny==1.0"]
    assert renew("--upgrade") == [
        "added==1.0",
        "below==1.0",
        "tiny==1.5",
    ]  # the tests need below<2, so it is 1.0 for all
    assert newest in (clone.folder / "requirements.lock").read_text()
    (clone.folder / "app.py").write_text("import added, below, tiny; print(below.VERSION, tiny.VERSION)")
    assert clone.run().stdout == "1.0 1.5\n"

    (clone.folder / "requirements.txt").write_text("below>=2\ntiny>=1,<2\n")  # contradicts requirements-dev.txt
    failed = clone.run("lock")
    assert failed.returncode == 1
    assert failed.stderr.endswith("Error: The locks were not renewed; see the error above.\n")
    assert versions(clone, "requirements.lock") == ["added==1.0", "below==1.0", "tiny==1.5"]


def test_the_newest_versions_are_tested_without_changing_the_lock(renewing: Renewing) -> None:
    clone, index = renewing.clone, renewing.index
    assert clone.run("lock").returncode == 0
    locked = (clone.folder / "requirements-dev.lock").read_text()
    (clone.folder / "tests").mkdir()
    (clone.folder / "tests" / "run_suites.py").write_text("import sys, tiny; print(tiny.VERSION, *sys.argv[1:])")
    index.add_wheel("tiny", "1.5", needs="below")
    assert clone.run("test", "unit").stdout == "1.0 unit\n"
    assert clone.run("test", "--newest", "unit", "--", "-k", "a b").stdout == "1.5 unit -- -k a b\n"
    index.add_wheel("tiny", "1.6", needs="below")
    assert clone.run("test", "--newest").stdout == "1.6\n"  # newer versions are looked up in every run
    assert clone.run("test", "unit").stdout == "1.0 unit\n"
    assert (clone.folder / "requirements-dev.lock").read_text() == locked


def test_torch_and_its_cuda_libraries_are_not_in_a_lock(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone")
    clone.run("test")
    clone.calls()
    done = clone.run("lock", "--upgrade", RESOLVED=WITH_CUDA)
    assert done.returncode == 0, done.stderr
    assert clone.calls() == [COMPILE.format("requirements-dev.txt") + " --upgrade", COMPILE.format("requirements.txt")]
    assert versions(clone, "requirements.lock") == ["filelock==4.3.1", "torch-complex==0.4.4"]
    assert "# via torch\n" in (clone.folder / "requirements.lock").read_text()


def test_the_lock_command_creates_a_missing_venv(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone")
    assert clone.run("lock", RESOLVED=WITH_CUDA).returncode == 0
    assert [call.split(" --")[0] for call in clone.calls()] == [
        "-m venv ./.venv",
        "-m pip install",
        "-m uv pip install",
        "-m uv pip compile requirements-dev.txt",
        "-m uv pip compile requirements.txt",
    ]
