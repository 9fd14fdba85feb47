"""Emotion2vec in plain PyTorch: the network of Emotion2Vec+ seed, base and large.

    waveform -> 7 convolutions (50 frames a second) -> projection -> 5 positional convolutions -> 4 + 8 transformer
    blocks with ALiBi -> features -> linear head -> frame logits

The architecture is data2vec 2.0's audio encoder (Baevski et al., 2022, arXiv 2212.07525) as emotion2vec uses it
(Ma et al., 2023, arXiv 2312.15185). Sizes come from the checkpoint's ``config.yaml``; ``checkpoint.py`` maps the
published tensor names to the names here. This file contains only the mathematics; ``prepack.py`` replaces layers with
faster ones that compute the same.

Shape letters: B batch, S samples, C channels, T frames, X extra tokens, D embedding, H heads, L labels. Time is always
the second axis, and channels are the last.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from webui.engine.emotion2vec.config import Emotion2vecConfig

LAYER_NORM_EPS: Final = 1e-5  # of the waveform's normalisation and of all norms outside the blocks


class WaveConv(nn.Module):
    """A strided convolution without bias, LayerNorm over the channels, GELU."""

    def __init__(self, inputs: int, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, channels, kernel, stride=stride, bias=False)
        self.norm = nn.LayerNorm(channels, eps=LAYER_NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(B, time, inputs)`` to ``(B, (time - kernel) // stride + 1, channels)``."""
        x = self.conv(x.transpose(1, 2)).transpose(1, 2)  # (B, time / stride, channels)
        return F.gelu(self.norm(x))


class PositionConv(nn.Module):
    """A grouped convolution over time, LayerNorm without weights, GELU."""

    def __init__(self, config: Emotion2vecConfig) -> None:
        super().__init__()
        kernel = max(3, config.conv_pos_width // config.conv_pos_depth)
        dim = config.embed_dim
        self.conv = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=config.conv_pos_groups)
        self.norm = nn.LayerNorm(dim, eps=LAYER_NORM_EPS, elementwise_affine=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(B, T, D)`` to the same shape."""
        frames = x.shape[1]
        x = self.conv(x.transpose(1, 2))  # (B, D, T), or T + 1 if the kernel is even
        return F.gelu(self.norm(x[..., :frames].transpose(1, 2)))  # (B, T, D)


class Alibi(nn.Module):
    """Attention with linear biases (Press et al., 2022, arXiv 2108.12409): distant frames get less attention.

    ``bias[h, i, j] = -slope[h] * max(scale[h], 0) * |i - j|`` between frames i and j, with learnt scales. The bias from
    and to the extra tokens is 0, because they have no position.
    """

    slopes: Tensor

    def __init__(self, heads: int, extra_tokens: int) -> None:
        super().__init__()
        self.extra_tokens = extra_tokens
        self.scale = nn.Parameter(torch.ones(1, 1, heads, 1, 1))
        # On the CPU even inside ``torch.device("meta")``: checkpoints don't contain the slopes.
        self.register_buffer("slopes", torch.tensor(alibi_slopes(heads), device="cpu"), persistent=False)  # (H,)

    def forward(self, frames: int, valid: Tensor | None = None, *, dtype: torch.dtype = torch.float32) -> Tensor:
        """Returns the bias that is added to the attention scores.

        Args:
            frames: number of frames, T.
            valid: which frames belong to the waveform and not to its padding, ``(B, T)``; None if nothing is padded.
            dtype: number format of the result.

        Returns:
            ``(1, H, X + T, X + T)``, or ``(B, ...)`` with -inf towards frames that are not ``valid``.
        """
        bias = self.distances(frames) * -self.weights()[:, None, None]  # (H, T, T)
        bias = F.pad(bias, (self.extra_tokens, 0, self.extra_tokens, 0))[None].to(dtype)  # (1, H, X + T, X + T)
        if valid is not None:
            padding = F.pad(~valid, (self.extra_tokens, 0), value=False)  # (B, X + T)
            bias = bias.masked_fill(padding[:, None, None, :], float("-inf"))  # (B, H, X + T, X + T)
        return bias

    def distances(self, frames: int) -> Tensor:
        """Returns ``|i - j|``, shape ``(T, T)``."""
        position = torch.arange(frames, device=self.slopes.device, dtype=self.slopes.dtype)
        return (position[:, None] - position[None, :]).abs()

    def weights(self) -> Tensor:
        """Returns by how much each head's attention score falls per frame of distance, shape ``(H,)``."""
        return self.scale.clamp_min(0).view(-1) * self.slopes


class Attention(nn.Module):
    """``softmax(query @ key.T / sqrt(D / H) + bias) @ value``."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """Maps three times ``(B, H, X + T, D / H)`` to the same shape; ``bias`` is ``(1 or B, H, X + T, X + T)``."""
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


class Block(nn.Module):
    """A post-norm transformer block: the norm comes after the sum."""

    def __init__(self, config: Emotion2vecConfig) -> None:
        super().__init__()
        dim, hidden = config.embed_dim, int(config.embed_dim * config.mlp_ratio)
        self.heads = config.num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attention = Attention()
        self.proj = nn.Linear(dim, dim)
        self.norm1 = nn.LayerNorm(dim, eps=config.norm_eps)
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)
        self.norm2 = nn.LayerNorm(dim, eps=config.norm_eps)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Maps ``(B, X + T, D)`` to the same shape; ``bias`` is ``(1 or B, H, X + T, X + T)``."""
        batch, steps, dim = x.shape
        qkv = self.qkv(x).view(batch, steps, 3, self.heads, dim // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (B, H, X + T, D / H) each
        heads = self.attention(query, key, value, bias)  # (B, H, X + T, D / H)
        x = self.norm1(x + self.proj(heads.transpose(1, 2).reshape(batch, steps, dim)))  # (B, X + T, D)
        y: Tensor = self.norm2(x + self.fc2(F.gelu(self.fc1(x))))  # (B, X + T, D)
        return y


class Encoder(nn.Module):
    """LayerNorm, the blocks of the prenet ("context encoder"), and the other blocks."""

    def __init__(self, config: Emotion2vecConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.embed_dim, eps=config.norm_eps)
        self.context_blocks = nn.ModuleList(Block(config) for _ in range(config.prenet_depth))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Maps ``(B, X + T, D)`` to the same shape; ``bias`` is ``(1 or B, H, X + T, X + T)``."""
        x = self.norm(x)
        for block in (*self.context_blocks, *self.blocks):
            x = block(x, bias)
        return x


class Emotion2vec(nn.Module):
    """The whole network, from a normalised waveform to features and frame logits."""

    def __init__(self, config: Emotion2vecConfig) -> None:
        super().__init__()
        self.config = config
        dim, channels = config.embed_dim, [size for size, _, _ in config.conv_layers]
        layers = zip((1, *channels[:-1]), config.conv_layers, strict=True)
        self.wave = nn.Sequential(*(WaveConv(inputs, *sizes) for inputs, sizes in layers))
        self.project_norm = nn.LayerNorm(channels[-1], eps=LAYER_NORM_EPS)
        self.project = nn.Linear(channels[-1], dim)
        self.positions = nn.ModuleList(PositionConv(config) for _ in range(config.conv_pos_depth))
        self.extra_tokens = nn.Parameter(torch.zeros(1, config.num_extra_tokens, dim))
        self.alibi = Alibi(config.num_heads, config.num_extra_tokens)
        self.encoder = Encoder(config)
        self.head = nn.Linear(dim, config.labels)

    def forward(self, waveforms: Tensor, samples: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Runs the network.

        Args:
            waveforms: normalised signal values, shape ``(B, S)``, zero-padded at the end.
            samples: true lengths, shape ``(B,)``; None if nothing is padded. With the lengths, the results of a padded
                batch equal those of each waveform by itself, up to rounding.

        Returns:
            Features ``(B, T, D)`` and frame logits ``(B, T, L)``. Frames beyond a waveform's true length are invalid.
        """
        x = self.wave(waveforms[..., None])  # (B, T, C)
        x = self.project(self.project_norm(x))  # (B, T, D)
        valid = None if samples is None else self._valid_frames(x, samples)  # (B, T)
        x = self._add_positions(x, valid)  # (B, T, D)
        bias = self.alibi(x.shape[1], valid, dtype=x.dtype)  # (1 or B, H, X + T, X + T)
        x = torch.cat([self.extra_tokens.expand(len(x), -1, -1), x], dim=1)  # (B, X + T, D)
        features = self.encoder(x, bias)[:, self.config.num_extra_tokens :]  # (B, T, D)
        return features, self.head(features.float())  # the head is in fp32 even if the other layers are not

    def count_frames(self, samples: Tensor) -> Tensor:
        """Returns the number of frames for each of ``samples`` ``(B,)``: ``floor((samples - 400) / 320) + 1``."""
        return (samples - self.config.receptive_samples) // self.config.hop_samples + 1

    def _valid_frames(self, x: Tensor, samples: Tensor) -> Tensor:
        frames = self.count_frames(samples.to(x.device))  # (B,)
        return torch.arange(x.shape[1], device=x.device)[None, :] < frames[:, None]  # (B, T)

    def _add_positions(self, x: Tensor, valid: Tensor | None) -> Tensor:
        """Adds relative positions to ``x`` ``(B, T, D)``, which the positional convolutions compute from ``x``."""
        position = _zero_padding(x, valid)
        for conv in self.positions:
            position = _zero_padding(conv(position), valid)  # LayerNorm fills the padding again: zero it every time
        return x + position


def _zero_padding(x: Tensor, valid: Tensor | None) -> Tensor:
    return x if valid is None else x * valid[..., None]


def alibi_slopes(heads: int) -> list[float]:
    """Returns one slope per head, as defined in the ALiBi paper.

    For a power of two: ``2 ** (-8 / heads * i)`` for i = 1 to heads. Otherwise the slopes of the power of two below,
    then every second slope of the power of two above.
    """
    power = 1 << (heads.bit_length() - 1)
    slopes = [2.0 ** (-8.0 / power * i) for i in range(1, power + 1)]
    if power == heads:
        return slopes
    return slopes + alibi_slopes(2 * power)[0::2][: heads - power]
