"""Which model is used: the large one if its weights exist, otherwise the built-in one with a reason; or a named one."""

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support.checkpoints import TINY, make_checkpoint
from tests.support.fake_model import FakeModel, FakeRegistry
from tests.support.paths import EXAMPLE
from webui.engine.precision import Runtime
from webui.engine.protocol import CPU_CONCURRENCY, GPU_CONCURRENCY, EmotionModel
from webui.engine.registry import ModelRegistry
from webui.errors import CheckpointError, ModelNotFoundError
from webui.results import Notice
from webui.service import RecognitionService, RecognizeOptions
from webui.service.models import pool
from webui.service.models.acquisition import AcquisitionState
from webui.settings import PROJECT_DIR, Device, Engine, Settings

LARGE = "emotion2vec_plus_large"


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("MODELSCOPE_CACHE", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(models_dir=tmp_path / "models", outputs_dir=tmp_path / "outputs", device=Device.CPU)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    speech = soundfile.read(EXAMPLE)[0]  # other sounds would cause another warning
    soundfile.write(tmp_path / "clip.wav", speech[:24_000], 16_000, subtype="PCM_16")
    return tmp_path / "clip.wav"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("published")
    make_checkpoint(directory, TINY, clips=9, seconds=0.5)
    return directory


def install(published: Path, settings: Settings, name: str = LARGE) -> Path:
    target = settings.models_dir / name
    target.mkdir(parents=True, exist_ok=True)
    for file in published.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def codes(warnings: tuple[Notice, ...]) -> list[str]:
    return [warning.code for warning in warnings]


def test_without_weights_the_builtin_is_used_with_a_warning(settings: Settings, clip: Path) -> None:
    result = RecognitionService(settings).recognize(clip).result
    assert result.model.name == "builtin"
    assert codes(result.warnings) == ["request.builtin_answered", "request.large_absent"]
    assert LARGE in result.warnings[1].message()


def test_a_named_builtin_has_no_warning_about_the_large_model(settings: Settings, clip: Path) -> None:
    result = RecognitionService(settings).recognize(clip, RecognizeOptions(model="builtin")).result
    assert codes(result.warnings) == ["request.builtin_answered"]


def test_a_named_model_without_weights_is_an_error(settings: Settings, clip: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="never replaced by another one"):
        RecognitionService(settings).recognize(clip, RecognizeOptions(model=LARGE))


def test_without_the_builtin_auto_is_an_error(settings: Settings, clip: Path) -> None:
    without_builtin = settings.model_copy(update={"builtin": False})
    with pytest.raises(ModelNotFoundError, match="No model is available"):
        RecognitionService(without_builtin).recognize(clip)


def test_a_published_checkpoint_is_found_converted_and_used(settings: Settings, clip: Path, published: Path) -> None:
    folder = install(published, settings)
    service = RecognitionService(settings)
    result = service.recognize(clip).result
    assert (result.model.name, result.model.engine, result.model.precision) == (LARGE, "native", "fp32")
    assert result.warnings == ()
    assert (folder / "model.safetensors").is_file()
    assert (folder / "model.pt").is_file()
    again = RecognitionService(settings).recognize(clip).result
    assert again.scores == result.scores
    assert sum(result.scores.values()) == pytest.approx(1.0)


def test_the_original_can_be_deleted(settings: Settings, clip: Path, published: Path) -> None:
    folder = install(published, settings)
    slim = RecognitionService(settings.model_copy(update={"keep_original": False}))
    slim.recognize(clip)
    assert not (folder / "model.pt").exists()
    assert RecognitionService(settings).recognize(clip).result.model.name == LARGE


def test_a_cache_is_read_and_not_changed(
    settings: Settings, clip: Path, published: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("MODELSCOPE_CACHE", str(cache))
    elsewhere = install(published, settings.model_copy(update={"models_dir": cache / "models" / "iic"}))
    before = sorted(path.name for path in elsewhere.iterdir())
    deleting = RecognitionService(settings.model_copy(update={"keep_original": False}))
    assert deleting.recognize(clip).result.model.name == LARGE
    assert sorted(path.name for path in elsewhere.iterdir()) == before
    assert (settings.models_dir / LARGE / "model.safetensors").is_file()


def test_broken_weights_give_a_warning_and_are_read_again_once_they_change(
    settings: Settings, clip: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(published, settings)
    whole = (folder / "model.pt").read_bytes()
    (folder / "model.pt").write_bytes(whole.replace(b"blocks.0", b"blocks.X"))
    service = RecognitionService(settings)
    result = service.recognize(clip).result
    assert result.model.name == "builtin"
    assert codes(result.warnings) == ["request.builtin_answered", "checkpoint.missing"]
    loads: list[str] = []
    load = service.registry.load

    def counted(name: str, *args: Any, **options: Any) -> EmotionModel:  # noqa: ANN401
        loads.append(name)
        return load(name, *args, **options)

    monkeypatch.setattr(service.registry, "load", counted)
    assert codes(service.recognize(clip).result.warnings) == ["request.builtin_answered", "checkpoint.missing"]
    assert loads == []
    (folder / "model.pt").unlink()
    assert codes(service.recognize(clip).result.warnings) == ["request.builtin_answered", "request.large_absent"]
    (folder / "model.pt").write_bytes(whole)
    result = service.recognize(clip).result
    assert (result.model.name, codes(result.warnings)) == (LARGE, [])


def test_truncated_weights_give_a_warning(settings: Settings, clip: Path, published: Path) -> None:
    folder = install(published, settings)
    whole = (folder / "model.pt").read_bytes()
    (folder / "model.pt").write_bytes(whole[:100_000])
    result = RecognitionService(settings).recognize(clip).result
    assert codes(result.warnings) == ["request.builtin_answered", "request.weights_cut_short"]
    assert "100,000 bytes, the published file 1,945,790,254" in result.warnings[1].message()
    with pytest.raises(ModelNotFoundError, match="incomplete"):
        RecognitionService(settings).recognize(clip, RecognizeOptions(model=LARGE))


def test_broken_weights_of_a_named_model_are_an_error(settings: Settings, clip: Path, published: Path) -> None:
    folder = install(published, settings)
    (folder / "model.pt").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="damaged"):
        RecognitionService(settings).recognize(clip, RecognizeOptions(model=LARGE))


def test_the_builtin_is_used_while_the_large_model_loads(settings: Settings, clip: Path, published: Path) -> None:
    install(published, settings)
    requested, go_on = threading.Event(), threading.Event()

    class SlowRegistry(ModelRegistry):
        def load(self, name, *args, **kwargs):  # noqa: ANN001, ANN002, ANN003, ANN202
            if name == LARGE:
                requested.set()
                assert go_on.wait(180)
            return super().load(name, *args, **kwargs)

    service = RecognitionService(settings, SlowRegistry(settings))
    acquisition = service.models.prepare()
    assert requested.wait(180)
    meanwhile = service.recognize(clip).result
    assert meanwhile.model.name == "builtin"
    assert codes(meanwhile.warnings) == ["request.builtin_answered", "acquisition.loading"]
    go_on.set()
    acquisition.wait(180)
    assert acquisition.status.state is AcquisitionState.READY
    assert service.recognize(clip).result.model.name == LARGE


def test_a_failed_preparation_has_a_reason_and_can_be_retried(settings: Settings, clip: Path, published: Path) -> None:
    folder = install(published, settings)
    whole = (folder / "model.pt").read_bytes()
    (folder / "model.pt").write_bytes(b"nothing")
    service = RecognitionService(settings)
    acquisition = service.models.prepare()
    acquisition.wait(180)
    assert acquisition.status.state is AcquisitionState.FAILED
    assert codes(service.recognize(clip).result.warnings) == ["request.builtin_answered", "checkpoint.damaged"]
    status = service.models.status()
    assert (status.active.name, status.can_retry, status.can_cancel) == ("builtin", True, False)
    (folder / "model.pt").write_bytes(whole)
    service.models.retry()
    service.models.acquisition.wait(180)
    status = service.models.status()
    assert status.acquisition.state is AcquisitionState.READY
    assert (status.active.name, status.active.precision, status.active.verified) == (
        LARGE,
        "fp32",
        False,
    )
    assert (status.can_retry, status.can_cancel) == (False, False)
    assert service.recognize(clip).result.model.name == LARGE


@pytest.mark.parametrize("model", ["auto", LARGE])
def test_weights_copied_to_a_running_server_are_used(
    settings: Settings, clip: Path, published: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    for variable in ("MODELSCOPE_ENDPOINT", "HF_ENDPOINT"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    service = RecognitionService(settings.model_copy(update={"auto_download": True, "model": model}))
    service.models.prepare().wait(180)
    status = service.models.status()
    assert status.acquisition is not None
    assert status.acquisition.problem is not None
    assert status.acquisition.problem.code == "download.unreachable"
    install(published, settings)
    result = service.recognize(clip).result
    assert (result.model.name, codes(result.warnings)) == (LARGE, [])
    status = service.models.status()
    assert status.active is not None
    assert (status.active.name, status.active.precision, status.can_retry) == (LARGE, "fp32", False)
    assert status.acquisition is not None
    assert (status.acquisition.state, status.acquisition.notice()) == (AcquisitionState.READY, None)


def test_the_status_loads_copied_weights_and_the_builtin_is_used_meanwhile(
    settings: Settings, clip: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "COPIED_WAIT_S", 0.01)
    go_on = threading.Event()

    class SlowRegistry(ModelRegistry):
        def load(self, name, *args, **kwargs):  # noqa: ANN001, ANN002, ANN003, ANN202
            assert name != LARGE or go_on.wait(180)
            return super().load(name, *args, **kwargs)

    service = RecognitionService(settings, SlowRegistry(settings))  # without automatic downloads
    service.models.prepare().wait(180)
    assert codes(service.recognize(clip).result.warnings)[1] == "request.large_absent"
    install(published, settings)
    status = service.models.status()
    assert status.active is not None
    assert (status.active.name, status.active.precision) == ("builtin", "fp32"), "the server stays ready"
    meanwhile = service.recognize(clip).result
    assert meanwhile.model.name == "builtin"
    assert codes(meanwhile.warnings)[1] in {"acquisition.waiting", "acquisition.loading"}
    go_on.set()
    assert service.models.acquisition is not None
    service.models.acquisition.wait(180)
    assert service.recognize(clip).result.model.name == LARGE
    shutil.rmtree(settings.models_dir / LARGE)
    removed = service.recognize(clip).result
    assert (removed.model.name, codes(removed.warnings)[1]) == ("builtin", "request.large_absent")


def test_both_engines_give_the_same_scores(settings: Settings, clip: Path, published: Path) -> None:
    install(published, settings)
    service = RecognitionService(settings)
    native = service.recognize(clip, RecognizeOptions(extract_embedding=True))
    reference = service.recognize(
        clip, RecognizeOptions(extract_embedding=True), runtime=Runtime.of(settings, engine=Engine.FUNASR)
    )
    assert reference.result.model.engine == "funasr"
    difference = [native.result.scores[emotion] - reference.result.scores[emotion] for emotion in native.result.scores]
    assert max(map(abs, difference)) <= 1e-5
    theirs, ours = (np.load(run.folder / "embedding.npy") for run in (reference, native))
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_a_self_trained_model_can_be_used(settings: Settings, clip: Path) -> None:
    mine = settings.models_dir / "mine"
    shutil.copytree(PROJECT_DIR / "models" / "builtin", mine)
    shutil.copytree(mine, settings.models_dir / "builtin")  # as in the program's own models/ folder
    service = RecognitionService(settings)
    assert service.models.ready() == ("builtin", "mine")
    found = service.recognize(clip, RecognizeOptions(model="mine")).result
    assert (found.model.name, found.model.engine) == ("mine", "builtin")
    assert codes(found.warnings) == []
    builtin = service.recognize(clip, RecognizeOptions(model="builtin")).result
    assert builtin.scores == found.scores
    assert codes(builtin.warnings) == ["request.builtin_answered"]
    (mine / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="mine"):
        RecognitionService(settings).recognize(clip, RecognizeOptions(model="mine"))


def test_concurrency_of_the_model(settings: Settings) -> None:
    model = FakeModel()
    model.info = model.info.model_copy(update={"device": "cuda:0"})
    service = RecognitionService(settings, FakeRegistry(settings, model))
    assert service.models.concurrency() == CPU_CONCURRENCY, "the device is not known yet"
    service.load()
    assert service.models.concurrency() == service.models.concurrency("fake") == GPU_CONCURRENCY
    assert service.models.concurrency("no_such_model") == CPU_CONCURRENCY
    elsewhere = Runtime.of(settings, device=Device.AUTO)
    assert service.models.concurrency("fake", elsewhere) == CPU_CONCURRENCY, "this model is not loaded"
    model.info = model.info.model_copy(update={"device": "cpu"})  # as after a failure of the GPU
    assert service.models.concurrency() == CPU_CONCURRENCY
