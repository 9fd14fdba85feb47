"""Voice activity detection with silero-vad, for recordings of any length.

The network (MIT licence) is a file in the package ``silero-vad``. ONNX Runtime runs it block by block, so that a long
recording is never in memory as a whole. The package's own rules turn the probabilities of the 32 ms frames into spans.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from webui.arrays import Samples
from webui.errors import RequestError
from webui.units import SPEECH_RATE

FRAME: Final = 512  # samples per frame: 32 ms
CONTEXT: Final = 64  # samples before each frame that are part of the network's input
BLOCK_FRAMES: Final = 512  # 16 s
NETWORK: Final = "silero_vad_16k_sequence.onnx"
MIN_SPEECH_MS: Final = 250
MIN_SILENCE_MS: Final = 300  # shorter pauses, such as a breath, don't end a span
SMOOTH_FRAMES: Final = 3  # 96 ms: the shortest pause that matters where a long span is split
# The network itself is about 40 ms late; with 60 ms most spans would end more than 0.1 s after the last sound.
PAD_MS: Final = 30
AVERAGED_FRAMES: Final = 8  # 256 ms
# Shouted and whispered speech also reaches this average probability at some point; noise, hum and music reach 0.11.
POSSIBLE_SPEECH: Final = 0.15


@dataclass(frozen=True, slots=True)
class SpeechSpan:
    """A span of speech, from sample ``start`` up to but not including ``stop``, at 16 kHz."""

    start: int
    stop: int


def detect_speech(
    waveform: Samples, *, longest_s: float, on_progress: Callable[[float], None] = lambda _fraction: None
) -> list[SpeechSpan]:
    """Returns the spans of speech, in order and without overlap.

    Args:
        waveform: ``(samples,)`` at 16 kHz, read block by block.
        longest_s: maximum length of a span in seconds. A longer span is split in the second half of that length, at
            the frame where speech is least likely, which is a pause if there is one. No samples are lost.
        on_progress: called with the fraction done; may raise to cancel.

    Raises:
        RequestError: silero-vad or PyTorch, which it imports, is not installed.
    """
    probabilities = _probabilities(waveform, on_progress)
    if not len(probabilities):
        return []
    timestamps = _rules()(
        probabilities.tolist(),
        sampling_rate=SPEECH_RATE,
        min_speech_duration_ms=MIN_SPEECH_MS,
        min_silence_duration_ms=MIN_SILENCE_MS,
        speech_pad_ms=PAD_MS,
        audio_length_samples=len(waveform),
    )
    spans = [SpeechSpan(int(part["start"]), int(part["end"])) for part in timestamps if part["end"] > part["start"]]
    return [piece for span in spans for piece in _split(span, probabilities, int(longest_s * SPEECH_RATE))]


def _split(span: SpeechSpan, probabilities: NDArray[np.float32], longest: int) -> Iterator[SpeechSpan]:
    """Yields consecutive pieces of ``span``, each of at most ``longest`` samples."""
    smooth = np.convolve(probabilities, np.full(SMOOTH_FRAMES, 1 / SMOOTH_FRAMES), mode="same")
    start = span.start
    while span.stop - start > longest:
        first, last = -(-(start + longest // 2) // FRAME), (start + longest) // FRAME
        candidates = smooth[first : last + 1]
        middle = (first + int(candidates.argmin())) * FRAME + FRAME // 2 if len(candidates) else start + longest
        stop = min(start + longest, middle)
        yield SpeechSpan(start, stop)
        start = stop
    yield SpeechSpan(start, span.stop)


def has_speech(
    waveform: Samples, *, gain: float = 1.0, on_progress: Callable[[float], None] = lambda _fraction: None
) -> bool:
    """Returns whether a recording may contain speech; reading stops at the first place that may.

    Args:
        waveform: ``(samples,)`` at 16 kHz, read block by block.
        gain: factor for the samples: the network misses quiet speech.
        on_progress: called with the fraction done; may raise to cancel.

    Raises:
        RequestError: silero-vad is not installed.
    """
    before = np.zeros(AVERAGED_FRAMES - 1, np.float32)
    for probabilities in _blocks(waveform, gain, on_progress):
        joined = np.concatenate([before, probabilities])
        averages = np.convolve(joined, np.full(AVERAGED_FRAMES, 1 / AVERAGED_FRAMES), mode="valid")
        if averages.max() >= POSSIBLE_SPEECH:
            return True
        before = joined[1 - AVERAGED_FRAMES :]
    return False


def check_vad() -> None:
    """Checks that ``detect_speech`` can run, so that a missing package is reported before inference, not after it.

    Raises:
        RequestError: a package is not installed.
    """
    _session()
    _rules()


def _probabilities(waveform: Samples, on_progress: Callable[[float], None]) -> NDArray[np.float32]:
    """Returns the speech probability of each 32 ms frame, ``(frames,)``; the last one is padded with silence."""
    parts = list(_blocks(waveform, 1.0, on_progress))
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _blocks(waveform: Samples, gain: float, on_progress: Callable[[float], None]) -> Iterator[NDArray[np.float32]]:
    """Yields the probabilities of the frames of each block."""
    session = _session()
    state = {name: np.zeros((1, 1, 128), np.float32) for name in ("h", "c")}
    before = np.zeros(CONTEXT, np.float32)
    step = BLOCK_FRAMES * FRAME
    for first in range(0, len(waveform), step):
        samples = np.asarray(waveform[first : first + step], dtype=np.float32)
        if gain != 1.0:
            samples = samples * np.float32(gain)
        frames = -(-len(samples) // FRAME)
        padded = np.concatenate([before, samples, np.zeros(frames * FRAME - len(samples), np.float32)])
        rows = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + FRAME)[::FRAME]  # (frames, 576)
        inputs = {"input": np.ascontiguousarray(rows), **state}
        probabilities, state["h"], state["c"] = session.run(["speech_probs", "hn", "cn"], inputs)
        yield probabilities
        before = padded[-CONTEXT:]
        on_progress(min(1.0, (first + step) / len(waveform)))


@lru_cache(maxsize=1)
def _session() -> Any:  # noqa: ANN401 - ONNX Runtime has no types
    import onnxruntime  # imported late: it is slow to import

    spec = find_spec("silero_vad")
    if spec is None or spec.origin is None:
        raise RequestError("audio.no_speech_finder", package="silero-vad")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the matrices are too small to gain from more
    path = Path(spec.origin).parent / "data" / NETWORK
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=1)
def _rules() -> Callable[..., list[dict[str, float]]]:
    if find_spec("torch") is None:
        raise RequestError("audio.no_speech_finder", package="torch")
    import torch

    threads = torch.get_num_threads()
    from silero_vad.utils_vad import get_speech_timestamps_from_probs

    torch.set_num_threads(threads)  # the package sets it to 1 for the whole process when it is imported
    rules: Callable[..., list[dict[str, float]]] = get_speech_timestamps_from_probs
    return rules
