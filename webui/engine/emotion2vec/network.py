"""Emotion2vec in plain PyTorch: the network of Emotion2Vec+ seed, base and large.

    waveform -> 7 convolutions (50 frames a second) -> projection -> 5 positional convolutions -> 4 + 8 transformer
    blocks with ALiBi -> features -> linear head -> frame logits

The architecture is data2vec 2.0's audio encoder (Baevski et al., 2022, arXiv 2212.07525) as emotion2vec uses it
(Ma et al., 2023, arXiv 2312.15185). Sizes come from the checkpoint's ``config.yaml``; ``checkpoint.py`` maps the
published tensor names to the names here.

Shape letters: B batch, S samples, T frames, X extra tokens, D embedding, H heads, L labels.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from webui.engine.emotion2vec.laid_out import GroupedConvProduct, Product
from webui.engine.emotion2vec.prepack import PrepackedLinear, can_prepack
from webui.errors import CheckpointError

LAYER_NORM_EPS: Final = 1e-5
ROW_STEP: Final = 8
PIECE_FRAMES: Final = 100  # 2 s: how much of a waveform the convolutions hear at a time on the CPU
GRIDS: Final = ((800, 50), (400, 20), (0, 10))  # (from so many frames on, lengths are multiples of this)


@dataclass(frozen=True, slots=True)
class Emotion2vecConfig:
    """Sizes of the network, named as in ``config.yaml``.

    Attributes:
        conv_layers: ``(channels, kernel, stride)`` of each convolution of the waveform.
        labels: number of rows of the head.
    """

    embed_dim: int
    depth: int
    prenet_depth: int
    num_heads: int
    mlp_ratio: float
    norm_eps: float
    num_extra_tokens: int
    conv_layers: tuple[tuple[int, int, int], ...]
    conv_pos_depth: int
    conv_pos_width: int
    conv_pos_groups: int
    labels: int

    @classmethod
    def from_model_conf(cls, conf: Mapping[str, Any], *, labels: int) -> "Emotion2vecConfig":
        """Reads the ``model_conf`` of a ``config.yaml``.

        Raises:
            CheckpointError: an entry is missing, or asks for a network that is not Emotion2vec's.
        """
        try:
            audio = conf["modalities"]["audio"]
            expected: dict[str, tuple[Mapping[str, Any], object]] = {
                "layer_norm_first": (conf, False),
                "conv_pos_pre_ln": (audio, False),
            }
            expected |= {"extractor_mode": (audio, "layer_norm"), "use_alibi_encoder": (audio, True)}
            for key, (table, value) in expected.items():
                if table[key] != value:
                    raise CheckpointError("checkpoint.config_unsupported", key=key, found=table[key], expected=value)
            return cls(
                embed_dim=int(conf["embed_dim"]),
                depth=int(conf["depth"]),
                prenet_depth=int(audio["prenet_depth"]),
                num_heads=int(conf["num_heads"]),
                mlp_ratio=float(conf["mlp_ratio"]),
                norm_eps=float(conf["norm_eps"]),
                num_extra_tokens=int(audio["num_extra_tokens"]),
                conv_layers=read_conv_spec(audio["feature_encoder_spec"]),
                conv_pos_depth=int(audio["conv_pos_depth"]),
                conv_pos_width=int(audio["conv_pos_width"]),
                conv_pos_groups=int(audio["conv_pos_groups"]),
                labels=labels,
            )
        except (KeyError, TypeError, ValueError, SyntaxError) as err:
            raise CheckpointError(
                "checkpoint.config_unreadable", file="config.yaml", reason=f"{type(err).__name__}: {err}"
            ) from err

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next: 320."""
        hop = 1
        for _, _, stride in self.conv_layers:
            hop *= stride
        return hop

    @property
    def receptive_samples(self) -> int:
        """Samples that one frame sees, and the fewest that give a frame: 400."""
        samples = 1
        for _, kernel, stride in reversed(self.conv_layers):
            samples = (samples - 1) * stride + kernel
        return samples


def read_conv_spec(spec: str) -> tuple[tuple[int, int, int], ...]:
    """Reads ``"[(512, 10, 5)] + [(512, 3, 2)] * 4"``: lists, ``+`` and ``* n``, and nothing else.

    Raises:
        ValueError: anything else is in it.
        SyntaxError: it can't be parsed.
    """

    def read(node: ast.expr) -> list[tuple[int, int, int]]:
        match node:
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return read(left) + read(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=ast.Constant(value=int(times))):
                return read(left) * times
            case ast.List():
                layers = [tuple(layer) for layer in ast.literal_eval(node)]
                if all(len(layer) == 3 and all(type(size) is int and size > 0 for size in layer) for layer in layers):
                    return layers
        raise ValueError(f"feature_encoder_spec {spec!r} is not a sum of lists of (channels, kernel, stride)")

    return tuple(read(ast.parse(spec.strip(), mode="eval").body))


class WaveConv(nn.Module):
    """A strided convolution over the waveform, LayerNorm over channels, GELU; channels are the last axis throughout.

    In that layout no transposition is needed around the LayerNorm, and the convolution is a few matrix products: the
    first ``stride`` taps are one product with the input seen as rows of ``stride`` steps, each further tap is one with
    every ``stride``-th step. On a CPU this is faster than ``conv1d`` between transpositions.
    """

    def __init__(self, inputs: int, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, channels, kernel, stride=stride, bias=False)
        self.norm = nn.LayerNorm(channels, eps=LAYER_NORM_EPS)
        self.products: nn.ModuleList | None = None  # laid out

    def lay_out(self, product: Callable[[Tensor, Tensor | None], nn.Module]) -> None:
        """Lays the weights out for a device; the layer can't be trained or moved from then on."""
        self.products = nn.ModuleList(product(weight.T, None) for weight in self._weights())

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(B, time, inputs)`` to ``(B, time / stride, channels)``."""
        return F.gelu(self.norm(self._convolve(x)))

    def _convolve(self, x: Tensor) -> Tensor:
        rows = self._rows(x)
        if self.products is not None:
            parts = [product(part) for product, part in zip(self.products, rows, strict=True)]
        else:
            parts = [part @ weight for weight, part in zip(self._weights(), rows, strict=True)]
        y: Tensor = parts[0]  # (B, frames, channels)
        for part in parts[1:]:
            y = y + part
        return y

    def _weights(self) -> list[Tensor]:
        """The right sides of the products, ``(taps * inputs, channels)`` each."""
        inputs, kernel, stride = self.conv.in_channels, self.conv.kernel_size[0], self.conv.stride[0]
        taps = self.conv.weight.permute(2, 1, 0)  # (kernel, inputs, channels)
        if inputs == 1:
            return [taps.squeeze(1)]
        together = min(kernel, stride)
        return [taps[:together].reshape(together * inputs, -1), *taps[stride:]]

    def _rows(self, x: Tensor) -> list[Tensor]:
        """The left sides of the products, ``(B, frames, taps * inputs)`` each."""
        batch, time = x.shape[:2]
        inputs, kernel, stride = self.conv.in_channels, self.conv.kernel_size[0], self.conv.stride[0]
        frames = (time - kernel) // stride + 1
        later = [x[:, tap::stride][:, :frames] for tap in range(kernel)]  # (B, frames, inputs) each
        if inputs == 1:  # the waveform: its taps are so small that copying them side by side costs nothing
            return [torch.cat(later, dim=2)]
        rows = x[:, : frames * stride].reshape(batch, frames, stride * inputs)
        return [rows[..., : min(kernel, stride) * inputs], *later[stride:]]


class PositionConv(nn.Module):
    """A grouped convolution over time, LayerNorm without weights, GELU."""

    def __init__(self, config: Emotion2vecConfig) -> None:
        super().__init__()
        kernel = max(3, config.conv_pos_width // config.conv_pos_depth)
        dim = config.embed_dim
        self.conv = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=config.conv_pos_groups)
        self.product: nn.Module | None = None  # laid out

    def lay_out(self) -> None:
        """Lays the weights out for a GPU; the layer can't be trained or moved from then on."""
        self.product = GroupedConvProduct(self.conv)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(B, T, D)`` to the same shape."""
        x = self._convolve(x.transpose(1, 2)).transpose(1, 2) if self.product is None else self.product(x)
        return F.gelu(F.layer_norm(x, (self.conv.out_channels,), eps=LAYER_NORM_EPS))  # (B, T, D)

    def _convolve(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)[..., : x.shape[2]]  # (B, D, T); an even kernel gives one frame too many
        return y


class Block(nn.Module):
    """A post-norm transformer block: the norm comes after the sum."""

    def __init__(self, config: Emotion2vecConfig) -> None:
        super().__init__()
        dim, hidden = config.embed_dim, int(config.embed_dim * config.mlp_ratio)
        self.heads = config.num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm1 = nn.LayerNorm(dim, eps=config.norm_eps)
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)
        self.norm2 = nn.LayerNorm(dim, eps=config.norm_eps)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Maps ``(B, X + T + Z, D)`` to the same shape; ``bias`` is ``(1 or B, H, X + T + Z, X + T)``."""
        x = self.norm1(x + self._attend(x, bias))
        y: Tensor = self.norm2(x + self.fc2(F.gelu(self.fc1(x))))
        return y

    def _attend(self, x: Tensor, bias: Tensor) -> Tensor:
        batch, steps, dim = x.shape
        qkv = self.qkv(x).view(batch, steps, 3, self.heads, dim // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (B, H, X + T + Z, D / H) each
        heard = bias.shape[3]  # X + T
        mixed = F.scaled_dot_product_attention(query, key[:, :, :heard], value[:, :, :heard], attn_mask=bias)
        attended: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, steps, dim))
        return attended


class Emotion2vec(nn.Module):
    """The whole network. Give it a normalised waveform; it returns features and frame logits."""

    slopes: Tensor

    def __init__(self, config: Emotion2vecConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.embed_dim
        inputs = (1, *(channels for channels, _, _ in config.conv_layers))
        self.wave = nn.ModuleList(
            WaveConv(before, *sizes) for before, sizes in zip(inputs, config.conv_layers, strict=False)
        )
        self.project_norm = nn.LayerNorm(inputs[-1], eps=LAYER_NORM_EPS)
        self.project = nn.Linear(inputs[-1], dim)
        self.positions = nn.ModuleList(PositionConv(config) for _ in range(config.conv_pos_depth))
        self.extra_tokens = nn.Parameter(torch.zeros(1, config.num_extra_tokens, dim))
        self.alibi_scale = nn.Parameter(torch.ones(1, 1, config.num_heads, 1, 1))
        self.context_norm = nn.LayerNorm(dim, eps=config.norm_eps)
        self.context_blocks = nn.ModuleList(Block(config) for _ in range(config.prenet_depth))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.head = nn.Linear(dim, config.labels)
        self.packed = False
        self.register_buffer("slopes", torch.empty(config.num_heads), persistent=False)  # (H,)
        self.reset_slopes()

    def reset_slopes(self) -> None:
        """Sets the slopes, which no checkpoint holds; needed once more after loading onto a network without memory."""
        self.slopes = torch.tensor(alibi_slopes(self.config.num_heads))

    def count_frames(self, samples: Tensor) -> Tensor:
        """Returns how many frames waveforms of ``samples`` ``(B,)`` have: ``floor((samples - 400) / 320) + 1``."""
        return (samples - self.config.receptive_samples) // self.config.hop_samples + 1

    def forward(self, waveforms: Tensor, samples: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Runs the network.

        Args:
            waveforms: normalised signal values, shape ``(B, S)``, zero-padded at the end.
            samples: true lengths, shape ``(B,)``; None where nothing is padded. With them a padded batch gives what
                its members give alone, to rounding.

        Returns:
            Features ``(B, T, D)`` and frame logits ``(B, T, L)``. Frames past a member's own length mean nothing.
        """
        frames = (waveforms.shape[1] - self.config.receptive_samples) // self.config.hop_samples + 1
        x = self.project(self.project_norm(self._hear(waveforms, frames)))[:, :frames]  # (B, T, D)
        valid = self._valid_frames(x, samples)  # (B, T) or None
        x = self._add_positions(x, valid)
        spare = self._grid(frames) - frames  # Z rows that nobody listens to
        tokens = self.extra_tokens.expand(x.shape[0], -1, -1)
        x = torch.cat([tokens, x, x.new_zeros(x.shape[0], spare, x.shape[2])], dim=1)  # (B, X + T + Z, D)
        bias = self.attention_bias(frames, valid, dtype=x.dtype, spare=spare)
        x = self.context_norm(x)
        for block in (*self.context_blocks, *self.blocks):
            x = block(x, bias)
        features = x[:, self.config.num_extra_tokens :][:, :frames]  # (B, T, D)
        return features, self.head(features.float())

    def lay_out(self) -> None:
        """Lays the weights of all convolutions out for a GPU; for inference on it only."""
        for conv in (*self.wave, *self.positions):
            if isinstance(conv, WaveConv):
                conv.lay_out(Product)
            elif isinstance(conv, PositionConv):
                conv.lay_out()

    def pack(self) -> None:
        """Lays every constant matrix out for the CPU, where that is possible; for inference on the CPU only."""
        if not can_prepack():
            return
        self.packed = True
        for conv in self.wave:
            assert isinstance(conv, WaveConv)
            conv.lay_out(PrepackedLinear)
        for parent in [*self.modules()]:
            for name, child in [*parent.named_children()]:
                if isinstance(child, nn.Linear) and child is not self.head:
                    setattr(parent, name, PrepackedLinear(child.weight, child.bias))
        for parameter in self.parameters():  # the last that hold the mapped file, and with it what was packed
            parameter.data = parameter.data.clone()

    def _hear(self, waveforms: Tensor, frames: int) -> Tensor:
        """Maps waveforms ``(B, S)`` to what the convolutions make of them, ``(B, T or more, channels)``.

        On the CPU piece by piece: a frame depends on its own samples only, and what lies between two layers is smaller
        than the processor's cache then, not 200 MB for 30 s.
        """
        hop, seen = self.config.hop_samples, self.config.receptive_samples
        size = frames
        if waveforms.device.type == "cpu":
            size = PIECE_FRAMES
            frames = self._grid(frames)
            waveforms = F.pad(waveforms, (0, max(0, (frames - 1) * hop + seen - waveforms.shape[1])))
        pieces = []
        for first in range(0, frames, size):
            last = min(first + size, frames) - 1
            x = waveforms[:, first * hop : last * hop + seen, None]  # (B, samples, 1)
            for conv in self.wave:
                x = conv(x)  # (B, time, channels)
            pieces.append(x)
        return torch.cat(pieces, dim=1)

    def _grid(self, frames: int) -> int:
        """Returns the length that ``frames`` are brought up to: of packed products each new one costs memory for good.

        One of 75 up to 30 s. With every length that occurs, a few hundred clips would cost more than the weights.
        """
        step = next(step for least, step in GRIDS if frames >= least) if self.packed else 1
        return -(-frames // step) * step

    def attention_bias(
        self, frames: int, valid: Tensor | None = None, *, dtype: torch.dtype = torch.float32, spare: int = 0
    ) -> Tensor:
        """Returns what is added to the attention: ``-slope * scale * distance``; 0 from and to the extra tokens.

        Shape ``(1, H, X + T + Z, X + T)``, or ``(B, ...)`` with -inf towards frames that are not ``valid`` ``(B, T)``;
        0 from the ``spare`` Z rows. Its rows begin at multiples of eight numbers: where they don't, PyTorch copies the
        whole for every block on a GPU.
        """
        extra, steps = self.config.num_extra_tokens, self.config.num_extra_tokens + frames
        places = torch.arange(frames, device=self.slopes.device, dtype=self.slopes.dtype)
        distance = (places[:, None] - places[None, :]).abs()  # (T, T)
        scale = self.alibi_scale.clamp_min(0).view(-1) * self.slopes  # (H,)
        rows = -(-steps // ROW_STEP) * ROW_STEP  # W
        bias = torch.zeros(
            1, len(scale), steps + spare, rows, device=distance.device, dtype=dtype
        )  # (1, H, X + T + Z, W)
        near = bias[0, :, extra:steps, extra:steps]
        if dtype is distance.dtype:
            near.copy_(distance).mul_(-scale[:, None, None])  # in place: 150 MB for 30 s
        else:
            near.copy_(distance * -scale[:, None, None])
        if valid is not None:
            hidden = F.pad(~valid, (extra, rows - steps), value=False)[:, None, None, :]  # (B, 1, 1, W)
            bias = bias.masked_fill(hidden, float("-inf"))
        return bias[..., :steps]

    def _add_positions(self, x: Tensor, valid: Tensor | None) -> Tensor:
        position = _zero_outside(x, valid)
        for conv in self.positions:
            position = _zero_outside(conv(position), valid)  # LayerNorm fills the padding again: zero it every time
        return x + position

    def _valid_frames(self, x: Tensor, samples: Tensor | None) -> Tensor | None:
        if samples is None:
            return None
        frames = self.count_frames(samples.to(x.device))
        return torch.arange(x.shape[1], device=x.device)[None, :] < frames[:, None]  # (B, T)


def _zero_outside(x: Tensor, valid: Tensor | None) -> Tensor:
    return x if valid is None else x * valid[..., None]


def alibi_slopes(heads: int) -> list[float]:
    """Returns one slope per head, as the ALiBi paper draws them (Press et al., 2022, arXiv 2108.12409).

    For a power of two: ``2 ** (-8 / heads * i)`` for i = 1 to heads. Otherwise the slopes of the power of two below,
    then every second slope of the power of two above.
    """
    power = 1 << (heads.bit_length() - 1)
    slopes = [2.0 ** (-8.0 / power * i) for i in range(1, power + 1)]
    if power == heads:
        return slopes
    return slopes + alibi_slopes(2 * power)[0::2][: heads - power]
