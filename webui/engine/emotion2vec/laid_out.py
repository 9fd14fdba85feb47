"""Products whose constant side is laid out for a GPU once, when a model is loaded."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Product(nn.Module):
    """``x @ weight.T + bias``."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """Takes ``weight`` ``(outputs, inputs)`` and ``bias`` ``(outputs,)``."""
        super().__init__()
        self._weight = weight.detach().contiguous()
        self._bias = bias

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(..., inputs)`` to ``(..., outputs)``."""
        return F.linear(x, self._weight, self._bias)


class GroupedConvProduct(nn.Module):
    """A grouped convolution over time as one product per group, with channels as the last axis.

    What a frame sees is copied side by side first: 19 times the input, but a convolution in groups of 64 channels is
    one that the libraries are slow at (docs/BENCHMARKS.md, gpu).
    """

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        self._groups, self._kernel = conv.groups, conv.kernel_size[0]
        outputs, inputs, kernel = conv.weight.shape  # inputs of one group
        taps = conv.weight.detach().view(self._groups, outputs // self._groups, inputs, kernel)
        self._taps = taps.permute(0, 3, 2, 1).reshape(self._groups, kernel * inputs, -1)  # (G, K * C, C)
        assert conv.bias is not None
        self._bias = conv.bias.detach().view(self._groups, 1, -1)  # (G, 1, C)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(B, T, D)`` to the same shape."""
        batch, frames, dim = x.shape
        around = F.pad(x, (0, 0, self._kernel // 2, self._kernel // 2))
        seen = around.unfold(1, self._kernel, 1)[:, :frames]  # (B, T, D, K), a view
        seen = seen.view(batch, frames, self._groups, -1, self._kernel).permute(2, 0, 1, 4, 3)  # (G, B, T, K, C)
        rows = seen.reshape(self._groups, batch * frames, -1)
        y = torch.baddbmm(self._bias, rows, self._taps)  # (G, B * T, C)
        return y.view(self._groups, batch, frames, -1).permute(1, 2, 0, 3).reshape(batch, frames, dim)
