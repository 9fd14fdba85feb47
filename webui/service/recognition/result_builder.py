"""Builds the result document of a recording, and the table of frame scores, from its frame logits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from webui.arrays import FloatArray
from webui.audio.vad import SpeechSpan
from webui.engine.protocol import EmotionModel
from webui.labels import Emotion
from webui.results import (
    ChannelResult,
    EmbeddingInfo,
    FrameScores,
    Granularity,
    Notice,
    RecognitionResult,
    Segment,
)
from webui.service.recognition.options import MERGE_GAP_S, RecognizeOptions
from webui.service.recognition.scores import AllowedEmotions, Scores, Smoothing, count_rows, emotion_scores, smooth
from webui.service.recognition.segments import build_segments
from webui.service.recognition.windows import RecordingLogits
from webui.texts import Language
from webui.units import SPEECH_RATE

GROUP_ROWS: Final = 1 << 16  # rows of frame scores in memory at a time: 6 MB

FrameColumns = Mapping[str, Scores]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartContext:
    """The inputs from which the scores of a part are built, in addition to the model's prediction.

    Attributes:
        options: options of the request.
        smoothing_s: window and hop of frame scores, in seconds.
        max_json_rows: maximum number of rows of frame scores in the document; more go to a file.
        frames_file: name of that file.
        spans: speech found in the part; None if no segments were requested.
    """

    options: RecognizeOptions
    smoothing_s: tuple[float, float]
    max_json_rows: int
    frames_file: str
    spans: Sequence[SpeechSpan] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPart:
    """The scores of the whole recording or of one channel; the attributes are keys of the document, except the last.

    Attributes:
        frame_groups: groups of rows for the Parquet file, each with columns of shape ``(rows,)``, computed while they
            are read; None if the document contains the frame scores or there are none.
    """

    emotion: Emotion
    confidence: float
    scores: Mapping[Emotion, float]
    frames: FrameScores | None
    segments: tuple[Segment, ...] | None
    frame_groups: Iterator[FrameColumns] | None


@dataclass(frozen=True, slots=True)
class BuiltResult:
    """A result document, and the frame scores that are written to separate files.

    Attributes:
        result: the document.
        frame_groups: see ``BuiltPart``, of the whole recording.
        channel_frame_groups: the same for channels, by index, without those that need no file.
    """

    result: RecognitionResult
    frame_groups: Iterator[FrameColumns] | None
    channel_frame_groups: Mapping[int, Iterator[FrameColumns]]


def build_part(model: EmotionModel, joined: RecordingLogits, context: PartContext) -> BuiltPart:
    """Builds the scores of the whole recording or of one channel.

    Args:
        model: the model that made the prediction.
        joined: prediction for the whole part.
        context: options and speech.

    Raises:
        ModelError: a label of the model has no counterpart among the nine emotions.
    """
    scores = emotion_scores(joined.logits.mean(axis=0, dtype=np.float64), model, context.options.labels)
    frames, groups = _frames(joined.logits, model, context)
    return BuiltPart(
        emotion=list(Emotion)[int(scores.argmax())],
        confidence=float(scores.max()),
        scores=dict(zip(Emotion, scores.tolist(), strict=True)),
        frames=frames,
        segments=_segments(joined.logits, model, context),
        frame_groups=groups,
    )


def log_part(
    part: BuiltPart, embedding: EmbeddingInfo | None, context: PartContext, log_line: Callable[[Notice], None]
) -> None:
    """Adds the lines about the whole recording to the processing log."""
    log_line(Notice(code="log.recognized", values=_emotion_values(part)))
    if part.frames is not None:
        shape = {"rows": part.frames.rows, "window_s": part.frames.window_s, "hop_s": part.frames.hop_s}
        log_line(Notice(code="log.frames", values=shape))
    if part.segments is not None:
        speech_s = sum(span.stop - span.start for span in context.spans or ()) / SPEECH_RATE
        log_line(Notice(code="log.segments", values={"segments": len(part.segments), "speech_s": speech_s}))
    if embedding is not None:
        log_line(Notice(code="log.embedding", values={"shape": str(embedding.shape), "file": embedding.file}))


def channel_line(channel: ChannelResult) -> Notice:
    """Returns the line about a channel for the processing log."""
    values = {"channel": channel.label} | _emotion_values(channel)
    return Notice(code="log.channel", values=values)


def _emotion_values(part: BuiltPart | ChannelResult) -> dict[str, float | str]:
    zh, en = part.emotion.display_name(Language.ZH), part.emotion.display_name(Language.EN)
    return {"emoji": part.emotion.emoji, "zh": zh, "en": en, "confidence": part.confidence}


def _segments(logits: FloatArray, model: EmotionModel, context: PartContext) -> tuple[Segment, ...] | None:
    if context.spans is None:
        return None
    options = context.options
    gap_s = MERGE_GAP_S if options.merge_segments else None
    return build_segments(context.spans, logits, model, allowed_emotions=options.labels, merge_gap_s=gap_s)


def _frames(
    logits: FloatArray, model: EmotionModel, context: PartContext
) -> tuple[FrameScores | None, Iterator[FrameColumns] | None]:
    if context.options.granularity is not Granularity.FRAME:
        return None, None
    if context.options.raw_frames:
        smoothing = Smoothing.none()
    else:
        smoothing = Smoothing.from_seconds(*context.smoothing_s, frame_rate=model.frame_rate)
    rows = count_rows(len(logits), smoothing)
    to_file = rows > context.max_json_rows
    allowed_emotions = context.options.labels
    columns = {} if to_file else _frame_columns(logits, smoothing, model, allowed_emotions, 0, rows)
    frames = FrameScores(
        frame_rate_hz=model.frame_rate,
        window_s=smoothing.window / model.frame_rate,
        hop_s=smoothing.hop / model.frame_rate,
        rows=rows,
        file=context.frames_file if to_file else None,
        start_s=None if to_file else tuple(columns["start_s"].tolist()),
        end_s=None if to_file else tuple(columns["end_s"].tolist()),
        scores=None if to_file else {emotion: tuple(columns[emotion.value].tolist()) for emotion in Emotion},
    )
    return frames, _frame_groups(logits, smoothing, model, allowed_emotions, rows) if to_file else None


def _frame_groups(
    logits: FloatArray, smoothing: Smoothing, model: EmotionModel, allowed_emotions: AllowedEmotions, rows: int
) -> Iterator[FrameColumns]:
    for first in range(0, rows, GROUP_ROWS):
        yield _frame_columns(logits, smoothing, model, allowed_emotions, first, min(first + GROUP_ROWS, rows))


def _frame_columns(
    logits: FloatArray,
    smoothing: Smoothing,
    model: EmotionModel,
    allowed_emotions: AllowedEmotions,
    first_row: int,
    stop_row: int,
) -> FrameColumns:
    smoothed = smooth(logits, smoothing, first_row=first_row, stop_row=stop_row)
    scores = emotion_scores(smoothed.logits, model, allowed_emotions)
    columns = {"start_s": smoothed.first / model.frame_rate, "end_s": smoothed.stop / model.frame_rate}
    return columns | {emotion.value: scores[:, column] for column, emotion in enumerate(Emotion)}
