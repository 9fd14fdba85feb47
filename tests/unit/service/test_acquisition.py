"""Background download of the large model from a hub on loopback: the model in use meanwhile, cancel, retry."""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.support.checkpoints import TINY, make_checkpoint
from tests.support.hub import Hub, serve
from tests.support.paths import EXAMPLE
from tests.support.waiting import wait_until
from webui.api.jobs import JobsApi
from webui.api.routes import Api
from webui.engine.hub import hubs
from webui.errors import ModelNotFoundError, ModelNotReadyError, SpeechEmotionError
from webui.files import default_mode
from webui.http.problems import answer_error
from webui.service import RecognitionService, RecognizeOptions
from webui.service.models.acquisition import AcquisitionState
from webui.settings import Device, Settings

LARGE = "emotion2vec_plus_large"
PATIENCE_S = 180.0


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    make_checkpoint(folder, TINY, clips=9, seconds=0.5)
    return folder


@pytest.fixture
def hub(published: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setitem(hubs.reachable_hubs.__kwdefaults__, "timeout_s", PATIENCE_S)  # type: ignore[arg-type]
    with serve(Hub(published)) as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
        yield hub


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        models_dir=tmp_path / "models", outputs_dir=tmp_path / "outputs", device=Device.CPU, auto_download=True
    )


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return Path(shutil.copy(EXAMPLE, tmp_path / "clip.wav"))  # speech, so that there is no warning about it


def test_the_builtin_model_is_used_during_the_download(hub: Hub, settings: Settings, clip: Path) -> None:
    hub.pause_s = 0.02
    service = RecognitionService(settings)
    pool = service.models
    acquisition = pool.prepare()
    wait_until(lambda: hub.served_bytes > 100_000, PATIENCE_S)
    meanwhile = service.recognize(clip).result
    assert meanwhile.model.name == "builtin"
    assert [warning.code for warning in meanwhile.warnings] == ["request.builtin_answered", "acquisition.downloading"]
    with pytest.raises(ModelNotReadyError, match="Downloading emotion2vec_plus_large from ModelScope"):
        service.recognize(clip, RecognizeOptions(model=LARGE))
    status = pool.status()
    assert status.active is not None
    assert (status.active.name, status.can_cancel, status.can_retry) == ("builtin", True, False)
    assert status.acquisition is not None
    assert (status.acquisition.hub, status.acquisition.state) == ("ModelScope", AcquisitionState.DOWNLOADING)
    hub.pause_s = 0.0
    acquisition.wait(PATIENCE_S)
    assert acquisition.status.state is AcquisitionState.READY
    assert service.recognize(clip).result.model.name == LARGE
    assert pool.status().active == pool.status().active
    folder = settings.models_dir / LARGE
    for name in ("config.yaml", "model.pt", "model.safetensors"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == default_mode(folder), name
    assert (pool.status().can_cancel, pool.status().can_retry) == (False, False)


def test_a_download_stops_if_the_weights_are_copied_meanwhile(
    hub: Hub, settings: Settings, clip: Path, published: Path
) -> None:
    hub.pause_s = 0.5
    service = RecognitionService(settings)
    acquisition = service.models.prepare()
    folder = settings.models_dir / LARGE
    wait_until(lambda: all((folder / name).is_file() for name in ("config.yaml", "tokens.txt")), PATIENCE_S)
    wait_until(lambda: hub.requests_for("model.pt") > 0, PATIENCE_S)
    shutil.copyfile(published / "model.pt", folder / ".copy").rename(folder / "model.pt")
    acquisition.wait(PATIENCE_S)
    assert acquisition.status.state is AcquisitionState.READY
    assert hub.served_bytes < (published / "model.pt").stat().st_size
    assert service.recognize(clip).result.model.name == LARGE


def test_a_cancelled_download_can_be_resumed(hub: Hub, settings: Settings, clip: Path) -> None:
    hub.pause_s = 0.02
    service = RecognitionService(settings)
    pool = service.models
    acquisition = pool.prepare()
    wait_until(lambda: hub.served_bytes > 100_000, PATIENCE_S)
    pool.cancel()
    acquisition.wait(PATIENCE_S)
    assert acquisition.status.state is AcquisitionState.CANCELLED
    result = service.recognize(clip).result
    assert (result.model.name, result.warnings[1].code) == ("builtin", "download.cancelled")
    assert (pool.status().can_cancel, pool.status().can_retry) == (False, True)
    hub.pause_s = 0.0
    pool.retry()
    assert pool.acquisition is not None
    pool.acquisition.wait(PATIENCE_S)
    assert pool.acquisition.status.state is AcquisitionState.READY
    assert service.recognize(clip).result.model.name == LARGE


def test_without_a_hub_a_warning_has_the_reason(
    settings: Settings, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("MODELSCOPE_ENDPOINT", "HF_ENDPOINT"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    service = RecognitionService(settings)
    service.models.prepare().wait(PATIENCE_S)
    result = service.recognize(clip).result
    assert (result.model.name, result.warnings[1].code) == ("builtin", "download.unreachable")
    assert service.models.status().can_retry
    with pytest.raises(ModelNotFoundError, match="never replaced by another one"):
        service.recognize(clip, RecognizeOptions(model=LARGE))


def test_automatic_downloads_can_be_disabled(hub: Hub, settings: Settings, clip: Path) -> None:
    service = RecognitionService(settings.model_copy(update={"auto_download": False}))
    service.models.prepare().wait(PATIENCE_S)
    assert hub.requests == []
    status = service.models.status()
    assert (status.acquisition, status.can_retry) == (None, True)
    service.models.retry()
    assert service.models.acquisition is not None
    service.models.acquisition.wait(PATIENCE_S)
    assert service.recognize(clip).result.model.name == LARGE


def test_a_named_model_is_not_replaced_during_the_download(hub: Hub, settings: Settings, clip: Path) -> None:
    hub.pause_s = 0.02
    service = RecognitionService(settings.model_copy(update={"model": LARGE}))
    acquisition = service.models.prepare()
    wait_until(lambda: hub.served_bytes > 100_000, PATIENCE_S)
    assert service.models.status().active is None
    with pytest.raises(ModelNotReadyError):
        service.recognize(clip)
    hub.pause_s = 0.0
    acquisition.wait(PATIENCE_S)
    assert service.recognize(clip).result.model.name == LARGE


def test_only_a_model_that_is_being_downloaded_is_worth_a_retry(hub: Hub, settings: Settings, clip: Path) -> None:
    hub.pause_s = 0.02
    service = RecognitionService(settings)
    jobs = JobsApi(service)
    app = FastAPI()
    app.include_router(jobs.router)
    app.include_router(Api(service).router)
    app.add_exception_handler(SpeechEmotionError, answer_error)
    jobs.start()
    acquisition = service.models.prepare()
    wait_until(lambda: hub.served_bytes > 100_000, PATIENCE_S)
    files = {"audio": ("clip.wav", clip.read_bytes())}
    with TestClient(app) as client:

        def send(route: str, model: str) -> tuple[int, str | None, bool]:
            answer = client.post(f"/api/v1/{route}", files=files, data={"model": model})
            return answer.status_code, answer.json().get("code"), "retry-after" in answer.headers

        assert send("recognize", LARGE) == (503, "acquisition.downloading", True)
        assert send("jobs", LARGE) == (202, None, False), "the job waits for the download"
        service.models.cancel()
        acquisition.wait(PATIENCE_S)
        for route in ("recognize", "jobs"):
            assert send(route, LARGE) == (409, "request.weights_absent", False)
            assert send(route, "whisper") == (422, "request.unknown_model", False)
        assert client.get("/api/v1/jobs").json()["total"] == 1
    jobs.stop()
