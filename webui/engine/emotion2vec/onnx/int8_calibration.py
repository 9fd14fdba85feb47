"""The channel-wise shifts of int8: the mean inputs of the linear layers, subtracted before quantization.

One scale and one zero point serve a whole tensor of activations, and channels lie far apart: most of the scale's steps
would be spent on differences between channels that are the same in every frame. With each channel's mean subtracted,
and added again through the layer's bias in fp32, only what differs from frame to frame is rounded. (Channel-wise
shifting: Outlier Suppression+, Wei et al., 2023, arXiv 2304.09145.) Any shift gives the same function, so synthetic
sounds do for calibration: better shifts only make the steps smaller.
"""

from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from webui.engine.emotion2vec.network import Emotion2vec
from webui.units import SPEECH_RATE

SOUNDS: Final = 9
SOUND_S: Final = 2.0


@torch.inference_mode()
def calibrate_shifts(network: Emotion2vec) -> dict[str, NDArray[np.float32]]:
    """Returns the mean input of every linear layer of the blocks, shape ``(inputs,)``, by the layer's name."""
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
    """A normalised sound between buzz and noise with moving pitch and loudness; ``(1, samples)``, always the same."""
    times = torch.arange(round(SOUND_S * SPEECH_RATE), dtype=torch.float64) / SPEECH_RATE
    pitch = 90 + 30 * number + 20 * torch.sin(2 * torch.pi * (1 + number % 4) * times)
    buzz = torch.sign(torch.sin(2 * torch.pi * torch.cumsum(pitch, dim=0) / SPEECH_RATE))
    loudness = 0.55 + 0.45 * torch.sin(2 * torch.pi * 3 * times + number)
    noise = torch.from_numpy(np.random.default_rng(number).normal(size=len(times)))
    mix = number / (SOUNDS - 1)
    sound = (((1 - mix) * buzz + mix * noise) * loudness + 0.01 * noise).float()
    return F.layer_norm(sound, sound.shape)[None]
