"""A generated corpus: four voices and three emotions, which a network can tell apart by pitch and rhythm."""

import csv
from pathlib import Path

import numpy as np
import soundfile

from training.options import TrainOptions
from webui.engine.builtin.frontend import FrontEndConfig
from webui.engine.builtin.network import NetworkConfig

RATE = 16_000
EMOTIONS = {"angry": (240.0, 6.0), "neutral": (140.0, 3.0), "sad": (100.0, 1.5)}  # pitch in Hz, syllables a second
SPEAKERS = ("a_1", "a_2", "b_1", "b_2")
SMALL = NetworkConfig(  # learns the corpus within seconds
    labels=3,
    front_end=FrontEndConfig(mels=16, lags=16),
    mel_channels=(4, 6, 8, 8),
    pitch_channels=(4, 4, 4, 4),
    width=16,
    heads=2,
    dilations=(1,),
    radius=4,
)


OPTIONS = TrainOptions(
    threads=1,
    epochs=5,
    clips_per_epoch=96,
    batch_size=8,
    learning_rate=1e-2,
    dropout=0.0,
    mixup_prob=0.0,
    ema_decay=0.8,
    vtlp_prob=0.2,
    nonspeech_signals=2,
    variants=2,
)


def write_corpus(folder: Path, takes: int = 4) -> Path:
    """Writes ``manifest.csv`` and the recordings into ``folder``."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(3)
    rows = []
    for number, speaker in enumerate(SPEAKERS):
        for emotion in EMOTIONS:
            for take in range(takes):
                seconds = float(random.uniform(1.0, 1.6))
                name = f"{speaker}_{emotion}_{take}.wav"
                soundfile.write(folder / name, _voice(emotion, number, seconds, random), RATE)
                sex = "F" if number % 2 else "M"
                rows.append((speaker[0], name, speaker, sex, "xx", emotion, emotion, f"{seconds:.3f}"))
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("corpus", "path", "speaker", "sex", "language", "emotion_raw", "emotion", "seconds"))
        writer.writerows(rows)
    return folder


def _voice(emotion: str, speaker: int, seconds: float, random: np.random.Generator) -> np.ndarray:
    pitch_hz, rate_hz = EMOTIONS[emotion]
    time_s = np.arange(round(seconds * RATE)) / RATE
    pitch = pitch_hz * (0.9 + 0.07 * speaker) * (1 + 0.05 * np.sin(2 * np.pi * time_s + random.uniform(0, 6)))
    buzz = 2 * (np.cumsum(pitch) / RATE % 1.0) - 1
    syllables = 0.5 + 0.5 * np.sin(2 * np.pi * rate_hz * time_s + random.uniform(0, 6))
    return 0.3 * buzz * syllables + 0.003 * random.standard_normal(time_s.size)
