"""Weights are found where users already have them; unfinished downloads are not."""

from pathlib import Path

import pytest

from webui.engine.emotion2vec.family import EMOTION2VEC
from webui.engine.weights import LocatedWeights, Origin
from webui.settings import Settings

NAME = "emotion2vec_plus_large"
NAMES = [card.name for card in EMOTION2VEC.catalog()]


def find_weights(name: str, settings: Settings) -> LocatedWeights | None:
    return EMOTION2VEC.find(name, settings)


@pytest.fixture(autouse=True)
def no_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, away from the user's own caches."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("MODELSCOPE_CACHE", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


def put(directory: Path, weights: str = "model.pt", *, small: bool = True) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / weights).write_bytes(b"weights")
    if small:
        (directory / "config.yaml").write_text("{}")
        (directory / "tokens.txt").write_text("a")
    return directory


def test_an_empty_machine_has_no_weights(tmp_path: Path) -> None:
    settings = Settings(models_dir=tmp_path / "models")
    assert [find_weights(name, settings) for name in NAMES] == [None] * len(NAMES)


@pytest.mark.parametrize(
    ("place", "origin"),
    [
        (".cache/modelscope/models/iic--emotion2vec_plus_large/snapshots/v2.0.5", Origin.MODELSCOPE),
        (".cache/modelscope/models/iic/emotion2vec_plus_large", Origin.MODELSCOPE),
        (".cache/modelscope/iic/emotion2vec_plus_large", Origin.MODELSCOPE),
        (".cache/modelscope/hub/models/iic/emotion2vec_plus_large", Origin.MODELSCOPE),
        (".cache/modelscope/hub/iic/emotion2vec_plus_large", Origin.MODELSCOPE),
        (".cache/huggingface/hub/models--emotion2vec--emotion2vec_plus_large/snapshots/6c303ba9", Origin.HUGGINGFACE),
    ],
)
def test_caches_of_the_hubs(tmp_path: Path, no_caches: Path, place: str, origin: Origin) -> None:
    directory = put(no_caches / place)
    found = find_weights(NAME, Settings(models_dir=tmp_path / "models"))
    assert found is not None
    assert (found.directory, found.weights, found.origin) == (directory, directory / "model.pt", origin)
    assert find_weights("emotion2vec_plus_base", Settings(models_dir=tmp_path / "models")) is None


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("MODELSCOPE_CACHE", "models/iic--emotion2vec_plus_large/snapshots/master"),
        ("MODELSCOPE_CACHE", "hub/models/iic/emotion2vec_plus_large"),
        ("HF_HUB_CACHE", "models--emotion2vec--emotion2vec_plus_large/snapshots/abc"),
        ("HF_HOME", "hub/models--emotion2vec--emotion2vec_plus_large/snapshots/abc"),
        ("XDG_CACHE_HOME", "huggingface/hub/models--emotion2vec--emotion2vec_plus_large/snapshots/abc"),
    ],
)
def test_caches_in_other_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, place: str) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    directory = put(tmp_path / "elsewhere" / place)
    found = find_weights(NAME, Settings(models_dir=tmp_path / "models"))
    assert found is not None
    assert found.directory == directory


@pytest.mark.model  # ModelScope's client imports PyTorch
def test_the_layouts_are_those_of_the_clients(tmp_path: Path) -> None:
    """ModelScope's and Hugging Face's installed clients look in the same places."""
    from huggingface_hub import try_to_load_from_cache
    from modelscope.hub.utils.utils import find_reusable_legacy_repo_dir

    for place in ("hub/iic/emotion2vec_plus_large", "iic/emotion2vec_plus_large"):
        base = tmp_path / place.replace("/", "-")
        directory = put(base / place)
        assert find_reusable_legacy_repo_dir("iic/emotion2vec_plus_large", cache_dir=base) == str(directory)
    cache = tmp_path / "hf"
    snapshot = put(cache / "models--emotion2vec--emotion2vec_plus_large/snapshots/abc")
    (cache / "models--emotion2vec--emotion2vec_plus_large/refs").mkdir()
    (cache / "models--emotion2vec--emotion2vec_plus_large/refs/main").write_text("abc")
    repository = "emotion2vec/emotion2vec_plus_large"
    assert try_to_load_from_cache(repository, "model.pt", cache_dir=cache) == str(snapshot / "model.pt")


def test_own_folders_have_priority(tmp_path: Path, no_caches: Path) -> None:
    put(no_caches / ".cache/modelscope/iic/emotion2vec_plus_large")
    models = put(tmp_path / "models" / NAME)
    named = put(tmp_path / "named")
    found = find_weights(NAME, Settings(models_dir=tmp_path / "models"))
    assert found is not None
    assert (found.directory, found.origin) == (models, Origin.MODELS)
    found = find_weights(NAME, Settings(models_dir=tmp_path / "models", model_dir=named))
    assert found is not None
    assert (found.directory, found.origin) == (named, Origin.SETTING)


def test_the_converted_file_has_priority(tmp_path: Path) -> None:
    put(tmp_path / NAME)
    put(tmp_path / NAME, "model.safetensors")
    found = find_weights(NAME, Settings(models_dir=tmp_path))
    assert found is not None
    assert found.weights.name == "model.safetensors"


def test_a_named_folder_is_for_one_model(tmp_path: Path) -> None:
    base = "emotion2vec_plus_base"
    settings = Settings(models_dir=tmp_path / "models", model_dir=put(tmp_path / "named"))
    assert [name for name in NAMES if find_weights(name, settings)] == [NAME]
    chosen = settings.model_copy(update={"model": base})
    assert [name for name in NAMES if find_weights(name, chosen)] == [base]


@pytest.mark.parametrize("weights", ["model.pt.incomplete", "._____temp", ".model.safetensors.partial"])
def test_unfinished_downloads_are_ignored(tmp_path: Path, weights: str) -> None:
    put(tmp_path / NAME, weights)
    assert find_weights(NAME, Settings(models_dir=tmp_path)) is None


def test_weights_without_their_small_files_are_ignored(tmp_path: Path) -> None:
    put(tmp_path / NAME, small=False)
    assert find_weights(NAME, Settings(models_dir=tmp_path)) is None
