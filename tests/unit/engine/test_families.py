"""A new model family needs one file and one line; it is then listed, downloaded, loaded and used."""

import doctest
import json
from pathlib import Path

import pytest

from tests.support.hub import Hub, serve
from tests.support.toy_family import TOY, TOY_FILE
from webui.engine import family as family_module
from webui.engine.families import FAMILIES, all_packages, languages_of, model_title, packages_of
from webui.engine.registry import ModelRegistry
from webui.engine.weights import Origin
from webui.errors import CheckpointError, ModelNotFoundError
from webui.service import RecognitionService, RecognizeOptions
from webui.settings import PROJECT_DIR, Settings
from webui.texts import Language

EXAMPLE = PROJECT_DIR / "examples" / "example_synthetic.wav"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("webui.engine.families.FAMILIES", (*FAMILIES, TOY))
    return Settings(models_dir=tmp_path / "models", outputs_dir=tmp_path / "outputs", auto_download=False)


def install(settings: Settings, name: str, rate: object = 24_000) -> Path:
    folder = settings.models_dir / name
    folder.mkdir(parents=True)
    (folder / TOY_FILE).write_text(json.dumps({"rate": rate}), "utf-8")
    return folder


def test_a_new_family_is_listed_and_found(settings: Settings) -> None:
    registry = ModelRegistry(settings)
    assert registry.names()[-1] == "toy_loud"
    (absent,) = [listing for listing in registry.listings() if listing.engine == "toy"]
    assert (absent.name, absent.license, absent.ready, absent.size_bytes) == ("toy_loud", "public domain", False, 0)
    assert absent.path == settings.models_dir / "toy_loud"
    assert registry.can_be_fetched("toy_loud")
    with pytest.raises(ModelNotFoundError, match="toys/loud"):
        registry.load("toy_loud")
    folder, own = install(settings, "toy_loud"), install(settings, "mine")
    listed = {listing.name: listing for listing in registry.listings() if listing.engine == "toy"}
    assert [(model.path, model.ready, model.size_bytes) for model in listed.values()] == [
        (folder, True, 15),
        (own, True, 15),
    ]
    found = registry.find("toy_loud")
    assert found is not None
    assert (found.directory, found.origin) == (folder, Origin.MODELS)
    assert not registry.can_be_fetched("toy_loud")
    assert registry.sample_rate("mine") == 24_000


def test_a_new_family_is_downloaded_from_a_hub(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / TOY_FILE).write_text('{"rate": 8000}', "utf-8")
    (files / "other.bin").write_bytes(b"not wanted")
    with serve(Hub(files)) as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        found = ModelRegistry(settings).download("toy_loud")
    assert {path.name for path in found.directory.iterdir() if not path.name.startswith(".")} == {TOY_FILE}
    assert ModelRegistry(settings).load("toy_loud").sample_rate == 8_000


@pytest.mark.model  # loads the built-in model
@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_a_new_family_is_used_by_the_service(settings: Settings, rate: int) -> None:
    install(settings, "toy_loud", rate)
    install(settings, "mine", rate)
    service = RecognitionService(settings)
    for name, license in (("toy_loud", "public domain"), ("mine", "see the model's page")):
        result = service.recognize(EXAMPLE, RecognizeOptions(model=name)).result
        assert (result.model.name, result.model.engine, result.model.license) == (name, "toy", license)
    assert service.models.ready() == ("builtin", "toy_loud", "mine")
    assert service.recognize(EXAMPLE).result.model.name == "builtin", "auto only chooses models whose cards allow it"


def test_names_and_packages_of_a_new_family(settings: Settings) -> None:
    assert [model_title(name, Language.EN) for name in ("toy_loud", "emotion2vec_plus_base", "x")] == [
        "Toy Loud", "Emotion2Vec+ Base", "x"
    ]  # fmt: skip
    assert (languages_of("toy_loud"), languages_of("x")) == (("tlh",), ())
    assert (packages_of("toy"), packages_of("onnx"), packages_of("x")) == (("toybox",), ("onnxruntime",), ())
    assert all_packages() == ("torch", "onnxruntime", "funasr", "transformers", "toybox")


@pytest.mark.parametrize("rate", [1, 10_000_000, -8_000, "24000", 24_000.0, True])
def test_the_sample_rate_of_a_new_family_is_checked(settings: Settings, rate: object) -> None:
    install(settings, "toy_loud", rate)
    with pytest.raises(CheckpointError, match="sample rate of"):
        ModelRegistry(settings).load("toy_loud")


def test_a_rate_known_only_after_loading_is_checked_too(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    install(settings, "toy_loud", 999)
    monkeypatch.setattr(type(TOY), "sample_rate", lambda _self, _name, _located: None)
    assert ModelRegistry(settings).sample_rate("toy_loud") is None
    with pytest.raises(CheckpointError, match="999"):
        ModelRegistry(settings).load("toy_loud")


def test_the_example_in_the_docstring_runs() -> None:
    result = doctest.testmod(family_module)
    assert (result.failed, result.attempted) == (0, 5)
