"""Speech segments with an emotion each.

The model runs over the recording as a whole, and the scores of a segment come from the logits of its frames. Running it
over each segment alone would take away the context before and after, and cost a pass per segment; and the scores of a
segment that covers everything would not be those of the recording.
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
        spans: where somebody speaks, in samples at 16 kHz, whatever the model's rate.
        logits: of all frames, ``(frames, labels)``.
        model: whose frames they are.
        allowed_emotions: the emotions that share the scores; None: all.
        merge_gap_s: neighbours of the same emotion that are no further apart become one segment; None: none do.
    """
    groups = [[span] for span in spans]
    if merge_gap_s is not None:
        leaders = [int(_scores([span], logits, model, allowed_emotions).argmax()) for span in spans]
        gap = round(merge_gap_s * SPEECH_RATE)
        groups = list(_joined(spans, leaders, gap))
    return tuple(_segment(group, _scores(group, logits, model, allowed_emotions)) for group in groups)


def _joined(spans: Sequence[SpeechSpan], leaders: Sequence[int], gap: int) -> Iterator[list[SpeechSpan]]:
    """Yields runs of neighbours with the same leader and at most ``gap`` samples between them."""
    group: list[SpeechSpan] = list(spans[:1])
    for (before, leader), (span, following) in pairwise(zip(spans, leaders, strict=True)):
        if leader == following and span.start - before.stop <= gap:
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
    """Returns the frames of a span: at least one, and none beyond the end."""
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
