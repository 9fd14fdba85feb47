"""Builds the result document of a recording, and the table of frame scores, from its frame logits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from webui import storage
from webui.arrays import FloatArray
from webui.audio.vad import SpeechSpan
from webui.engine.protocol import EmotionModel
from webui.labels import Emotion
from webui.results import (
    EmbeddingInfo,
    FrameScores,
    Granularity,
    Notice,
    RecognitionResult,
    Segment,
    SourceInfo,
    Timing,
)
from webui.service.recognition.options import MERGE_GAP_S, RecognizeOptions
from webui.service.recognition.scores import AllowedEmotions, Scores, Smoothing, count_rows, emotion_scores, smooth
from webui.service.recognition.segments import build_segments
from webui.service.recognition.windows import RecordingLogits
from webui.texts import Language
from webui.units import SPEECH_RATE

GROUP_ROWS: Final = 1 << 16  # rows of frame scores in memory at a time: 6 MB

FrameColumns = Mapping[str, Scores]


@dataclass(frozen=True, slots=True)
class BuiltResult:
    """A result document, and the frame scores that are written to a separate file.

    Attributes:
        result: the document.
        frame_groups: groups of rows for the Parquet file, each with columns of shape ``(rows,)``, computed while they
            are read; None if the document contains the frame scores or there are none.
    """

    result: RecognitionResult
    frame_groups: Iterator[FrameColumns] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultContext:
    """Everything that goes into a result except the model's prediction.

    Attributes:
        source: description of the recording.
        embedding_shape: shape of the embedding file; None without one.
        options: options of the request.
        smoothing_s: window and hop of frame scores, in seconds.
        max_json_rows: maximum number of rows of frame scores in the document; more go to a file.
        timestamp: start of the recognition, in the format of the document.
        timing: seconds spent on decoding and inference.
        warnings: warnings for the document.
        spans: speech found in the recording; None if no segments were requested.
    """

    source: SourceInfo
    embedding_shape: tuple[int, ...] | None
    options: RecognizeOptions
    smoothing_s: tuple[float, float]
    max_json_rows: int
    timestamp: str
    timing: Timing
    warnings: tuple[Notice, ...]
    spans: Sequence[SpeechSpan] | None


def build_result(
    model: EmotionModel, joined: RecordingLogits, context: ResultContext, log_line: Callable[[Notice], None]
) -> BuiltResult:
    """Builds the result document.

    Args:
        model: the model that made the prediction.
        joined: prediction for the whole recording.
        context: source, options, times and warnings.
        log_line: called with each line of the processing log.

    Raises:
        ModelError: a label of the model has no counterpart among the nine emotions.
    """
    scores = emotion_scores(joined.logits.mean(axis=0, dtype=np.float64), model, context.options.labels)
    emotion = list(Emotion)[int(scores.argmax())]
    confidence = float(scores.max())
    zh, en = emotion.display_name(Language.ZH), emotion.display_name(Language.EN)
    values = {"emoji": emotion.emoji, "zh": zh, "en": en, "confidence": confidence}
    log_line(Notice(code="log.recognized", values=values))
    frames, groups = _frames(joined.logits, model, context)
    if frames is not None:
        shape = {"rows": frames.rows, "window_s": frames.window_s, "hop_s": frames.hop_s}
        log_line(Notice(code="log.frames", values=shape))
    segments = _segments(joined.logits, model, context, log_line)
    embedding = None
    if context.embedding_shape is not None:
        embedding = EmbeddingInfo(file=storage.EMBEDDING_FILE, shape=context.embedding_shape)
        log_line(Notice(code="log.embedding", values={"shape": str(embedding.shape), "file": embedding.file}))
    result = RecognitionResult(
        emotion=emotion,
        confidence=confidence,
        scores=dict(zip(Emotion, scores.tolist(), strict=True)),
        granularity=context.options.granularity,
        timestamp=context.timestamp,
        model=model.info,
        source=context.source,
        timing=context.timing,
        frames=frames,
        segments=segments,
        labels=context.options.labels,
        embedding=embedding,
        warnings=context.warnings,
    )
    return BuiltResult(result, groups)


def _segments(
    logits: FloatArray, model: EmotionModel, context: ResultContext, log_line: Callable[[Notice], None]
) -> tuple[Segment, ...] | None:
    if context.spans is None:
        return None
    options = context.options
    gap_s = MERGE_GAP_S if options.merge_segments else None
    segments = build_segments(context.spans, logits, model, allowed_emotions=options.labels, merge_gap_s=gap_s)
    speech_s = sum(span.stop - span.start for span in context.spans) / SPEECH_RATE
    log_line(Notice(code="log.segments", values={"segments": len(segments), "speech_s": speech_s}))
    return segments


def _frames(
    logits: FloatArray, model: EmotionModel, context: ResultContext
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
        file=storage.FRAMES_FILE if to_file else None,
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
