"""Adapts FunASR to ``EmotionModel``; it is the reference implementation that the native engine is compared with.

This module isolates the side effects of FunASR, which prints to stdout, configures logging, seeds the global random
number generators, sets the number of threads, reports missing tensors only on stdout, silently uses the CPU if there is
no GPU, and is not re-entrant. Importing it takes seconds.
"""

import io
import logging
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import torch

from webui.arrays import FloatArray
from webui.engine.devices import choose_device, concurrency_of
from webui.engine.emotion2vec.checkpoint import CheckpointInfo, read_info
from webui.engine.emotion2vec.files import CONFIG_FILE, SLIM_FILE, TOKENS_FILE
from webui.engine.emotion2vec.network import LAYER_NORM_EPS
from webui.engine.emotion2vec.sizes import Emotion2vecSizes
from webui.engine.protocol import EmotionModel, Prediction, Window, check_window
from webui.errors import CheckpointError, InferenceError, ModelNotFoundError, first_line
from webui.results import ModelInfo, Notice
from webui.settings import Device

logger = logging.getLogger(__name__)

_MISSING_KEY: Final = re.compile(r"miss key in ckpt: ([^,]+),")
_EXPECTED_MISSING: Final = re.compile(r"modality_encoders\.AUDIO\.decoder\.")  # the slim file has no decoder
_LOCK: Final = Lock()  # FunASR changes global state of the process while it runs
STATISTICS_TOLERANCE: Final = 1e-5  # relative; a window with the recording's statistics is the whole recording


def load_funasr_model(
    name: str, directory: Path, weights: Path, *, license: str, device: Device = Device.AUTO, threads: int = 0
) -> EmotionModel:
    """Loads a checkpoint into FunASR.

    Args:
        name: the model's name, for results.
        directory: folder of ``config.yaml`` and ``tokens.txt``.
        weights: the slim ``model.safetensors``.
        license: licence of the weights.
        device: device to run on.
        threads: number of CPU threads; 0 keeps PyTorch's number.

    Raises:
        ModelNotFoundError: FunASR is not installed.
        CheckpointError: the files are damaged, or FunASR reports missing tensors.
        DeviceUnavailableError: the device does not exist or does not work.
    """
    info = read_info(directory)
    chosen = choose_device(device)
    with tempfile.TemporaryDirectory() as folder, _contained() as printed:
        stage = Path(folder)
        for source, target in (
            (directory / CONFIG_FILE, CONFIG_FILE),
            (directory / TOKENS_FILE, TOKENS_FILE),
            (weights, SLIM_FILE),
        ):
            (stage / target).symlink_to(source.resolve())
        pipeline = _build(stage, chosen, threads or torch.get_num_threads())
    missing = [key for key in _MISSING_KEY.findall(printed.getvalue()) if not _EXPECTED_MISSING.match(key)]
    if missing:
        raise CheckpointError("checkpoint.missing", file=weights.name, count=len(missing), names=", ".join(missing[:5]))
    return FunasrModel(name, pipeline, info, license=license, device=chosen)


def _build(stage: Path, device: torch.device, threads: int) -> Any:  # noqa: ANN401 - FunASR has no types
    try:
        from funasr import AutoModel
    except ImportError as err:
        raise ModelNotFoundError("checkpoint.no_funasr", reason=str(err)) from err
    try:
        return AutoModel(
            model=str(stage),
            init_param=str(stage / SLIM_FILE),
            device=str(device),
            ncpu=threads,
            disable_update=True,
            disable_pbar=True,
            disable_log=True,
            log_level="WARNING",
        )
    except (RuntimeError, KeyError, ValueError, AssertionError, OSError) as err:
        raise CheckpointError("checkpoint.damaged", file=SLIM_FILE, reason=first_line(err)) from err


@contextmanager
def _contained() -> Iterator[io.StringIO]:
    """Undoes the side effects of FunASR at the end of the block, and yields what it prints.

    The states of the random number generators, logging and the number of threads are restored.
    """
    root = logging.getLogger()
    handlers, level, threads = list(root.handlers), root.level, torch.get_num_threads()
    random_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 - FunASR seeds the global generator
    printed = io.StringIO()
    with _LOCK, torch.random.fork_rng(devices=[]), redirect_stdout(printed):
        logging.disable(logging.INFO)  # it logs every tensor
        try:
            yield printed
        finally:
            logging.disable(logging.NOTSET)
            random.setstate(random_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
            root.handlers[:] = handlers
            root.setLevel(level)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)


class FunasrModel(Emotion2vecSizes):
    """Runs ``AutoModel.generate`` for each window and computes frame logits from its features with the linear head."""

    notices: tuple[Notice, ...] = ()
    max_batch_s = 0.0  # windows are computed one after the other on every device

    def __init__(
        self,
        name: str,
        pipeline: Any,  # noqa: ANN401
        info: CheckpointInfo,
        *,
        license: str,
        device: torch.device,
    ) -> None:
        self._pipeline = pipeline
        self.concurrency = concurrency_of(device)
        super().__init__(info)
        head = pipeline.model.proj
        self._weight: FloatArray = head.weight.detach().cpu().numpy()  # (L, D)
        self._bias: FloatArray = head.bias.detach().cpu().numpy()  # (L,)
        self.info = ModelInfo(
            name=name,
            engine="funasr",
            precision="fp32",
            device=str(device),
            labels=info.labels.names,
            license=license,
        )

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns one prediction per window, in order.

        Raises:
            InferenceError: a window is too short or has invalid statistics, or FunASR failed.
        """
        predictions = []
        for window in windows:
            check_window(window, min_samples=self.min_samples)
            features = self._features(window)  # (T, D)
            logits = features @ self._weight.T + self._bias  # (T, L)
            predictions.append(Prediction(logits, features if with_features else None))
        return predictions

    def _features(self, window: Window) -> FloatArray:
        samples = np.ascontiguousarray(window.samples, dtype=np.float32)
        statistics = (float(samples.mean(dtype=np.float64)), float(samples.var(dtype=np.float64)))
        is_whole = np.allclose(statistics, (window.mean, window.variance), rtol=STATISTICS_TOLERANCE, atol=1e-9)
        normalizes = bool(self._pipeline.model.cfg.normalize)
        if normalizes and not is_whole:  # FunASR would normalise part of a recording by the statistics of that part
            scale = 1.0 / np.sqrt(window.variance + LAYER_NORM_EPS)
            samples = ((samples - np.float32(window.mean)) * np.float32(scale)).astype(np.float32)
        with _contained():
            self._pipeline.model.cfg.normalize = normalizes and is_whole
            try:
                results = self._pipeline.generate(
                    samples, granularity="frame", extract_embedding=True, disable_pbar=True
                )
            except (RuntimeError, MemoryError, ValueError) as err:
                raise InferenceError("engine.failed", model=self.info.name, reason=first_line(err)) from err
            finally:
                self._pipeline.model.cfg.normalize = normalizes
        features: FloatArray = np.asarray(results[0]["feats"], dtype=np.float32)
        return features
