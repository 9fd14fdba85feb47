"""Arranges a network's layers for speed; ``prepacked_layers.py`` has the layers that take the place of the plain ones.

The numbers stay the same up to rounding; docs/BENCHMARKS.md says what each step gains:

- The convolutions of the waveform become matrix products, which keep the channels last, as LayerNorm needs them; on the
  CPU they are computed in pieces of 2 s.
- On a GPU a positional convolution becomes one product per group of channels.
- On the CPU weights are reordered once for oneDNN's kernels; ``torch.nn.functional.linear`` does so at each call.
  oneDNN keeps buffers for every number of rows it meets, so rows are padded to one of 74 lengths, and attention
  ignores the spare ones.
"""

import logging
from collections.abc import Iterable
from typing import Final, cast

import torch
import torch.nn.functional as F
from torch import nn

from webui.engine.emotion2vec.network import Block, Emotion2vec, PositionConv, WaveConv
from webui.engine.emotion2vec.prepacked_layers import (
    AlignedAlibi,
    GridLength,
    GroupedPositionConv,
    MakeLinear,
    PaddedEncoder,
    PaddedLinear,
    PrepackedLinear,
    Product,
    UnpaddedAttention,
    WaveConvProducts,
    WaveProducts,
    exact_length,
)
from webui.errors import first_line

logger = logging.getLogger(__name__)

PIECE_FRAMES: Final = 100  # 2 s: how much of a waveform the convolutions compute at a time on the CPU
GRIDS: Final = ((800, 50), (400, 20), (0, 10))  # (from so many frames on, lengths are multiples of this)
TOLERANCE: Final = 1e-4  # of the trial's values, which are around 1


def prepack_for_cpu(network: Emotion2vec) -> None:
    """Replaces layers by ones that are faster on a CPU; the network is for inference on the CPU from then on.

    Weights are prepacked for oneDNN in fp32 alone, and where PyTorch offers it; the other steps are taken in any case.
    """
    if network.project.weight.dtype is not torch.float32 or not can_prepack():
        _replace_wave(network, Product, piece_frames=PIECE_FRAMES)
        network.alibi = AlignedAlibi(network.alibi)
        return
    _replace_wave(network, PrepackedLinear, piece_frames=PIECE_FRAMES, grid=grid_length)
    network.add_module("project", PaddedLinear(network.project.weight, network.project.bias, grid_length))
    network.alibi = AlignedAlibi(network.alibi, grid=grid_length)
    network.encoder = PaddedEncoder(network.encoder)
    for block in cast("Iterable[Block]", (*network.encoder.context_blocks, *network.encoder.blocks)):
        block.attention = UnpaddedAttention()
        for name, child in [*block.named_children()]:
            if isinstance(child, nn.Linear):
                block.add_module(name, PrepackedLinear(child.weight, child.bias))
    for parameter in network.parameters():  # the last that refer to the mapped file, which keeps what was prepacked
        parameter.data = parameter.data.clone()


def prepack_for_gpu(network: Emotion2vec) -> None:
    """Replaces layers by ones that are faster on a GPU; the network is for inference on that GPU from then on."""
    _replace_wave(network, Product)
    positions = cast("Iterable[PositionConv]", network.positions)
    network.positions = nn.ModuleList(GroupedPositionConv(layer) for layer in positions)
    network.alibi = AlignedAlibi(network.alibi)


def can_prepack() -> bool:
    """Returns whether this PyTorch has oneDNN's routines, and they compute what ``linear`` does.

    PyTorch offers them to its own compiler only, under ``torch.ops.mkldnn``.
    """
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(48, 64, generator=generator) / 8, torch.randn(48, generator=generator)
    x = torch.randn(2, 5, 64, generator=generator)
    try:
        with torch.inference_mode():
            difference = float((PrepackedLinear(weight, bias)(x) - F.linear(x, weight, bias)).abs().max())
    except (AttributeError, RuntimeError) as err:  # another version of PyTorch, or a processor that has no kernel
        logger.info("weights are not prepacked: %s", first_line(err))
        return False
    return difference < TOLERANCE


def grid_length(frames: int) -> int:
    """Returns the length that ``frames`` are padded to: oneDNN never frees its buffers for a number of rows.

    One of 74 up to 30 s. With every length that occurs, a few hundred clips would take more memory than the weights.
    """
    step = next(step for least, step in GRIDS if frames >= least)
    return -(-frames // step) * step


def _replace_wave(
    network: Emotion2vec, linear: MakeLinear, *, piece_frames: int | None = None, grid: GridLength = exact_length
) -> None:
    layers = [WaveConvProducts(layer, linear) for layer in cast("Iterable[WaveConv]", network.wave)]
    network.wave = WaveProducts(layers, network.config, piece_frames=piece_frames, grid=grid)
