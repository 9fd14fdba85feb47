"""Replaces layers of the network with the faster ones of ``prepacked_layers.py``.

The results stay the same up to rounding. docs/BENCHMARKS.md lists the gain of each step:

- The convolutions of the waveform become matrix products, which keep the channels in the last axis, as LayerNorm needs
  them. On the CPU they are computed in pieces of 2 s.
- On a GPU a positional convolution becomes one matrix product per group of channels.
- On the CPU weights are prepacked (reordered) once for oneDNN's kernels; ``torch.nn.functional.linear`` does so in each
  call. oneDNN allocates buffers for every number of rows it encounters, so the rows are padded to one of 74 lengths,
  and attention ignores the padding.
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

PIECE_FRAMES: Final = 100  # 2 s: how much of a waveform the convolutions process at a time on the CPU
GRIDS: Final = ((800, 50), (400, 20), (0, 10))  # (minimum number of frames, lengths are padded to multiples of this)
TOLERANCE: Final = 1e-4  # of the test in ``can_prepack``, whose values are around 1


def prepack_for_cpu(network: Emotion2vec) -> None:
    """Replaces layers with ones that are faster on a CPU. Afterwards the network can only run inference on the CPU.

    Weights are only prepacked for oneDNN in fp32, and if this PyTorch supports it; the other steps are always taken.
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
    # Copy the remaining parameters, so that nothing refers to the mapped file and its pages can be freed.
    for parameter in network.parameters():
        parameter.data = parameter.data.clone()


def prepack_for_gpu(network: Emotion2vec) -> None:
    """Replaces layers with ones that are faster on a GPU. Afterwards the network can only run inference on that GPU."""
    _replace_wave(network, Product)
    positions = cast("Iterable[PositionConv]", network.positions)
    network.positions = nn.ModuleList(GroupedPositionConv(layer) for layer in positions)
    network.alibi = AlignedAlibi(network.alibi)


def can_prepack() -> bool:
    """Returns whether this PyTorch has oneDNN's routines and their results equal those of ``linear``.

    They are not a public interface: PyTorch has them for its own compiler, in ``torch.ops.mkldnn``.
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
    """Returns the number of frames that ``frames`` are padded to.

    oneDNN never frees the buffers it allocates for a number of rows; without padding, a few hundred clips of different
    lengths would take more memory than the weights. There are 74 padded lengths up to 30 s.
    """
    step = next(step for least, step in GRIDS if frames >= least)
    return -(-frames // step) * step


def _replace_wave(
    network: Emotion2vec, linear: MakeLinear, *, piece_frames: int | None = None, grid: GridLength = exact_length
) -> None:
    layers = [WaveConvProducts(layer, linear) for layer in cast("Iterable[WaveConv]", network.wave)]
    network.wave = WaveProducts(layers, network.config, piece_frames=piece_frames, grid=grid)
