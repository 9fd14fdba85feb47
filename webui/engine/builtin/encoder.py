"""A pretrained speech encoder of Whisper's shape: log-mel spectrogram, two convolutions, transformer blocks.

The architecture is the encoder of openai/whisper (https://github.com/openai/whisper, MIT). The weights that this
program ships are named in the card of the model. Two things differ from Whisper's use: audio is not padded to 30 s, and
the outputs of all blocks are returned, because the middle blocks hold more of the voice than the last one.

Audio has a fixed level before it comes here (``LEVEL``), since Whisper's spectrogram is not independent of it.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLE_RATE: Final = 16_000
FFT_SAMPLES: Final = 400  # 25 ms, also the length of the Hann window
HOP_SAMPLES: Final = 160  # 10 ms: the spectrogram has 100 frames a second
FRAME_SAMPLES: Final = 2 * HOP_SAMPLES  # the second convolution halves the rate: 50 frames a second
SHORTEST_SAMPLES: Final = 400  # gives one frame
POWER_FLOOR: Final = 1e-10
DYNAMIC_RANGE: Final = 8.0  # in powers of ten below the loudest value: 80 dB
CHUNK_FRAMES: Final = 400  # 8 s; longer audio is encoded in chunks, as one of the encoders has 400 positions only
OVERLAP_FRAMES: Final = 100  # frames that neighbouring chunks share
LEVEL: Final = 0.05  # root mean square of a recording before the spectrogram is computed


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """Sizes of an encoder.

    Attributes:
        mels: rows of the mel spectrogram.
        width: number of channels of the convolutions and of the blocks.
        layers: number of transformer blocks.
        heads: number of attention heads of a block.
        positions: number of position vectors, which is the longest input in frames.
        positions_at_end: whether a short input gets the last position vectors instead of the first ones.
    """

    mels: int = 80
    width: int = 384
    layers: int = 4
    heads: int = 6
    positions: int = 1500
    positions_at_end: bool = False


class WhisperMel(nn.Module):
    """Maps samples ``(B, samples)`` to Whisper's log-mel spectrogram ``(B, mels, samples / 160)``."""

    window: Tensor
    bank: Tensor

    def __init__(self, mels: int = 80) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(FFT_SAMPLES, periodic=True), persistent=False)
        self.register_buffer("bank", slaney_bank(mels), persistent=False)  # (mels, bins)

    def forward(self, samples: Tensor) -> Tensor:
        """Returns the spectrogram; values below the loudest one minus 80 dB are raised to that limit."""
        spectrum = torch.stft(samples, FFT_SAMPLES, HOP_SAMPLES, window=self.window, return_complex=True)
        power = torch.view_as_real(spectrum[..., :-1]).square().sum(-1)  # (B, bins, T); Whisper drops the last frame
        mel = torch.log10((self.bank @ power).clamp(min=POWER_FLOOR))  # (B, mels, T)
        loudest = mel.amax(dim=(1, 2), keepdim=True)
        return (torch.maximum(mel, loudest - DYNAMIC_RANGE) + 4.0) / 4.0


def slaney_bank(mels: int) -> Tensor:
    """Returns triangular filters of equal area, spaced as in Slaney's auditory toolbox, shape ``(mels, bins)``.

    The scale is linear up to 1 kHz and logarithmic above. Whisper's filters are those of ``librosa.filters.mel``.
    """
    top_mel = 15 + math.log(SAMPLE_RATE / 2 / 1000) / (math.log(6.4) / 27)
    edges_mel = torch.linspace(0, top_mel, mels + 2, dtype=torch.float64)
    linear_hz, log_hz = edges_mel * 200 / 3, 1000 * torch.exp((edges_mel - 15) * math.log(6.4) / 27)
    edges_hz = torch.where(edges_mel < 15, linear_hz, log_hz).unsqueeze(1)  # (mels + 2, 1)
    bins_hz = torch.linspace(0, SAMPLE_RATE / 2, FFT_SAMPLES // 2 + 1, dtype=torch.float64)  # (bins,)
    rising = (bins_hz - edges_hz[:-2]) / (edges_hz[1:-1] - edges_hz[:-2])
    falling = (edges_hz[2:] - bins_hz) / (edges_hz[2:] - edges_hz[1:-1])
    height = 2 / (edges_hz[2:] - edges_hz[:-2])
    return (torch.minimum(rising, falling).clamp(min=0) * height).float()


class EncoderBlock(nn.Module):
    """Self-attention and a feed-forward network, each with a layer norm before it and a residual connection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)  # Whisper's keys have no bias: theirs is 0
        self.attention_out = nn.Linear(width, width)
        self.forward_norm = nn.LayerNorm(width)
        self.forward_in = nn.Linear(width, 4 * width)
        self.forward_out = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(B, T, width)`` to the same shape."""
        batch, steps, width = x.shape
        split = self.query_key_value(self.attention_norm(x)).view(batch, steps, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (B, heads, T, head_dim)
        mixed = F.scaled_dot_product_attention(query, key, value)  # (B, heads, T, head_dim)
        x = x + self.attention_out(mixed.transpose(1, 2).reshape(batch, steps, width))
        out: Tensor = x + self.forward_out(F.gelu(self.forward_in(self.forward_norm(x))))
        return out


class SpeechEncoder(nn.Module):
    """Maps a spectrogram to the outputs of all blocks."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(config.mels, config.width, 3, padding=1)
        self.conv2 = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(config.positions, config.width))
        self.blocks = nn.ModuleList(EncoderBlock(config.width, config.heads) for _ in range(config.layers))

    def forward(self, mel: Tensor) -> list[Tensor]:
        """Maps ``(B, mels, 2 T)`` to the output of the convolutions and that of each block, ``(B, T, width)`` each.

        ``T`` must not exceed ``config.positions``.
        """
        return self.run_blocks(self.convolve(mel))

    def convolve(self, mel: Tensor) -> Tensor:
        """Maps ``(B, mels, 2 T)`` to ``(B, T, width)``, without positions."""
        x = F.gelu(self.conv1(mel))  # (B, width, 2 T)
        return F.gelu(self.conv2(x)).transpose(1, 2)  # (B, T, width)

    def run_blocks(self, x: Tensor) -> list[Tensor]:
        """Adds the positions to ``(B, T, width)`` and returns the sum and the output of each block."""
        steps = x.shape[1]
        chosen = self.positions[-steps:] if self.config.positions_at_end else self.positions[:steps]
        outputs = [x + chosen]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        return outputs

    def encode(self, mel: Tensor) -> list[Tensor]:
        """Does the same as ``forward`` for any length: beyond ``CHUNK_FRAMES`` it encodes overlapping chunks.

        Each frame is taken from the chunk in which it is farther from the edges. Time and memory of the attention are
        therefore proportional to the length.
        """
        x = self.convolve(mel)  # (B, T, width)
        plan = chunk_plan(x.shape[1])
        if len(plan) == 1:
            return self.run_blocks(x)
        kept = []
        for start, first, stop in plan:
            outputs = self.run_blocks(x[:, start : start + CHUNK_FRAMES])
            kept.append([out[:, first - start : stop - start] for out in outputs])
        return [torch.cat(pieces, dim=1) for pieces in zip(*kept, strict=True)]


def chunk_plan(frames: int) -> list[tuple[int, int, int]]:
    """Returns start of each chunk, and first and last + 1 of the frames that are taken from it."""
    if frames <= CHUNK_FRAMES:
        return [(0, 0, frames)]
    count = math.ceil((frames - OVERLAP_FRAMES) / (CHUNK_FRAMES - OVERLAP_FRAMES))
    starts = [round(number * (frames - CHUNK_FRAMES) / (count - 1)) for number in range(count)]
    cuts = [0, *((left + CHUNK_FRAMES + right) // 2 for left, right in pairwise(starts)), frames]
    return [(start, first, stop) for start, first, stop in zip(starts, cuts[:-1], cuts[1:], strict=True)]
