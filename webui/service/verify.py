"""``verify``: compares the native engine with FunASR, on the user's own machine and weights."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from webui.arrays import FloatArray
from webui.audio.decode import DecodeLimits, decode
from webui.engine.emotion2vec.family import LARGE_SHA256
from webui.engine.emotion2vec.verification_record import ClipComparison, PublishedComparison, VerificationRecord
from webui.engine.protocol import EmotionModel, Window
from webui.labels import Emotion
from webui.results import format_timestamp
from webui.service.machine import version_of
from webui.service.recognition.scores import Scores, emotion_scores
from webui.settings import Precision
from webui.units import SPEECH_RATE

SCORE_TOLERANCE: Final = 1e-5  # both engines on the CPU, in fp32
LOW_SCORE_TOLERANCE: Final = 5e-3  # a lower precision against fp32
LOW_TOP1_AGREEMENT: Final = 0.995
GPU_SCORE_TOLERANCE: Final = 1e-3  # GPU kernels differ, and TF32 may be enabled
SYNTHETIC_SECONDS: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0)
EXAMPLE_CLIP: Final = "example/test.wav"
# the scores that users of the published large model report for example/test.wav
PUBLISHED_SCORES: Final = {"sad": 0.868, "happy": 0.122, "surprised": 0.004, "angry": 0.004}
PUBLISHED_SOURCE: Final = "github.com/ddlBoJack/emotion2vec issue 88"
_EXAMPLE_LIMITS: Final = DecodeLimits(max_bytes=10_000_000, max_duration_s=60.0)


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip to compare on: ``waveform`` is ``(samples,)`` at the models' sample rate."""

    name: str
    waveform: FloatArray


def verification_clips(directory: Path, sample_rate: int = SPEECH_RATE) -> Iterator[Clip]:
    """Yields the checkpoint's own example clip, if there is one, and synthetic clips of several lengths.

    Args:
        directory: the folder of the checkpoint.
        sample_rate: sample rate of the models, in Hz.
    """
    example = directory / EXAMPLE_CLIP
    if example.is_file():
        yield Clip(EXAMPLE_CLIP, decode(example, limits=_EXAMPLE_LIMITS, sample_rate=sample_rate).waveform)
    for number, seconds in enumerate(SYNTHETIC_SECONDS):
        yield Clip(f"synthetic {seconds:g} s", synthesize(number, seconds, sample_rate))


def synthesize(number: int, seconds: float, sample_rate: int = SPEECH_RATE) -> FloatArray:
    """Returns a voice-like buzz with varying pitch and loudness, and noise, ``(samples,)``; ``number`` is the seed."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    pitch = 110 + 30 * number + 20 * np.sin(2 * np.pi * (1.3 + 0.4 * number) * times)
    buzz = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / sample_rate))
    loudness = 0.55 + 0.45 * np.sin(2 * np.pi * 3.1 * times + number)
    noise = np.random.default_rng(number).normal(size=len(times))
    return np.asarray(0.15 * buzz * loudness + 0.02 * noise, dtype=np.float32)


def verify_engines(
    native: EmotionModel,
    reference: EmotionModel,
    clips: Sequence[Clip],
    *,
    checkpoint_sha256: str,
    on_clip: Callable[[ClipComparison], None] = lambda _comparison: None,
) -> VerificationRecord:
    """Runs both engines on every clip and compares.

    Args:
        native: the engine that serves users.
        reference: the FunASR engine with the same checkpoint.
        clips: clips to compare on, at the models' sample rate; at least one.
        checkpoint_sha256: SHA-256 of the checkpoint.
        on_clip: called with each comparison when it is done.

    Raises:
        InferenceError: an engine failed.
    """
    comparisons: list[ClipComparison] = []
    published: PublishedComparison | None = None
    for clip in clips:
        comparison, native_scores = _compare(native, reference, clip)
        comparisons.append(comparison)
        on_clip(comparison)
        if clip.name == EXAMPLE_CLIP and checkpoint_sha256 == LARGE_SHA256:
            published = _compare_with_published(native_scores)
    on_gpu = native.info.device != "cpu" or reference.info.device != "cpu"
    precision = Precision(native.info.precision)
    tolerance = GPU_SCORE_TOLERANCE if on_gpu else SCORE_TOLERANCE
    if precision is not Precision.FP32:
        tolerance = LOW_SCORE_TOLERANCE
    agreement = sum(one.native_emotion == one.reference_emotion for one in comparisons) / len(comparisons)
    largest = max(comparison.score_difference for comparison in comparisons)
    return VerificationRecord(
        model=native.info.name,
        checkpoint_sha256=checkpoint_sha256,
        verified=bool(largest <= tolerance and (precision is Precision.FP32 or agreement >= LOW_TOP1_AGREEMENT)),
        tolerance=tolerance,
        largest_score_difference=largest,
        device=native.info.device,
        timestamp=format_timestamp(datetime.now().astimezone()),
        versions=_versions(),
        clips=tuple(comparisons),
        published=published,
        precision=precision,
        top1_agreement=None if precision is Precision.FP32 else agreement,
    )


def _compare(native: EmotionModel, reference: EmotionModel, clip: Clip) -> tuple[ClipComparison, Scores]:
    waveform = clip.waveform
    mean, variance = float(np.mean(waveform, dtype=np.float64)), float(np.var(waveform, dtype=np.float64))
    window = Window(waveform, mean, variance)
    ours, theirs = (model.predict([window], with_features=True)[0] for model in (native, reference))
    our_scores = emotion_scores(ours.logits.mean(axis=0, dtype=np.float64), native)
    their_scores = emotion_scores(theirs.logits.mean(axis=0, dtype=np.float64), reference)
    feature_difference = None  # not NaN, which JSON can't represent
    if ours.features is not None and theirs.features is not None:
        feature_difference = float(np.abs(ours.features - theirs.features).max())
    comparison = ClipComparison(
        clip=clip.name,
        duration_s=len(waveform) / native.sample_rate,
        feature_difference=feature_difference,
        score_difference=float(np.abs(our_scores - their_scores).max()),
        native_emotion=_top_emotion(our_scores),
        native_confidence=float(our_scores.max()),
        reference_emotion=_top_emotion(their_scores),
        reference_confidence=float(their_scores.max()),
    )
    return comparison, our_scores


def _top_emotion(scores: Scores) -> str:
    return list(Emotion)[int(scores.argmax())].value


def _compare_with_published(scores: Scores) -> PublishedComparison:
    by_name = dict(zip((emotion.value for emotion in Emotion), scores.tolist(), strict=True))
    native = {name: by_name[name] for name in PUBLISHED_SCORES}
    largest = max(abs(native[name] - PUBLISHED_SCORES[name]) for name in PUBLISHED_SCORES)
    return PublishedComparison(
        published=PUBLISHED_SCORES, native=native, largest_difference=largest, source=PUBLISHED_SOURCE
    )


def _versions() -> dict[str, str]:
    versions = {"python": sys.version.split()[0]}
    for package in ("torch", "funasr", "numpy"):
        versions[package] = version_of(package) or "not installed"
    return versions
