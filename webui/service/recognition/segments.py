"""Speech segments, each with its emotion.

The model runs over the whole recording, and the scores of a segment come from the logits of its frames. Running the
model on each segment separately would lose the context before and after it and cost a forward pass per segment, and a
segment that covers the whole recording would not have the scores of the recording.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from webui.arrays import FloatArray
from webui.audio.vad import SpeechSpan
from webui.engine.protocol import EmotionModel
from webui.labels import Emotion
from webui.results import Segment
from webui.service.recognition.scores import AllowedEmotions, Scores, emotion_scores
from webui.units import SPEECH_RATE

Frames = tuple[int, int]  # first, and one past the last


def build_segments(
    spans: Sequence[SpeechSpan],
    logits: FloatArray,
    model: EmotionModel,
    *,
    allowed_emotions: AllowedEmotions = None,
    merge_gap_s: float | None = None,
) -> tuple[Segment, ...]:
    """Returns the segments in order.

    Args:
        spans: where there is speech, in samples at 16 kHz, regardless of the model's sample rate.
        logits: logits of all frames, shape ``(frames, labels)``.
        model: the model that made them.
        allowed_emotions: emotions that can be recognized; None: all nine.
        merge_gap_s: longest gap, in seconds, between adjacent segments of the same emotion that are merged; None: no
            segments are merged.
    """
    groups = [[span] for span in spans]
    if merge_gap_s is not None:
        emotions = [int(_scores([span], logits, model, allowed_emotions).argmax()) for span in spans]
        max_gap = round(merge_gap_s * SPEECH_RATE)
        groups = list(_merged(spans, emotions, max_gap))
    return tuple(_segment(group, _scores(group, logits, model, allowed_emotions)) for group in groups)


def _merged(spans: Sequence[SpeechSpan], emotions: Sequence[int], max_gap: int) -> Iterator[list[SpeechSpan]]:
    """Yields groups of consecutive spans that have the same emotion and at most ``max_gap`` samples between them."""
    group: list[SpeechSpan] = list(spans[:1])
    for (previous, previous_emotion), (span, emotion) in pairwise(zip(spans, emotions, strict=True)):
        if emotion == previous_emotion and span.start - previous.stop <= max_gap:
            group.append(span)
        else:
            yield group
            group = [span]
    if group:
        yield group


def _scores(
    group: Iterable[SpeechSpan], logits: FloatArray, model: EmotionModel, allowed_emotions: AllowedEmotions
) -> Scores:
    selected = np.concatenate([logits[first:stop] for first, stop in (_frames(span, logits, model) for span in group)])
    return emotion_scores(selected.mean(axis=0, dtype=np.float64), model, allowed_emotions)


def _frames(span: SpeechSpan, logits: FloatArray, model: EmotionModel) -> Frames:
    """Returns the range of frames of a span: at least one frame, and none beyond the end."""
    per_sample = model.frame_rate / SPEECH_RATE
    first = min(int(span.start * per_sample), len(logits) - 1)
    return first, max(first + 1, min(round(span.stop * per_sample), len(logits)))


def _segment(group: Sequence[SpeechSpan], scores: Scores) -> Segment:
    return Segment(
        start_s=group[0].start / SPEECH_RATE,
        end_s=group[-1].stop / SPEECH_RATE,
        emotion=list(Emotion)[int(scores.argmax())],
        confidence=float(scores.max()),
        scores=dict(zip(Emotion, scores.tolist(), strict=True)),
    )
