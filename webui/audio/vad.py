"""Voice activity detection: silero-vad's network and its rules, over recordings of any length.

The network (MIT licence) comes inside the package ``silero-vad``. Its file is run with ONNX Runtime block by block,
so that hours of audio are never in memory; the probabilities of the 32 ms frames go through the package's own rules.
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

FRAME: Final = 512  # samples per probability: 32 ms
CONTEXT: Final = 64  # samples before a frame that the network takes as well
BLOCK_FRAMES: Final = 512  # 16 s
NETWORK: Final = "silero_vad_16k_sequence.onnx"
MIN_SPEECH_MS: Final = 250
MIN_SILENCE_MS: Final = 300  # a breath doesn't end a sentence
SMOOTH_FRAMES: Final = 3  # 96 ms: the shortest pause that counts where a stretch has to be cut
PAD_MS: Final = 30  # 60 would put most ends more than 0.1 s after the last sound: the network itself is some 40 ms late


@dataclass(frozen=True, slots=True)
class SpeechSpan:
    """A stretch of speech: samples from ``start`` up to ``stop``, at 16 kHz."""

    start: int
    stop: int


def detect_speech(
    waveform: Samples, *, longest_s: float, on_progress: Callable[[float], None] = lambda _fraction: None
) -> list[SpeechSpan]:
    """Returns the stretches of speech, in order and without overlap.

    Args:
        waveform: ``(samples,)`` at 16 kHz, read block by block.
        longest_s: the longest stretch in seconds. A longer one is cut in the second half of that length, where speech
            is least likely: a pause if there is one. Nothing of it is lost.
        on_progress: called with the fraction done; may raise to stop.

    Raises:
        RequestError: silero-vad or PyTorch, which it imports, is not installed.
    """
    probabilities = _probabilities(waveform, on_progress)
    if not len(probabilities):
        return []
    found = _rules()(
        probabilities.tolist(),
        sampling_rate=SPEECH_RATE,
        min_speech_duration_ms=MIN_SPEECH_MS,
        min_silence_duration_ms=MIN_SILENCE_MS,
        speech_pad_ms=PAD_MS,
        audio_length_samples=len(waveform),
    )
    spans = [SpeechSpan(int(one["start"]), int(one["end"])) for one in found if one["end"] > one["start"]]
    return [piece for span in spans for piece in _cut(span, probabilities, int(longest_s * SPEECH_RATE))]


def _cut(span: SpeechSpan, probabilities: NDArray[np.float32], longest: int) -> Iterator[SpeechSpan]:
    """Yields pieces of at most ``longest`` samples that together are ``span``."""
    smooth = np.convolve(probabilities, np.full(SMOOTH_FRAMES, 1 / SMOOTH_FRAMES), mode="same")
    start = span.start
    while span.stop - start > longest:
        first, last = -(-(start + longest // 2) // FRAME), (start + longest) // FRAME
        quiet = smooth[first : last + 1]
        at = min(start + longest, (first + int(quiet.argmin())) * FRAME + FRAME // 2) if len(quiet) else start + longest
        yield SpeechSpan(start, at)
        start = at
    yield SpeechSpan(start, span.stop)


def check_vad() -> None:
    """Refuses, before minutes of inference, what ``detect_speech`` would refuse after them.

    Raises:
        RequestError: a package is not installed.
    """
    _session()
    _rules()


def _probabilities(waveform: Samples, on_progress: Callable[[float], None]) -> NDArray[np.float32]:
    """Returns how likely each 32 ms are speech, ``(frames,)``; the last frame is padded with silence."""
    session = _session()
    state = {name: np.zeros((1, 1, 128), np.float32) for name in ("h", "c")}
    before = np.zeros(CONTEXT, np.float32)
    parts: list[NDArray[np.float32]] = []
    step = BLOCK_FRAMES * FRAME
    for first in range(0, len(waveform), step):
        samples = np.asarray(waveform[first : first + step], dtype=np.float32)
        frames = -(-len(samples) // FRAME)
        padded = np.concatenate([before, samples, np.zeros(frames * FRAME - len(samples), np.float32)])
        rows = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + FRAME)[::FRAME]  # (frames, 576)
        inputs = {"input": np.ascontiguousarray(rows), **state}
        probabilities, state["h"], state["c"] = session.run(["speech_probs", "hn", "cn"], inputs)
        parts.append(probabilities)
        before = padded[-CONTEXT:]
        on_progress(min(1.0, (first + step) / len(waveform)))
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


@lru_cache(maxsize=1)
def _session() -> Any:  # noqa: ANN401 - ONNX Runtime has no types
    import onnxruntime  # imported late: only segments need it

    spec = find_spec("silero_vad")
    if spec is None or spec.origin is None:
        raise RequestError("audio.no_speech_finder", package="silero-vad")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # its matrices are tiny
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
