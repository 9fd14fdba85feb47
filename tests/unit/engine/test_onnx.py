"""An exported model computes the same numbers as the native engine, without PyTorch."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
from safetensors.numpy import load_file

from tests.support.checkpoints import TINY, make_checkpoint, make_clip
from tests.support.parity_pairs import softmax, whole
from webui.engine.emotion2vec.checkpoint import load_network
from webui.engine.emotion2vec.convert import convert_checkpoint
from webui.engine.emotion2vec.onnx.graph import Emotion2vecGraph
from webui.engine.emotion2vec.onnx.int8_calibration import calibrate_shifts
from webui.engine.emotion2vec.onnx.model import OnnxModel, load_onnx
from webui.engine.emotion2vec.torch_model import TorchModel
from webui.engine.emotion2vec.verification_record import read_record
from webui.engine.protocol import Window
from webui.engine.registry import LARGE, ModelRegistry
from webui.errors import CheckpointError, DeviceUnavailableError, InferenceError, ModelNotFoundError, RequestError
from webui.settings import PROJECT_DIR, Device, Engine, Precision, Settings

EXAMPLE = PROJECT_DIR / "examples" / "example_synthetic.wav"
SECONDS = (0.025, 0.1, 0.33, 1.0, 3.3)


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    published = make_checkpoint(folder / LARGE, TINY, training=False)
    convert_checkpoint(folder / LARGE, published, folder / LARGE)
    published.unlink()
    return folder


def registry(models_dir: Path, precision: Precision = Precision.FP32, **given: object) -> ModelRegistry:
    return ModelRegistry(Settings(models_dir=models_dir, engine=Engine.ONNX, precision=precision, **given))


def load(models_dir: Path, precision: Precision) -> OnnxModel:
    model = registry(models_dir, precision).load(LARGE)
    assert isinstance(model, OnnxModel)
    return model


@pytest.fixture(scope="module")
def native(models_dir: Path) -> TorchModel:
    model = ModelRegistry(Settings(models_dir=models_dir, device=Device.CPU)).load(LARGE)
    assert isinstance(model, TorchModel)
    return model


@pytest.mark.parametrize(
    ("precision", "scores", "features"),
    [(Precision.FP32, 1e-5, 2e-5), (Precision.FP16, 2e-2, 2e-2), (Precision.INT8, 2e-1, 3e-1)],
)
def test_the_numbers_equal_those_of_the_native_engine(
    models_dir: Path, native: TorchModel, precision: Precision, scores: float, features: float
) -> None:
    model = load(models_dir, precision)
    assert (model.info.engine, model.info.precision, model.info.device) == ("onnx", precision.value, "cpu")
    assert model.labels == native.labels
    sizes = ("sample_rate", "frame_rate", "embedding_dim", "min_samples", "context_samples")
    assert (model.max_batch_s, model.concurrency) == (native.max_batch_s, native.concurrency) == (0.0, 2)
    assert [getattr(model, size) for size in sizes] == [getattr(native, size) for size in sizes]
    differences = []
    for number in range(6):
        for seconds in SECONDS:
            window = whole(make_clip(number, seconds))
            ours, theirs = (engine.predict([window], with_features=True)[0] for engine in (model, native))
            np.testing.assert_allclose(ours.features, theirs.features, atol=features)
            differences.append(np.abs(softmax(ours.logits.mean(axis=0)) - softmax(theirs.logits.mean(axis=0))).max())
    assert max(differences) <= scores
    if precision is not Precision.FP32:
        assert max(differences) > 1e-5, "the precision is not lower"


def test_a_window_has_the_statistics_of_its_recording(models_dir: Path, native: TorchModel) -> None:
    clip = make_clip(6, 2.0)
    piece = Window(clip[4000:20_000], whole(clip).mean, whole(clip).variance)
    model = load(models_dir, Precision.FP32)
    np.testing.assert_allclose(model.predict([piece])[0].logits, native.predict([piece])[0].logits, atol=2e-4)


def test_a_padded_batch_of_the_graph_is_exact(models_dir: Path) -> None:
    load(models_dir, Precision.FP32)
    session = onnxruntime.InferenceSession(str(models_dir / LARGE / "model.fp32.onnx"))
    clips = [make_clip(number, seconds) for number, seconds in enumerate((1.0, 0.3, 2.1))]
    batch = np.zeros((3, max(map(len, clips))), dtype=np.float32)
    for row, clip in zip(batch, clips, strict=True):
        row[: len(clip)] = clip

    def run(waveforms: np.ndarray, members: list[np.ndarray]) -> list[np.ndarray]:
        statistics = {
            "samples": np.array([len(clip) for clip in members]),
            "mean": np.array([clip.mean() for clip in members], dtype=np.float32),
            "variance": np.array([clip.var() for clip in members], dtype=np.float32),
        }
        return session.run(["logits", "features", "embedding"], {"waveforms": waveforms, **statistics})

    logits, features, embeddings = run(batch, clips)
    for row, clip in enumerate(clips):
        single = run(clip[None], [clip])
        frames = single[0].shape[1]
        np.testing.assert_allclose(features[row, :frames], single[1][0], atol=1e-5)
        np.testing.assert_allclose(embeddings[row], single[1][0].mean(axis=0), atol=1e-5)
        difference = softmax(logits[row, :frames].mean(axis=0)) - softmax(single[0][0].mean(axis=0))
        assert np.abs(difference).max() <= 1e-5


def test_a_batch_of_the_native_engine_is_exact(native: TorchModel) -> None:
    windows = [whole(make_clip(number, seconds)) for number, seconds in enumerate((0.7, 2.3, 0.025, 1.1))]
    one_by_one = [native.predict([window], with_features=True)[0] for window in windows]
    for answers in (native.predict(windows, with_features=True), native.predict_together(windows, with_features=True)):
        for ours, single in zip(answers, one_by_one, strict=True):
            assert ours.logits.shape == single.logits.shape
            np.testing.assert_allclose(ours.features, single.features, atol=1e-5)
            assert np.abs(softmax(ours.logits.mean(axis=0)) - softmax(single.logits.mean(axis=0))).max() <= 1e-5


def test_a_shift_changes_only_rounding(native: TorchModel, models_dir: Path) -> None:
    network, _info = load_network(models_dir / LARGE, models_dir / LARGE / "model.safetensors")
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    shifts = calibrate_shifts(network)
    assert len(shifts) == 4 * (network.config.prenet_depth + network.config.depth)
    assert min(np.abs(shift).max() for shift in shifts.values()) > 0.01
    window = whole(make_clip(4, 1.5))
    exact = native.predict([window])[0].logits.mean(axis=0)
    differences = []
    for chosen, quantized in ((shifts, False), (shifts, True), ({}, True)):
        graph = Emotion2vecGraph(network.config, weights, normalize=True, shifts=chosen)
        graph._int8 = quantized
        session = onnxruntime.InferenceSession(graph.build().SerializeToString())
        fed = {"waveforms": window.samples[None], "samples": np.array([len(window.samples)])}
        fed |= {name: np.array([getattr(window, name)], np.float32) for name in ("mean", "variance")}
        differences.append(np.abs(session.run(["logits"], fed)[0][0].mean(axis=0) - exact).max())
    shifted, shifted_int8, int8 = differences
    assert shifted <= 1e-4 < shifted_int8 < int8


def test_lower_precision_is_a_smaller_file(models_dir: Path) -> None:
    sizes = {}
    for precision in (Precision.FP32, Precision.FP16, Precision.INT8):
        load(models_dir, precision)
        sizes[precision] = (models_dir / LARGE / f"model.{precision.value}.onnx").stat().st_size
    assert sizes[Precision.INT8] < sizes[Precision.FP16] < sizes[Precision.FP32]


def test_an_export_of_other_weights_is_replaced(models_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / LARGE
    convert_checkpoint(folder, make_checkpoint(folder, TINY, seed=2, training=False), folder)
    old = load(models_dir, Precision.FP32)
    stale = models_dir / LARGE / "model.fp32.onnx"
    (folder / stale.name).write_bytes(stale.read_bytes())
    fresh = load(tmp_path, Precision.FP32)
    assert fresh.about.source_sha256 != old.about.source_sha256
    assert [path.name for path in folder.iterdir() if path.name.startswith(".export")] == []
    changed = (folder / stale.name).stat().st_mtime_ns
    load(tmp_path, Precision.FP32)
    assert (folder / stale.name).stat().st_mtime_ns == changed, "exported again without need"


def test_export_of_half_precision_weights(models_dir: Path, tmp_path: Path) -> None:
    path = registry(models_dir, Precision.FP16).export_weights(LARGE, tmp_path)
    half, full = load_file(path), load_file(models_dir / LARGE / "model.safetensors")
    assert half.keys() == full.keys()
    assert all(tensor.dtype == np.float16 for tensor in half.values())
    with pytest.raises(RequestError):
        registry(models_dir, Precision.INT8).export_weights(LARGE, tmp_path)


def test_invalid_use(models_dir: Path, tmp_path: Path) -> None:
    path = models_dir / LARGE / "model.fp32.onnx"
    model = load(models_dir, Precision.FP32)
    with pytest.raises(DeviceUnavailableError):
        load_onnx("x", path, license="none", device=Device.CUDA)
    with pytest.raises(InferenceError):
        model.predict([Window(np.zeros(399, np.float32), 0.0, 1.0)])
    with pytest.raises(InferenceError):
        model.predict([Window(np.full(800, np.nan, np.float32), 0.0, 1.0)])
    for content in (b"", path.read_bytes()[:1000]):
        (tmp_path / "model.onnx").write_bytes(content)
        with pytest.raises(CheckpointError):
            load_onnx("x", tmp_path / "model.onnx", license="none")
    with pytest.raises(ModelNotFoundError):
        registry(tmp_path).load(LARGE)
    with pytest.raises(RequestError, match="int8"):
        ModelRegistry(Settings(models_dir=models_dir, engine=Engine.NATIVE, precision=Precision.INT8)).load(LARGE)


def packages(name: str) -> dict[str, str]:
    lines = (PROJECT_DIR / name).read_text("utf-8").splitlines()
    pairs = (re.split("(?=[=>])", line, maxsplit=1) for line in lines if line and not line.startswith(("#", "-r")))
    return {package.lower(): bounds for package, bounds in pairs}


PROGRAM_WITHOUT_PACKAGES = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].lower() in {absent}:
            raise ModuleNotFoundError(f"{{name}} is not in requirements-lite.txt", name=name)

sys.meta_path.insert(0, Refuse())
from webui.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_the_lite_requirements_are_a_subset() -> None:
    lite, full = packages("requirements-lite.txt"), packages("requirements.txt")
    assert {"torch", "funasr", "gradio", "onnx"} <= full.keys() - lite.keys()
    assert lite.items() <= full.items(), "the same bounds are expected in both"


def run_lite(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as if only the packages of requirements-lite.txt were installed."""
    absent = set(packages("requirements.txt")) - set(packages("requirements-lite.txt")) | {"yaml", "transformers"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM_WITHOUT_PACKAGES.format(absent=absent), *arguments],
        cwd=PROJECT_DIR,
        env={
            "PATH": "",
            "HOME": str(tmp_path),
            "SPEECH_EMOTION_MODELS_DIR": str(tmp_path / "models"),
            "SPEECH_EMOTION_OUTPUTS_DIR": str(tmp_path / "out"),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def copy_exported(models_dir: Path, tmp_path: Path, precision: Precision) -> None:
    load(models_dir, precision)
    lite = tmp_path / "models" / LARGE
    lite.mkdir(parents=True, exist_ok=True)
    name = f"model.{precision.value}.onnx"
    (lite / name).write_bytes((models_dir / LARGE / name).read_bytes())


@pytest.mark.parametrize("options", [["--engine", "onnx", "--precision", "int8"], []], ids=["options", "plain"])
@pytest.mark.parametrize("model", [[], ["--model", LARGE]], ids=["auto", "named"])
def test_recognize_needs_only_the_lite_requirements(
    models_dir: Path, tmp_path: Path, model: list[str], options: list[str]
) -> None:
    copy_exported(models_dir, tmp_path, Precision.INT8)
    ended = run_lite(tmp_path, "recognize", str(EXAMPLE), *options, "--json", *model)
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert (answer["model"]["engine"], answer["model"]["precision"]) == ("onnx", "int8")
    assert answer["warnings"] == []


def test_without_torch_the_error_names_the_file(models_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / LARGE
    for arguments, file in (
        (["recognize", str(EXAMPLE)], "model.fp32.onnx"),
        (["recognize", str(EXAMPLE), "--model", LARGE, "--precision", "int8"], "model.int8.onnx"),
        (["recognize", str(EXAMPLE), "--model", "builtin"], "the package torch, which is not installed"),
        (["batch", str(EXAMPLE), "--out", str(tmp_path / "r.csv")], "model.fp32.onnx"),
    ):
        ended = run_lite(tmp_path, *arguments)
        assert ended.returncode in {4, 6}, ended.stderr
        assert "Traceback" not in ended.stderr
        assert "Internal error" not in ended.stderr
        assert (str(folder / file) if file.endswith("onnx") else file) in ended.stderr
    copy_exported(models_dir, tmp_path, Precision.INT8)
    ended = run_lite(tmp_path, "recognize", str(EXAMPLE), "--precision", "fp16")
    assert (ended.returncode, str(folder / "model.fp16.onnx") in ended.stderr) == (4, True), ended.stderr


def test_the_models_without_torch(models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_exported(models_dir, tmp_path, Precision.INT8)
    monkeypatch.setattr("webui.engine.precision.find_spec", lambda _name: None)
    lite = ModelRegistry(Settings(models_dir=tmp_path / "models"))
    assert lite.choose("auto").name == LARGE
    listed = {listing.name: listing for listing in lite.listings()}
    size = (tmp_path / "models" / LARGE / "model.int8.onnx").stat().st_size
    assert (listed[LARGE].ready, listed[LARGE].engine, listed[LARGE].size_bytes) == (True, "onnx", size)
    assert not listed["builtin"].ready
    with pytest.raises(ModelNotFoundError, match=r"model\.fp32\.onnx"):
        ModelRegistry(Settings(models_dir=tmp_path / "none")).choose("auto")


def test_the_example_in_the_documentation(models_dir: Path) -> None:
    model = load(models_dir, Precision.INT8)
    path = models_dir / LARGE / "model.int8.onnx"
    program = PROGRAM_WITHOUT_PACKAGES.split("from webui")[0].format(absent={"webui", "torch", "soundfile", "pydantic"})
    program += f"import runpy; runpy.run_path({str(PROJECT_DIR / 'docs' / 'onnx_example.py')!r}, run_name='__main__')"
    ended = subprocess.run(
        [sys.executable, "-c", program, str(path), str(EXAMPLE)],
        env={"PATH": "", "PYTHONIOENCODING": "utf-8"}, capture_output=True, encoding="utf-8", timeout=300, check=True,
    )  # fmt: skip
    samples, _rate = soundfile.read(EXAMPLE, dtype="float32")
    expected = softmax(model.predict([whole(samples)])[0].logits.mean(axis=0))
    printed = {line.split("% ")[1]: float(line.split("%")[0]) / 100 for line in ended.stdout.splitlines()[:9]}
    assert list(printed) == list(model.about.tokens)
    np.testing.assert_allclose(list(printed.values()), expected, atol=1e-4)


def test_verify_measures_a_precision(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from webui.cli import main

    monkeypatch.setenv("SPEECH_EMOTION_MODELS_DIR", str(models_dir))
    code = main(["verify", LARGE, "--precision", "int8"])
    digest = load(models_dir, Precision.INT8).about.source_sha256
    record = read_record(models_dir / LARGE, checkpoint_sha256=digest, precision=Precision.INT8)
    assert record is not None
    assert record.top1_agreement is not None
    assert 1e-5 < record.largest_score_difference < 0.3
    assert record.verified == (record.largest_score_difference <= 5e-3 and record.top1_agreement >= 0.995)
    assert code == (0 if record.verified else 7)
    assert read_record(models_dir / LARGE, checkpoint_sha256=digest) is None, "this does not verify fp32"
    assert registry(models_dir, Precision.INT8).is_verified(LARGE) is record.verified
