"""The channel-wise shifts of int8: the mean inputs of the linear layers, which are subtracted before quantization.

A tensor of activations is quantized with one scale and one zero point, and the values of its channels lie far apart. So
most quantization steps would be used for constant differences between channels. If each channel's mean is subtracted
first, and added again through the layer's bias in fp32, only the variation from frame to frame is rounded
(channel-wise shifting: Outlier Suppression+, Wei et al., 2023, arXiv 2304.09145).

Apart from rounding, any shift gives the same function, so synthetic sounds are good enough for calibration; better
shifts would only reduce the rounding errors.
"""

from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from webui.engine.emotion2vec.network import Emotion2vec
from webui.units import SPEECH_RATE

SOUNDS: Final = 9  # number of synthetic sounds
SOUND_S: Final = 2.0  # length of each sound


@torch.inference_mode()
def calibrate_shifts(network: Emotion2vec) -> dict[str, NDArray[np.float32]]:
    """Returns the mean input of each linear layer of the blocks, shape ``(inputs,)``, by the layer's name."""
    sums: dict[str, Tensor] = {}
    frames = 0
    extra = network.config.num_extra_tokens
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear) and "blocks." in name:

            def add(_module: nn.Module, inputs: tuple[Any, ...], at: str = name) -> None:
                total = inputs[0][0, extra:].sum(dim=0, dtype=torch.float64)  # (inputs,)
                sums[at] = sums[at] + total if at in sums else total

            hooks.append(module.register_forward_pre_hook(add))
    try:
        for number in range(SOUNDS):
            features, _ = network(make_sound(number))
            frames += features.shape[1]
    finally:
        for hook in hooks:
            hook.remove()
    return {name: (total / frames).float().numpy() for name, total in sums.items()}


def make_sound(number: int) -> Tensor:
    """Returns a normalised sound of varying pitch and loudness, ``(1, samples)``.

    It is deterministic. ``number`` sets the mixture, from a square wave (0) to noise (``SOUNDS - 1``).
    """
    times = torch.arange(round(SOUND_S * SPEECH_RATE), dtype=torch.float64) / SPEECH_RATE
    pitch = 90 + 30 * number + 20 * torch.sin(2 * torch.pi * (1 + number % 4) * times)
    buzz = torch.sign(torch.sin(2 * torch.pi * torch.cumsum(pitch, dim=0) / SPEECH_RATE))
    loudness = 0.55 + 0.45 * torch.sin(2 * torch.pi * 3 * times + number)
    noise = torch.from_numpy(np.random.default_rng(number).normal(size=len(times)))
    mix = number / (SOUNDS - 1)
    sound = (((1 - mix) * buzz + mix * noise) * loudness + 0.01 * noise).float()
    return F.layer_norm(sound, sound.shape)[None]
