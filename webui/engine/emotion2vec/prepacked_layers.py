"""Faster layers that replace those of ``network.py`` for inference; their results are the same up to rounding.

``prepack.py`` explains which of them are used where, and why. Shape letters are those of ``network.py``, and Z padding
rows, G groups, K taps of a kernel.
"""

from collections.abc import Callable, Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from webui.engine.emotion2vec.config import Emotion2vecConfig
from webui.engine.emotion2vec.network import Alibi, Attention, Encoder, PositionConv, WaveConv

ROW_STEP: Final = 8  # rows of the attention bias begin at multiples of this many numbers
EXPECTED_ROWS: Final = 512  # rows of a typical input; oneDNN chooses the weights' layout for about that many

GridLength = Callable[[int], int]  # maps a number of frames to the padded number
MakeLinear = Callable[[Tensor, Tensor | None], nn.Module]  # arguments: weight (outputs, inputs) and bias (outputs,)


def exact_length(frames: int) -> int:
    """A ``GridLength`` without padding."""
    return frames


class Product(nn.Module):
    """``x @ weight.T + bias`` with a contiguous weight."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """Takes ``weight`` ``(outputs, inputs)`` and ``bias`` ``(outputs,)``."""
        super().__init__()
        self._weight = weight.detach().contiguous()
        self._bias = bias

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(..., inputs)`` to ``(..., outputs)``."""
        return F.linear(x, self._weight, self._bias)


class PrepackedLinear(nn.Module):
    """``x @ weight.T + bias`` with a weight that is stored in the layout of oneDNN's kernels.

    ``torch.nn.functional.linear`` reorders its weight in each call.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """Takes ``weight`` ``(outputs, inputs)`` and ``bias`` ``(outputs,)``, both on the CPU and in fp32."""
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), EXPECTED_ROWS)
        self._bias = None if bias is None else bias.detach().clone()

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(..., inputs)`` to ``(..., outputs)``."""
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return y


class PaddedLinear(PrepackedLinear):
    """A ``PrepackedLinear`` that pads the number of frames."""

    def __init__(self, weight: Tensor, bias: Tensor | None, grid: GridLength) -> None:
        super().__init__(weight, bias)
        self._grid = grid

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(B, T, inputs)`` to ``(B, T, outputs)``."""
        frames = x.shape[1]
        x = F.pad(x, (0, 0, 0, self._grid(frames) - frames))  # (B, T + Z, inputs)
        return super().forward(x)[:, :frames]


class WaveConvProducts(nn.Module):
    """A ``WaveConv`` computed as a few matrix products, without transpositions.

    The first ``stride`` taps are one product, for which the input is reshaped to rows of ``stride`` steps. Each further
    tap is one product with every ``stride``-th step of the input.
    """

    def __init__(self, layer: WaveConv, linear: MakeLinear) -> None:
        super().__init__()
        conv = layer.conv
        self._inputs, self._kernel, self._stride = conv.in_channels, conv.kernel_size[0], conv.stride[0]
        self.norm = layer.norm
        self.products = nn.ModuleList(linear(matrix.T, None) for matrix in self._matrices(conv.weight))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(B, time, inputs)`` to ``(B, (time - kernel) // stride + 1, channels)``."""
        parts = [product(rows) for product, rows in zip(self.products, self._rows(x), strict=True)]
        y: Tensor = parts[0]  # (B, frames, channels)
        for part in parts[1:]:
            y = y + part
        return F.gelu(self.norm(y))

    def _matrices(self, weight: Tensor) -> list[Tensor]:
        """Returns the right factors of the products, ``(taps * inputs, channels)`` each."""
        taps = weight.permute(2, 1, 0)  # (K, inputs, channels)
        if self._inputs == 1:
            return [taps.squeeze(1)]
        first_taps = min(self._kernel, self._stride)
        return [taps[:first_taps].reshape(first_taps * self._inputs, -1), *taps[self._stride :]]

    def _rows(self, x: Tensor) -> list[Tensor]:
        """Returns the left factors of the products, ``(B, frames, taps * inputs)`` each."""
        batch, time = x.shape[:2]
        inputs, kernel, stride = self._inputs, self._kernel, self._stride
        frames = (time - kernel) // stride + 1
        taps = [x[:, tap::stride][:, :frames] for tap in range(kernel)]  # (B, frames, inputs) each
        if inputs == 1:  # the waveform itself is so small that copying its taps side by side takes no time
            return [torch.cat(taps, dim=2)]
        rows = x[:, : frames * stride].reshape(batch, frames, stride * inputs)
        return [rows[..., : min(kernel, stride) * inputs], *taps[stride:]]


class WaveProducts(nn.Sequential):
    """All convolutions of the waveform, computed piece by piece.

    This is possible because a frame depends only on its own samples. On the CPU the activations of a piece fit into the
    processor's cache; those of 30 s would take 200 MB.

    Args:
        layers: the layers in their order.
        config: sizes of the network.
        piece_frames: number of frames in a piece; None computes all frames at once.
        grid: function that pads the number of frames.
    """

    def __init__(
        self,
        layers: Sequence[WaveConvProducts],
        config: Emotion2vecConfig,
        *,
        piece_frames: int | None = None,
        grid: GridLength = exact_length,
    ) -> None:
        super().__init__(*layers)
        self._hop, self._receptive = config.hop_samples, config.receptive_samples
        self.piece_frames = piece_frames
        self._grid = grid

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(B, S, 1)`` to ``(B, T, C)``."""
        frames = (x.shape[1] - self._receptive) // self._hop + 1
        rows = self._grid(frames)  # T + Z
        missing = self._samples(rows) - x.shape[1]
        x = F.pad(x, (0, 0, 0, missing)) if missing > 0 else x
        size = self.piece_frames if self.piece_frames is not None else rows
        pieces = []
        for first in range(0, rows, size):
            start = first * self._hop
            stop = start + self._samples(min(size, rows - first))
            piece = x[:, start:stop]
            for layer in self:
                piece = layer(piece)
            pieces.append(piece)  # (B, size, C)
        x = pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)  # (B, T + Z, C)
        return x[:, :frames]

    def _samples(self, frames: int) -> int:
        """Returns the number of samples that ``frames`` frames depend on."""
        return (frames - 1) * self._hop + self._receptive


class GroupedPositionConv(nn.Module):
    """A ``PositionConv`` computed as one matrix product per group, without transpositions.

    All inputs of each frame are copied side by side first. The copy is 19 times as large as the input, but still faster
    than the libraries' convolutions with groups of 64 channels (docs/BENCHMARKS.md, gpu).
    """

    def __init__(self, layer: PositionConv) -> None:
        super().__init__()
        conv = layer.conv
        if conv.bias is None:
            raise ValueError("a positional convolution without bias")
        self._groups, self._kernel = conv.groups, conv.kernel_size[0]
        self.norm = layer.norm
        outputs, inputs, kernel = conv.weight.shape  # inputs: channels of one group
        taps = conv.weight.detach().view(self._groups, outputs // self._groups, inputs, kernel)
        self._taps = taps.permute(0, 3, 2, 1).reshape(self._groups, kernel * inputs, -1)  # (G, K * D / G, D / G)
        self._bias = conv.bias.detach().view(self._groups, 1, -1)  # (G, 1, D / G)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(B, T, D)`` to the same shape."""
        batch, frames, dim = x.shape
        padded = F.pad(x, (0, 0, self._kernel // 2, self._kernel // 2))
        windows = padded.unfold(1, self._kernel, 1)[:, :frames]  # (B, T, D, K), a view
        windows = windows.view(batch, frames, self._groups, -1, self._kernel).permute(2, 0, 1, 4, 3)
        rows = windows.reshape(self._groups, batch * frames, -1)  # (G, B * T, K * D / G)
        y = torch.baddbmm(self._bias, rows, self._taps)  # (G, B * T, D / G)
        y = y.view(self._groups, batch, frames, -1).permute(1, 2, 0, 3).reshape(batch, frames, dim)
        return F.gelu(self.norm(y))


class AlignedAlibi(Alibi):
    """An ``Alibi`` whose rows begin at multiples of ``ROW_STEP`` numbers, with padding rows at the end.

    On a GPU, PyTorch would copy the whole bias in every block if its rows were not aligned.
    """

    def __init__(self, alibi: Alibi, *, grid: GridLength = exact_length) -> None:
        super().__init__(len(alibi.slopes), alibi.extra_tokens)
        self.scale = alibi.scale
        self.slopes = alibi.slopes
        self._grid = grid

    def forward(self, frames: int, valid: Tensor | None = None, *, dtype: torch.dtype = torch.float32) -> Tensor:
        """Returns the bias, shape ``(1 or B, H, X + T + Z, X + T)``; it is 0 from the Z padding rows."""
        extra, steps = self.extra_tokens, self.extra_tokens + frames
        distances, weights = self.distances(frames), self.weights()  # (T, T), (H,)
        width = -(-steps // ROW_STEP) * ROW_STEP  # W
        shape = (1, len(weights), extra + self._grid(frames), width)
        bias = torch.zeros(shape, device=distances.device, dtype=dtype)  # (1, H, X + T + Z, W)
        between_frames = bias[0, :, extra:steps, extra:steps]  # (H, T, T), a view
        if dtype is distances.dtype:
            between_frames.copy_(distances).mul_(-weights[:, None, None])  # in place: it is 150 MB for 30 s
        else:
            between_frames.copy_(distances * -weights[:, None, None])
        if valid is not None:
            padding = F.pad(~valid, (extra, width - steps), value=False)[:, None, None, :]  # (B, 1, 1, W)
            bias = bias.masked_fill(padding, float("-inf"))
        return bias[..., :steps]


class UnpaddedAttention(Attention):
    """An ``Attention`` with padding rows at the end: they are used as queries, but not as keys and values."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """Maps three times ``(B, H, X + T + Z, D / H)`` to the same shape."""
        steps = bias.shape[3]  # X + T
        return super().forward(query, key[:, :, :steps], value[:, :, :steps], bias)


class PaddedEncoder(Encoder):
    """An ``Encoder`` that adds the padding rows of the bias to the input of its blocks."""

    def __init__(self, encoder: Encoder) -> None:
        nn.Module.__init__(self)  # not Encoder's, because existing layers are used
        self.norm, self.context_blocks, self.blocks = encoder.norm, encoder.context_blocks, encoder.blocks

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Maps ``(B, X + T, D)`` to the same shape; ``bias`` is ``(1 or B, H, X + T + Z, X + T)``."""
        steps = x.shape[1]
        x = F.pad(x, (0, 0, 0, bias.shape[2] - steps))  # (B, X + T + Z, D)
        return super().forward(x, bias)[:, :steps]
