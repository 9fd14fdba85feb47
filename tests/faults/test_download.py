"""Downloads with the hubs' real clients from hubs on loopback that disconnect, send wrong bytes, refuse or stall."""

import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.checkpoints import TINY, make_checkpoint
from tests.support.hub import Hub, serve
from tests.support.paths import PATIENT_APP
from tests.support.waiting import wait_until
from webui.engine.emotion2vec.family import EMOTION2VEC
from webui.engine.hub import hubs
from webui.engine.hub.client_process import NO_SESSION
from webui.engine.hub.download import DownloadProgress
from webui.engine.hub.download import download_weights as download_card
from webui.engine.registry import ModelRegistry
from webui.errors import DownloadCancelledError, DownloadError, ModelNotFoundError, OutputError
from webui.settings import Settings

LARGE = "emotion2vec_plus_large"
VARIABLES = {"modelscope": "MODELSCOPE_ENDPOINT", "huggingface": "HF_ENDPOINT"}
BOTH = pytest.mark.parametrize("client", VARIABLES)
PATIENCE_S = 180.0


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    make_checkpoint(folder, TINY, clips=9, seconds=0.5)
    return folder


@pytest.fixture(scope="module")
def large(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same files with 110 MB of noise as weights: Hugging Face's client cannot resume a file below 10 MB."""
    folder = tmp_path_factory.mktemp("large")
    for file in published.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "model.pt").write_bytes(np.random.default_rng(3).bytes(110_000_000))
    return folder


@pytest.fixture(autouse=True)
def no_hubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub is reachable unless a test sets one, and clients retry without long pauses."""
    for variable in VARIABLES.values():
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setenv("MODELSCOPE_DOWNLOAD_RETRY_MAX_DELAY_SECONDS", "1")
    monkeypatch.setenv("MODELSCOPE_API_MAX_RETRIES", "1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture
def hub(published: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setitem(hubs.reachable_hubs.__kwdefaults__, "timeout_s", PATIENCE_S)  # type: ignore[arg-type]
    with serve(Hub(published)) as hub:
        yield hub


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / LARGE


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(Settings(models_dir=tmp_path / "models"))


def download_weights(name: str, target: Path, *, cancelled: Callable[[], bool] = lambda: False) -> None:
    card = EMOTION2VEC.card(name)
    assert card is not None
    download_card(card, EMOTION2VEC.files, target, cancelled=cancelled)


def same_bytes(target: Path, published: Path) -> bool:
    return all((target / file.name).read_bytes() == file.read_bytes() for file in published.iterdir())


@BOTH
def test_a_model_is_downloaded(
    client: str, hub: Hub, target: Path, published: Path, registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLES[client], hub.endpoint)
    seen: list[DownloadProgress] = []
    found = registry.download(LARGE, on_progress=seen.append)
    assert found.weights == target / "model.pt"
    assert same_bytes(target, published)
    total = sum(file.stat().st_size for file in published.iterdir())
    assert seen[-1] == DownloadProgress(seen[0].hub, total, total)
    assert seen[0].hub == client
    assert {path.name for path in target.iterdir() if not path.name.startswith(".")} == {
        file.name for file in published.iterdir()
    }


@BOTH
def test_a_classifier_of_transformers_is_downloaded(
    client: str, tmp_path: Path, registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "config.json").write_text('{"model_type": "wav2vec2"}', "utf-8")
    (files / "preprocessor_config.json").write_text("{}", "utf-8")
    (files / "notes.bin").write_bytes(b"not needed")
    with serve(Hub(files)) as hub:
        monkeypatch.setenv(VARIABLES[client], hub.endpoint)
        with pytest.raises(DownloadError, match=r"the repository has no model\.safetensors"):
            registry.download("hubert_large_superb")
        (files / "pytorch_model.bin").write_bytes(b"weights")
        found = registry.download("hubert_large_superb")
    assert {path.name for path in found.directory.iterdir() if not path.name.startswith(".")} == {
        "config.json", "preprocessor_config.json", "pytorch_model.bin"
    }  # fmt: skip


def test_modelscopes_client_sends_no_machine_id(
    hub: Hub, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    download_weights(LARGE, target)
    sessions = {found[1] for agent in hub.agents if (found := re.search(r"session_id/(\w+)", agent))}
    assert sessions == {NO_SESSION}
    assert not (tmp_path / "home" / ".modelscope").exists()


def test_modelscope_is_preferred(hub: Hub, published: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Hub(published)) as second:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_ENDPOINT", second.endpoint)
        download_weights(LARGE, target)
        assert hub.requests_for("model.pt") == 1
        assert second.served_bytes == 0


def test_existing_weights_are_not_downloaded(
    hub: Hub, published: Path, target: Path, registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
    target.mkdir(parents=True)
    for file in published.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    assert registry.download(LARGE).directory == target
    assert hub.requests == []


@BOTH
def test_downloads_resume_after_ten_broken_connections(
    client: str, large: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(Hub(large, cuts=10, cut_after=10_600_000)) as hub:
        monkeypatch.setenv(VARIABLES[client], hub.endpoint)
        download_weights(LARGE, target)
        assert hub.cuts <= 0
        assert same_bytes(target, large)
        assert hub.served_bytes < 1.2 * sum(file.stat().st_size for file in large.iterdir())  # it resumed


@BOTH
def test_wrong_bytes_are_refused(
    client: str, hub: Hub, target: Path, registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLES[client], hub.endpoint)
    hub.wrong_bytes = True
    with pytest.raises(DownloadError) as caught:
        registry.download(LARGE)
    assert caught.value.code == "download.failed"
    assert not (target / "model.pt").exists()
    assert registry.find(LARGE) is None


def test_if_one_hub_fails_the_other_is_used(
    hub: Hub, published: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(Hub(published, wrong_bytes=True)) as wrong:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", wrong.endpoint)
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        download_weights(LARGE, target)
    assert same_bytes(target, published)
    assert not list(target.glob("*.incomplete"))


@BOTH
@pytest.mark.parametrize("status", [404, 500])
def test_an_error_of_a_hub_has_its_status(
    client: str, status: int, hub: Hub, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLES[client], hub.endpoint)
    hub.status = status
    with pytest.raises(DownloadError, match="could not be downloaded") as caught:
        download_weights(LARGE, target)
    assert str(status) in str(caught.value)
    assert hub.served_bytes == 0


def test_without_a_reachable_hub_the_download_fails_soon(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections and never responds
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(DownloadError, match="neither ModelScope nor Hugging Face") as caught:
            download_weights(LARGE, target)
        assert time.monotonic() - started < 60  # 3 s on an idle machine
    assert caught.value.code == "download.unreachable"


@BOTH
def test_a_cancelled_download_is_resumed(
    client: str, large: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(Hub(large, pause_s=0.001)) as hub:
        monkeypatch.setenv(VARIABLES[client], hub.endpoint)
        with pytest.raises(DownloadCancelledError, match="the next attempt resumes from it"):
            download_weights(LARGE, target, cancelled=lambda: hub.served_bytes > 40_000_000)
        assert not (target / "model.pt").exists()
        wait_until(lambda: is_idle(hub), PATIENCE_S)
        hub.pause_s, before = 0.0, hub.served_bytes
        download_weights(LARGE, target)
        assert same_bytes(target, large)
        assert hub.served_bytes - before < 90_000_000


@BOTH
def test_too_little_disk_space_is_detected_before_downloading(
    client: str, hub: Hub, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLES[client], hub.endpoint)
    hub.claimed_bytes = 10**15
    with pytest.raises(OutputError, match="MB are free") as caught:
        download_weights(LARGE, target)
    assert caught.value.code == "download.no_space"
    assert hub.requests_for("model.pt") == 0


def download_with_little_room(target: Path, results: "multiprocessing.Queue[str]") -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))  # like a full disk: writing fails
    try:
        download_weights(LARGE, target)
    except OutputError as err:
        results.put(err.code)
    except Exception as err:  # noqa: BLE001 - passed to the other process
        results.put(repr(err))


@BOTH
def test_a_disk_that_becomes_full(client: str, hub: Hub, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES[client], hub.endpoint)
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[str] = context.Queue()
    process = context.Process(target=download_with_little_room, args=(target, results))
    process.start()
    assert results.get(timeout=PATIENCE_S) == "download.not_written"
    process.join(PATIENCE_S)
    assert not (target / "model.pt").exists()


def test_two_processes_download_once(hub: Hub, target: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("SPEECH_EMOTION_MODELS_DIR", str(target.parent))
    hub.pause_s = 0.005
    command = [sys.executable, str(PATIENT_APP), "download", LARGE]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(2)]
    outputs = [process.communicate(timeout=PATIENCE_S)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs == [b"", b""]  # output of the clients is kept away from stdout
    assert hub.requests_for("model.pt") == 1
    assert same_bytes(target, published)


def test_the_client_does_not_outlive_the_program(hub: Hub, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("SPEECH_EMOTION_MODELS_DIR", str(target.parent))
    hub.pause_s = 0.05
    program = subprocess.Popen([sys.executable, str(PATIENT_APP), "download", LARGE], stderr=subprocess.DEVNULL)
    wait_until(lambda: hub.served_bytes > 100_000, PATIENCE_S)
    os.kill(program.pid, signal.SIGKILL)
    program.wait(PATIENCE_S)
    wait_until(lambda: is_idle(hub), PATIENCE_S)
    assert hub.served_bytes < 2_000_000


@pytest.mark.long  # in small size: test_the_client_does_not_outlive_the_program
@BOTH
def test_forty_kills_of_a_download(client: str, large: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL at random places: the next start resumes, and no incomplete file ever has the name of the weights."""
    monkeypatch.setenv("SPEECH_EMOTION_MODELS_DIR", str(target.parent))
    command = [sys.executable, str(PATIENT_APP), "download", LARGE]
    rng = random.Random(1)
    weights = target / "model.pt"
    with serve(Hub(large, pause_s=0.002)) as hub:
        monkeypatch.setenv(VARIABLES[client], hub.endpoint)
        for _ in range(40):
            goal = hub.served_bytes + rng.randrange(30_000_000)
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                wait_until(lambda goal=goal, process=process: hub.served_bytes > goal or process.poll() is not None)
                process.kill()
            wait_until(lambda: is_idle(hub), PATIENCE_S)
            if weights.exists():
                assert weights.read_bytes() == (large / "model.pt").read_bytes()
                shutil.rmtree(target)
        hub.pause_s = 0.0
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert same_bytes(target, large)
    assert not list(target.glob("*.incomplete"))


def test_an_unknown_model_is_refused(registry: ModelRegistry) -> None:
    with pytest.raises(ModelNotFoundError, match="emotion2vec_plus_large"):
        registry.download("whisper")


def is_idle(hub: Hub) -> bool:
    """Returns whether the hub sends nothing for half a second."""
    before = hub.served_bytes
    time.sleep(0.5)
    return hub.served_bytes == before
