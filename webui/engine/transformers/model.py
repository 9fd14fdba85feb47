"""Adapts speech classifiers of Hugging Face transformers to ``EmotionModel``: Wav2Vec2, HuBERT, WavLM and similar.

These networks average the frames' features before a linear classifier. Classifying each frame and averaging the logits
gives the same result, so frame logits are available.
"""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from safetensors import SafetensorError

from webui.arrays import FloatArray
from webui.engine.devices import choose_device, concurrency_of
from webui.engine.protocol import EmotionModel, Prediction, Window, check_window
from webui.engine.transformers.family import ENGINE
from webui.engine.transformers.preprocessor import read_preprocessor
from webui.errors import CheckpointError, InferenceError, first_line
from webui.labels import ALIASES, LabelSet
from webui.results import ModelInfo, Notice
from webui.settings import Device

if TYPE_CHECKING:
    import torch

CONTEXT_S: Final = 5.0  # overlap of the windows of a long recording
NORM_EPS: Final = 1e-7  # added to the variance, as the feature extractor of transformers does


def load_transformers(
    name: str, folder: Path, *, license: str, device: Device = Device.AUTO, threads: int = 0
) -> EmotionModel:
    """Loads a classifier from a folder, without connecting to a hub.

    Args:
        name: the model's name, for its results.
        folder: the folder of ``config.json``, ``preprocessor_config.json`` and the weights.
        license: the licence of the weights.
        device: the device to run on.
        threads: number of CPU threads of the whole process; 0 leaves PyTorch's choice.

    Raises:
        CheckpointError: the files are damaged, the model is not a supported audio classifier, or transformers is not
            installed.
        DeviceUnavailableError: the device does not exist or does not work.
    """
    import torch

    try:
        import transformers
    except ImportError as err:
        raise CheckpointError("checkpoint.needs_transformers", model=name) from err
    if threads > 0:
        torch.set_num_threads(threads)
    preprocessor = read_preprocessor(name, folder)
    torch_device = choose_device(device)
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        network = transformers.AutoModelForAudioClassification.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as err:
        reason = first_line(err)
        raise CheckpointError("checkpoint.not_transformers", model=name, reason=reason) from err
    finally:
        transformers.logging.set_verbosity(before)
    if not hasattr(network, "projector") or not hasattr(network.config, "conv_stride"):
        kind = type(network).__name__
        raise CheckpointError("checkpoint.not_transformers", model=name, reason=f"{kind} does not take a waveform")
    network = network.eval().requires_grad_(False).to(torch_device)
    return TransformersModel(
        name,
        network,
        sample_rate=preprocessor.sample_rate,
        normalize=preprocessor.normalize,
        license=license,
        device=torch_device,
    )


class TransformersModel:
    """A classifier on a device. Windows are not batched, because padding would change the results of Wav2Vec2-base."""

    max_batch_s = 0.0  # windows are computed one after the other on every device
    notices: tuple[Notice, ...] = ()

    def __init__(
        self,
        name: str,
        network: Any,  # noqa: ANN401 - transformers' classes share no base class with these attributes
        *,
        sample_rate: int,
        normalize: bool,
        license: str,
        device: "torch.device",
    ) -> None:
        config = network.config
        self._network = network
        self._normalize = normalize
        self._device = device
        self.sample_rate = sample_rate
        self.context_samples = round(CONTEXT_S * sample_rate)
        self.concurrency = concurrency_of(device)
        names = tuple(str(config.id2label[number]) for number in range(config.num_labels))
        emotions = tuple(ALIASES.get(label.strip().lower()) for label in names)
        self.labels = LabelSet(names, emotions, (True,) * len(names))
        self.frame_rate = sample_rate / prod(config.conv_stride)
        self.min_samples = _receptive_field(config.conv_kernel, config.conv_stride)
        self.embedding_dim = int(config.hidden_size)
        self.info = ModelInfo(
            name=name, engine=ENGINE, precision="fp32", device=str(device), labels=names, license=license
        )

    def predict(self, windows: Sequence[Window], *, with_features: bool = False) -> list[Prediction]:
        """Returns one prediction per window, in order. Features are the last hidden states.

        Raises:
            InferenceError: a window is too short or has invalid statistics, or the network failed.
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
                waveforms = torch.from_numpy(np.asarray(samples, dtype=np.float32))[None].to(self._device)  # (1, S)
                encoded = network.base_model(waveforms, output_hidden_states=weighted)
                hidden = encoded.last_hidden_state  # (1, T, D)
                if weighted:
                    layers = torch.stack(tuple(encoded.hidden_states), dim=-1)  # (1, T, D, layers)
                    hidden = layers @ torch.softmax(network.layer_weights, dim=-1)
                logits = network.classifier(network.projector(hidden))[0]  # (T, labels)
            frame_logits = _to_numpy(logits)
            features = _to_numpy(encoded.last_hidden_state[0]) if with_features else None
        except (RuntimeError, MemoryError) as err:
            reason = first_line(err)
            raise InferenceError("engine.failed", model=self.info.name, reason=reason) from err
        if not np.isfinite(frame_logits).all():
            raise InferenceError("engine.not_a_number", model=self.info.name)
        return Prediction(frame_logits, features)


def _receptive_field(kernels: Sequence[int], strides: Sequence[int]) -> int:
    """Returns the number of samples that a frame depends on: 400 for the usual seven layers."""
    samples = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        samples = (samples - 1) * stride + kernel
    return samples


def _to_numpy(values: "torch.Tensor") -> FloatArray:
    array: FloatArray = values.float().cpu().numpy()
    return array
