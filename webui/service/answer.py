"""From a recording's frame logits to the result document and the arrays that lie beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from webui import storage
from webui.audio.decode import Recording
from webui.engine.protocol import EmotionModel, FloatArray
from webui.labels import Emotion
from webui.results import EmbeddingInfo, FrameScores, Granularity, Notice, RecognitionResult, Timing
from webui.service.options import RecognizeOptions
from webui.service.scores import Scores, SmoothedLogits, Smoothing, emotion_scores, smooth
from webui.service.windows import Joined
from webui.texts import Language


@dataclass(frozen=True, slots=True)
class Answer:
    """A result document with the arrays that go to files.

    Attributes:
        result: the document.
        embedding: float32 ``(dim,)`` or ``(frames, dim)``, or None if it was not asked for.
        frame_columns: columns of ``(rows,)`` each for the Parquet file; empty if the document holds them or none exist.
    """

    result: RecognitionResult
    embedding: FloatArray | None
    frame_columns: Mapping[str, Scores]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerContext:
    """What an answer says besides the numbers."""

    options: RecognizeOptions
    smoothing_s: tuple[float, float]
    max_json_rows: int
    timestamp: str
    timing: Timing
    warnings: tuple[Notice, ...]


def build_answer(
    recording: Recording, model: EmotionModel, joined: Joined, context: AnswerContext, say: Callable[[Notice], None]
) -> Answer:
    """Builds the document.

    Args:
        recording: what was heard.
        model: which answered.
        joined: its prediction for the whole recording.
        context: options, times and warnings.
        say: told the lines of the processing log.

    Raises:
        ModelError: the model's labels don't map to the nine.
    """
    scores = emotion_scores(joined.logits.mean(axis=0, dtype=np.float64), model)
    emotion = list(Emotion)[int(scores.argmax())]
    confidence = float(scores.max())
    zh, en = emotion.display_name(Language.ZH), emotion.display_name(Language.EN)
    values = {"emoji": emotion.emoji, "zh": zh, "en": en, "confidence": confidence}
    say(Notice(code="log.recognized", values=values))
    frames, columns = _frames(joined.logits, model, context)
    if frames is not None:
        shape = {"rows": frames.rows, "window_s": frames.window_s, "hop_s": frames.hop_s}
        say(Notice(code="log.frames", values=shape))
    embedding = _embedding(joined.features, context.options.granularity)
    info = None
    if embedding is not None:
        info = EmbeddingInfo(file=storage.EMBEDDING_FILE, shape=embedding.shape)
        say(Notice(code="log.embedding", values={"shape": str(embedding.shape), "file": info.file}))
    result = RecognitionResult(
        emotion=emotion,
        confidence=confidence,
        scores=dict(zip(Emotion, scores.tolist(), strict=True)),
        granularity=context.options.granularity,
        timestamp=context.timestamp,
        model=model.info,
        source=recording.source,
        timing=context.timing,
        frames=frames,
        embedding=info,
        warnings=context.warnings,
    )
    return Answer(result, embedding, columns)


def _frames(
    logits: FloatArray, model: EmotionModel, context: AnswerContext
) -> tuple[FrameScores | None, dict[str, Scores]]:
    if context.options.granularity is not Granularity.FRAME:
        return None, {}
    if context.options.raw_frames:
        smoothing = Smoothing.none()
    else:
        smoothing = Smoothing.from_seconds(*context.smoothing_s, frame_rate=model.frame_rate)
    smoothed = smooth(logits, smoothing)
    columns = _frame_columns(smoothed, model)
    to_file = len(smoothed.first) > context.max_json_rows
    frames = FrameScores(
        frame_rate_hz=model.frame_rate,
        window_s=smoothing.window / model.frame_rate,
        hop_s=smoothing.hop / model.frame_rate,
        rows=len(smoothed.first),
        file=storage.FRAMES_FILE if to_file else None,
        start_s=None if to_file else tuple(columns["start_s"].tolist()),
        end_s=None if to_file else tuple(columns["end_s"].tolist()),
        scores=None if to_file else {emotion: tuple(columns[emotion.value].tolist()) for emotion in Emotion},
    )
    return frames, columns if to_file else {}


def _frame_columns(smoothed: SmoothedLogits, model: EmotionModel) -> dict[str, Scores]:
    scores = emotion_scores(smoothed.logits, model)
    columns = {"start_s": smoothed.first / model.frame_rate, "end_s": smoothed.stop / model.frame_rate}
    return columns | {emotion.value: scores[:, column] for column, emotion in enumerate(Emotion)}


def _embedding(features: FloatArray | None, granularity: Granularity) -> FloatArray | None:
    if features is None or granularity is Granularity.FRAME:
        return features
    pooled: FloatArray = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    return pooled
