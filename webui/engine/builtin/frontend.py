"""The front end of the built-in network: a log-mel spectrogram and a pitch image, at 50 frames a second.

Each is computed from the short-time spectrum with one matrix product. The matrices are stored with the weights, so that
only ``torch.stft`` is needed to compute the images.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEL_FLOOR: Final = 1e-4  # power density, relative to white noise of the recording's level: -40 dB
LAG_FLOOR: Final = 0.01  # fraction of white noise's magnitude below which the pitch image fades out: -40 dB
MEL_SHIFT, MEL_SCALE = 4.0, 4.0  # brings the log-mel values of speech to about [-1.3, 2]
LAG_SCALE: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEndConfig:
    """Sizes of the front end.

    Attributes:
        sample_rate: sampling rate in Hz.
        frame_samples: length of a frame, and so of the shortest input.
        hop_samples: distance between the starts of consecutive frames.
        window_samples: length of the Hann window, which is centred on the frame.
        fft_samples: length of the Fourier transform; the window is zero-padded to it.
        mels: rows of the mel spectrogram.
        lags: rows of the pitch image, log-spaced in pitch.
        lowest_pitch_hz: pitch of the pitch image's first row.
        highest_pitch_hz: pitch of the pitch image's last row.
    """

    sample_rate: int = 16_000
    frame_samples: int = 400
    hop_samples: int = 320
    window_samples: int = 640
    fft_samples: int = 1024
    mels: int = 64
    lags: int = 48
    lowest_pitch_hz: float = 60.0
    highest_pitch_hz: float = 500.0

    @property
    def bins(self) -> int:
        """Number of frequency bins of the spectrum."""
        return self.fft_samples // 2 + 1

    @property
    def margin_samples(self) -> int:
        """Number of samples by which the Fourier transform exceeds the frame, on each side."""
        return (self.fft_samples - self.frame_samples) // 2

    @property
    def reach_samples(self) -> int:
        """Number of samples by which the window exceeds the frame, on each side."""
        return max(0, -(-(self.window_samples - self.frame_samples) // 2))

    def frames(self, samples: int) -> int:
        """Returns the number of frames of a signal of ``samples`` samples."""
        return max(0, (samples - self.frame_samples) // self.hop_samples + 1)


class FrontEnd(nn.Module):
    """Maps normalised samples ``(B, samples)`` to images ``(B, 1, mels, T)`` and ``(B, 1, lags, T)``."""

    window: Tensor
    mel_bank: Tensor
    lag_bank: Tensor
    lag_weights: Tensor

    def __init__(self, config: FrontEndConfig) -> None:
        super().__init__()
        self.config = config
        energy = 0.375 * config.window_samples  # sum of the squared Hann window
        self.register_buffer("window", torch.hann_window(config.window_samples, periodic=True))
        self.register_buffer("mel_bank", mel_bank(config) / energy)  # (bins, mels)
        bank, weights = lag_bank(config)
        self.register_buffer("lag_bank", bank)  # (bins, lags)
        self.register_buffer("lag_weights", weights)  # (bins,)

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the two images of ``samples``, shape ``(B, samples)``."""
        config = self.config
        used = (config.frames(samples.shape[1]) - 1) * config.hop_samples + config.frame_samples
        samples = samples[
            :, :used
        ]  # drop samples after the last frame: a window of a longer recording may end before them
        padded = F.pad(samples, (config.margin_samples, config.margin_samples))
        spectrum = torch.stft(
            padded,
            config.fft_samples,
            config.hop_samples,
            config.window_samples,
            self.window,
            center=False,
            return_complex=True,
        )  # (B, bins, T)
        power = torch.view_as_real(spectrum).square().sum(-1).transpose(1, 2)  # (B, T, bins)
        mel = (torch.log(power @ self.mel_bank + MEL_FLOOR) + MEL_SHIFT) / MEL_SCALE  # (B, T, mels)
        magnitude = power.sqrt()
        white = math.sqrt(float(config.window_samples)) * 0.6  # magnitude of unit white noise in one bin
        floor = LAG_FLOOR * white * self.lag_weights.sum()
        pitch = LAG_SCALE * (magnitude @ self.lag_bank) / ((magnitude @ self.lag_weights).unsqueeze(-1) + floor)
        return mel.transpose(1, 2).unsqueeze(1), pitch.transpose(1, 2).unsqueeze(1)


def mel_bank(config: FrontEndConfig) -> Tensor:
    """Returns triangular filters on the mel scale, each with sum 1, shape ``(bins, mels)``."""
    top_hz = config.sample_rate / 2
    edges_mel = torch.linspace(_mel(40.0), _mel(top_hz), config.mels + 2, dtype=torch.float64)
    edges_hz = 700 * (torch.pow(10.0, edges_mel / 2595) - 1)  # (mels + 2,)
    bins_hz = torch.linspace(0, top_hz, config.bins, dtype=torch.float64).unsqueeze(1)  # (bins, 1)
    rising = (bins_hz - edges_hz[:-2]) / (edges_hz[1:-1] - edges_hz[:-2])
    falling = (edges_hz[2:] - bins_hz) / (edges_hz[2:] - edges_hz[1:-1])
    bank = torch.minimum(rising, falling).clamp(min=0)
    return (bank / bank.sum(0).clamp(min=1e-9)).float()


def lag_bank(config: FrontEndConfig) -> tuple[Tensor, Tensor]:
    """Returns the matrix that turns a magnitude spectrum into an autocorrelation at log-spaced lags.

    It is a cosine transform of the magnitudes below 4 kHz. Magnitudes give narrower peaks than powers.

    Returns:
        The matrix, shape ``(bins, lags)``, and the weights that give the value at lag 0, shape ``(bins,)``.
    """
    bins_hz = torch.linspace(0, config.sample_rate / 2, config.bins, dtype=torch.float64)
    weights = ((4500 - bins_hz) / 1000).clamp(0, 1) * ((bins_hz - 30) / 40).clamp(0, 1)  # (bins,)
    low, high = math.log(config.lowest_pitch_hz), math.log(config.highest_pitch_hz)
    pitch_hz = torch.exp(torch.linspace(low, high, config.lags, dtype=torch.float64))  # (lags,)
    cosines = torch.cos(2 * math.pi * bins_hz.unsqueeze(1) / pitch_hz)  # (bins, lags)
    return (cosines * weights.unsqueeze(1)).float(), weights.float()


def _mel(frequency_hz: float) -> float:
    return 2595 * math.log10(1 + frequency_hz / 700)
