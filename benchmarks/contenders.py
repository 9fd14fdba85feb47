"""The programs that are compared: the engines of this program, FunASR as users call it, and two transformers models."""

import contextlib
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables import cores
from webui.engine.protocol import Window
from webui.engine.registry import LARGE, ModelRegistry
from webui.service.recognition.windows import predict_recording
from webui.settings import Device, Engine, Precision, Settings

Run = Callable[[NDArray[np.float32]], object]
FUNASR_THREADS: Final = 4  # the default of AutoModel
LABELS: Final = 9
REFERENCE: Final = "FunASR, ncpu = cores"
DEFAULTS: Final = "FunASR, defaults"


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the tables.

    Attributes:
        name: name in the tables.
        load: loads it from the folder of models, and returns a function of a waveform ``(samples,)`` at 16 kHz.
        threads: number of PyTorch's threads while it runs.
        needs_torch: whether it imports PyTorch.
    """

    name: str
    load: Callable[[Path, bool], Run]
    threads: int
    needs_torch: bool = True


def whole(waveform: NDArray[np.float32]) -> Window:
    """Returns a recording as one window."""
    return Window(waveform, float(waveform.mean(dtype=np.float64)), float(waveform.var(dtype=np.float64)))


def _load_ours(engine: Engine, precision: Precision, threads: int) -> Callable[[Path, bool], Run]:
    def load(models_dir: Path, _quick: bool) -> Run:
        settings = Settings(
            models_dir=models_dir, engine=engine, precision=precision, device=Device.CPU, threads=threads
        )
        model = ModelRegistry(settings).load(LARGE)
        return lambda waveform: predict_recording(model, waveform).logits  # a long recording is cut into windows

    return load


def _load_funasr(threads: int | None) -> Callable[[Path, bool], Run]:
    return lambda models_dir, _quick: load_funasr(models_dir / LARGE, device="cpu", threads=threads)


def load_funasr(folder: Path, *, device: str, threads: int | None, weights: str = "model.safetensors") -> Run:
    """Loads a checkpoint as FunASR's users do.

    Args:
        folder: folder of the checkpoint.
        device: name of the PyTorch device.
        threads: number of threads; None leaves FunASR's default.
        weights: name of the file with the weights; FunASR reads it with ``torch.load``,
            which reads safetensors from 2.13 on.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        from funasr import AutoModel

        logging.disable(logging.WARNING)
        model = AutoModel(
            model=str(folder),
            init_param=str(folder / weights),
            device=device,
            disable_update=True,
            disable_pbar=True,
            disable_log=True,
            **({} if threads is None else {"ncpu": threads}),
        )

    def run(waveform: NDArray[np.float32]) -> object:
        with contextlib.redirect_stdout(io.StringIO()):
            return model.generate(waveform, granularity="utterance", extract_embedding=False)

    return run


def _load_wav2vec2(_models_dir: Path, quick: bool) -> Run:
    from transformers import Wav2Vec2Config, Wav2Vec2ForSequenceClassification

    small = {"num_hidden_layers": 1} if quick else {}
    return _classifier(Wav2Vec2ForSequenceClassification(Wav2Vec2Config(num_labels=LABELS, **small)))


def _load_hubert(_models_dir: Path, quick: bool) -> Run:
    from transformers import HubertConfig, HubertForSequenceClassification

    config = HubertConfig(  # facebook/hubert-large-ll60k
        hidden_size=1024,
        num_hidden_layers=1 if quick else 24,
        num_attention_heads=16,
        intermediate_size=4096,
        do_stable_layer_norm=True,
        feat_extract_norm="layer",
        conv_bias=True,
        num_labels=LABELS,
    )
    return _classifier(HubertForSequenceClassification(config))


def _classifier(model: object) -> Run:
    import torch

    network = model.eval()  # type: ignore[attr-defined]

    def run(waveform: NDArray[np.float32]) -> object:
        normalized = (waveform - waveform.mean()) / np.sqrt(waveform.var() + 1e-7)
        with torch.inference_mode():
            return network(torch.from_numpy(normalized.astype(np.float32))[None]).logits.numpy()

    return run


def contenders(*, threads: int | None = None) -> tuple[Contender, ...]:
    """Returns all contenders, the reference first, with one thread per core unless ``threads`` is given."""
    count = threads if threads is not None else cores()
    return (
        Contender(REFERENCE, _load_funasr(count), count),
        Contender(DEFAULTS, _load_funasr(None), FUNASR_THREADS),
        Contender("Wav2Vec2-base (transformers)", _load_wav2vec2, count),
        Contender("HuBERT-large (transformers)", _load_hubert, count),
        Contender("native fp32", _load_ours(Engine.NATIVE, Precision.FP32, count), count),
        Contender("onnx fp32", _load_ours(Engine.ONNX, Precision.FP32, count), count, needs_torch=False),
        Contender("onnx int8", _load_ours(Engine.ONNX, Precision.INT8, count), count, needs_torch=False),
    )


def set_threads(contender: Contender) -> None:
    """Sets the number of PyTorch's threads for this contender; FunASR changes it for the whole process."""
    if contender.needs_torch:
        import torch

        torch.set_num_threads(contender.threads)
