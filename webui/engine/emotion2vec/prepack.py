"""Matrix products whose constant side is laid out for the CPU once, when a model is loaded.

``torch.nn.functional.linear`` hands its weight to the library's general routine at each call. oneDNN, which PyTorch
brings, can bring a weight into the order in which its kernels read it beforehand: ``docs/BENCHMARKS.md`` says what
that gains. PyTorch offers this to its own compiler only, under ``torch.ops.mkldnn``; a build without it, or where it
does not give the same numbers, computes as before.
"""

import logging
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from webui.errors import first_line

logger = logging.getLogger(__name__)

ROWS: Final = 512  # rows of a usual product; oneDNN lays the weight out for about that many
TOLERANCE: Final = 1e-4  # of the trial's values, which are around 1


class PrepackedLinear(nn.Module):
    """``x @ weight.T + bias`` with the weight laid out beforehand."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """Takes ``weight`` ``(outputs, inputs)`` and ``bias`` ``(outputs,)``; both on the CPU, in fp32."""
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), ROWS)
        self._bias = None if bias is None else bias.detach().clone()

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(..., inputs)`` to ``(..., outputs)``."""
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return y


def can_prepack() -> bool:
    """Returns whether this PyTorch has the routines, and they compute what ``linear`` does."""
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(48, 64, generator=generator) / 8, torch.randn(48, generator=generator)
    x = torch.randn(2, 5, 64, generator=generator)
    try:
        with torch.inference_mode():
            gap = float((PrepackedLinear(weight, bias)(x) - F.linear(x, weight, bias)).abs().max())
    except (AttributeError, RuntimeError) as err:  # another version of PyTorch, or a processor that has no kernel
        logger.info("weights are not packed: %s", first_line(err))
        return False
    return gap < TOLERANCE
