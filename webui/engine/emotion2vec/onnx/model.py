"""The ONNX engine: implements ``EmotionModel`` with an exported model in ONNX Runtime, without PyTorch.

The file's metadata replaces a checkpoint's small files: labels, sizes, precision, and the checkpoint that the file was
exported from. Normalisation is part of the graph.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors
from pydantic import BaseModel, ConfigDict, ValidationError

from webui.arrays import FloatArray
from webui.engine.emotion2vec.sizes import CONTEXT_S
from webui.engine.protocol import CPU_CONCURRENCY, Prediction, Window, check_window
from webui.errors import CheckpointError, DeviceUnavailableError, InferenceError, first_line
from webui.labels import LabelSet
from webui.results import ModelInfo, Notice
from webui.settings import Device
from webui.units import SPEECH_RATE

ABOUT_KEY: Final = "emotion2vec"  # key of the file's metadata
SHRINK_S: Final = 10.0  # after longer windows memory is freed: 450 MB for 30 s; it takes 3 % of the computing time
_RUNTIME_ERRORS: Final = (
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidProtobuf,
    runtime_errors.NoSuchFile,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
)


class About(BaseModel):
    """The metadata of an exported file.

    Attributes:
        precision: precision of the weights: fp32, fp16 or int8.
        tokens: lines of the checkpoint's ``tokens.txt``.
        hop_samples: distance between consecutive frames, in samples.
        min_samples: length of the shortest input, in samples.
        embed_dim: length of a feature vector.
        source_sha256: SHA-256 of the published checkpoint.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: str
    tokens: tuple[str, ...]
    hop_samples: int
    min_samples: int
    embed_dim: int
    source_sha256: str

    def as_metadata(self) -> str:
        """Returns the metadata as the text that is stored in the file."""
        return self.model_dump_json()


def load_onnx(name: str, path: Path, *, license: str, device: Device = Device.AUTO, threads: int = 0) -> "OnnxModel":
    """Loads an exported model.

    Args:
        name: the model's name, for results.
        path: path of a file that ``export_onnx`` wrote.
        license: licence of the weights.
        device: ``auto`` or ``cpu``.
        threads: number of CPU threads; 0 takes one per core.

    Raises:
        CheckpointError: the file is missing or damaged, or was not written by ``export_onnx``.
        DeviceUnavailableError: this engine does not run on the device.
    """
    if device not in {Device.AUTO, Device.CPU}:
        raise DeviceUnavailableError("engine.no_device", found=device.value, expected=Device.CPU.value)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or _cores()
    options.log_severity_level = 3  # log only errors, which are also raised
    options.enable_mem_pattern = False  # memory plans per input length: not faster, and take 200 MB more for 30 s
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        about = About.model_validate_json(session.get_modelmeta().custom_metadata_map.get(ABOUT_KEY, ""))
    except (*_RUNTIME_ERRORS, ValidationError, ValueError) as err:
        raise CheckpointError("checkpoint.not_exported", file=path.name, reason=first_line(err)) from err
    return OnnxModel(name, session, about, license=license)


class OnnxModel:
    """A session of ONNX Runtime on the CPU. Windows are not batched, because that would not be faster."""

    sample_rate = SPEECH_RATE
    max_batch_s = 0.0
    concurrency = CPU_CONCURRENCY
    notices: tuple[Notice, ...] = ()

    def __init__(self, name: str, session: Any, about: About, *, license: str) -> None:  # noqa: ANN401 - has no types
        self._session = session
        self.about = about
        self.labels = LabelSet.from_tokens(about.tokens)
        self.frame_rate = self.sample_rate / about.hop_samples
        self.embedding_dim = about.embed_dim
        self.min_samples = about.min_samples
        self.context_samples = round(CONTEXT_S * self.sample_rate)
        self.info = ModelInfo(
            name=name,
            engine="onnx",
            precision=about.precision,
            device="cpu",
            labels=self.labels.names,
            license=license,
        )

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns one prediction per window, in order.

        Raises:
            InferenceError: a window is too short or has invalid statistics, or ONNX Runtime failed.
        """
        for window in windows:
            check_window(window, min_samples=self.min_samples)
        return [self._predict(window, with_features) for window in windows]

    def _predict(self, window: Window, with_features: bool) -> Prediction:
        inputs = {
            "waveforms": np.ascontiguousarray(window.samples, dtype=np.float32)[None],  # (1, S)
            "samples": np.array([len(window.samples)], dtype=np.int64),
            "mean": np.array([window.mean], dtype=np.float32),
            "variance": np.array([window.variance], dtype=np.float32),
        }
        outputs = ["logits", "features"] if with_features else ["logits"]
        options = onnxruntime.RunOptions()
        if len(window.samples) > SHRINK_S * self.sample_rate:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        try:
            results: list[FloatArray] = self._session.run(outputs, inputs, options)
        except (*_RUNTIME_ERRORS, MemoryError) as err:
            raise InferenceError("engine.failed", model=self.info.name, reason=first_line(err)) from err
        if not all(np.isfinite(values).all() for values in results):
            raise InferenceError("engine.not_a_number", model=self.info.name)
        return Prediction(results[0][0], results[1][0] if with_features else None)


def _cores() -> int:
    """Returns the number of cores that this process may use; ONNX Runtime's default is the machine's number."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
