"""Speech classifiers of Hugging Face transformers behind the engine protocol: Wav2Vec2, HuBERT, WavLM and their kin.

These networks average the frames before a linear classifier, so each frame has logits of its own whose mean is the
recording's.
"""

import json
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from safetensors import SafetensorError

from webui.arrays import FloatArray
from webui.engine.devices import choose_device, concurrency_of
from webui.engine.protocol import EmotionModel, Prediction, Window, check_window
from webui.errors import CheckpointError, InferenceError, first_line
from webui.labels import ALIASES, LabelSet
from webui.results import ModelInfo, Notice
from webui.settings import Device

if TYPE_CHECKING:
    import torch

PREPROCESSOR_FILE: Final = "preprocessor_config.json"
SAMPLE_RATE: Final = 16_000
CONTEXT_S: Final = 5.0  # of the windows of a long recording
NORM_EPS: Final = 1e-7  # of transformers' own normalisation


def load_transformers(
    name: str, folder: Path, *, license: str, device: Device = Device.AUTO, threads: int = 0
) -> EmotionModel:
    """Loads a classifier from a folder, without asking any hub.

    Args:
        name: the model's name, as results say it.
        folder: holds ``config.json`` and the weights.
        license: of the weights.
        device: where it shall run.
        threads: CPU threads of the whole process; 0 leaves PyTorch's choice.

    Raises:
        CheckpointError: not a classifier of audio that this can run, damaged, or transformers is not installed.
        DeviceUnavailableError: the device doesn't work.
    """
    import torch

    try:
        import transformers
    except ImportError as err:
        raise CheckpointError("checkpoint.needs_transformers", model=name) from err
    if threads > 0:
        torch.set_num_threads(threads)
    place = choose_device(device)
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        network = transformers.AutoModelForAudioClassification.from_pretrained(folder, local_files_only=True)
        normalize = _normalizes(folder)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as err:
        reason = first_line(err)
        raise CheckpointError("checkpoint.not_transformers", model=name, reason=reason) from err
    finally:
        transformers.logging.set_verbosity(before)
    if not hasattr(network, "projector") or not hasattr(network.config, "conv_stride"):
        kind = type(network).__name__
        raise CheckpointError("checkpoint.not_transformers", model=name, reason=f"{kind} does not take a waveform")
    network = network.eval().requires_grad_(False).to(place)
    return TransformersModel(name, network, normalize=normalize, license=license, place=place)


def _normalizes(folder: Path) -> bool:
    """Returns whether waveforms are brought to mean 0 and variance 1; transformers' own default if nothing says."""
    path = folder / PREPROCESSOR_FILE
    return bool(json.loads(path.read_text("utf-8")).get("do_normalize", True)) if path.is_file() else True


class TransformersModel:
    """A classifier on a device. One window at a time: padding would change what Wav2Vec2-base says."""

    sample_rate = SAMPLE_RATE
    max_batch_s = 0.0  # it computes one window after the other on every device
    notices: tuple[Notice, ...] = ()
    context_samples = round(CONTEXT_S * SAMPLE_RATE)

    def __init__(
        self,
        name: str,
        network: Any,  # noqa: ANN401 - transformers' classes share no base that says all this
        *,
        normalize: bool,
        license: str,
        place: "torch.device",
    ) -> None:
        config = network.config
        self._network = network
        self._normalize = normalize
        self._place = place
        self.concurrency = concurrency_of(place)
        names = tuple(str(config.id2label[number]) for number in range(config.num_labels))
        emotions = tuple(ALIASES.get(label.strip().lower()) for label in names)
        self.labels = LabelSet(names, emotions, (True,) * len(names))
        hop = prod(config.conv_stride)
        self.frame_rate = SAMPLE_RATE / hop
        self.min_samples = _receptive(config.conv_kernel, config.conv_stride)
        self.embedding_dim = int(config.hidden_size)
        self.info = ModelInfo(
            name=name, engine="transformers", precision="fp32", device=str(place), labels=names, license=license
        )

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns one prediction per window, in order. Features are the last hidden states.

        Raises:
            InferenceError: a window is too short or holds numbers that are not finite, or the network failed.
        """
        for window in windows:
            check_window(window, min_samples=self.min_samples)
        return [self._predict(window, with_features) for window in windows]

    def _predict(self, window: Window, with_features: bool) -> Prediction:
        import torch

        samples = window.samples
        if self._normalize:
            samples = (samples - np.float32(window.mean)) / np.float32(np.sqrt(window.variance + NORM_EPS))
        network, config = self._network, self._network.config
        weighted = bool(getattr(config, "use_weighted_layer_sum", False))
        try:
            with torch.inference_mode():
                given = torch.from_numpy(np.asarray(samples, dtype=np.float32))[None].to(self._place)  # (1, S)
                encoded = network.base_model(given, output_hidden_states=weighted)
                hidden = encoded.last_hidden_state  # (1, T, D)
                if weighted:
                    layers = torch.stack(tuple(encoded.hidden_states), dim=-1)  # (1, T, D, layers)
                    hidden = layers @ torch.softmax(network.layer_weights, dim=-1)
                logits = network.classifier(network.projector(hidden))[0]  # (T, labels)
            answer = _to_numpy(logits)
            features = _to_numpy(encoded.last_hidden_state[0]) if with_features else None
        except (RuntimeError, MemoryError) as err:
            reason = first_line(err)
            raise InferenceError("engine.failed", model=self.info.name, reason=reason) from err
        if not np.isfinite(answer).all():
            raise InferenceError("engine.not_a_number", model=self.info.name)
        return Prediction(answer, features)


def _receptive(kernels: Sequence[int], strides: Sequence[int]) -> int:
    """Samples that one frame sees: 400."""
    samples = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        samples = (samples - 1) * stride + kernel
    return samples


def _to_numpy(values: "torch.Tensor") -> FloatArray:
    array: FloatArray = values.float().cpu().numpy()
    return array
