"""The chart of the scores over time, as HTML and SVG: without libraries, and in the colours of light and dark mode.

The SVG is stretched to the width of the page and contains lines only; all text is HTML on top of it, so that its size
does not change on a phone. Lines differ in colour and dashes, and have the emotion's emoji at their highest point.
"""

from pathlib import Path
from typing import Final

import numpy as np

from webui.labels import Emotion
from webui.results import FrameScores
from webui.texts import Language, text
from webui.texts.duration import clock_time
from webui.ui.views.curve_data import Curve, Span, leading_spans, load_curve
from webui.ui.views.markup import emotion_title, emotion_title_html, escape, face
from webui.ui.views.times import is_long, time_text

_WIDTH: Final = 1000  # in units of the SVG
_HEIGHT: Final = 300
_SHOWN_FROM: Final = 0.15  # lines that stay below this score are drawn faintly
_FACE_FROM: Final = 0.06  # share of the width from which a span shows an emoji
_GRID: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_TICK_STEPS_S: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
_MAX_TICKS: Final = 7


def curve_html(frames: FrameScores, folder: Path, language: Language) -> str:
    """Returns the chart of the frame scores.

    Args:
        frames: frame scores of a result document.
        folder: the run folder of that document.
        language: language of the labels and the caption.
    """
    curve = load_curve(frames, folder)
    caption = text(
        "page.curve_caption", language, window_s=frames.window_s, hop_s=frames.hop_s, rows=len(curve.start_s)
    )
    return (
        f'<figure class="se-card se-curve"><h2>{escape(text("page.curve", language))}</h2>'
        f"{_plot(curve)}{_strip(curve, language)}{_ticks(curve, language)}{_legend(curve, language)}"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _shown(curve: Curve) -> list[int]:
    """Returns the columns of the lines that are drawn prominently, highest peak first."""
    peaks = curve.scores.max(axis=0)
    order = [int(column) for column in np.argsort(-peaks, kind="stable")]
    return [column for column in order if peaks[column] >= _SHOWN_FROM] or order[:1]


def _duration_s(curve: Curve) -> float:
    return float(curve.end_s[-1]) or 1.0


def _plot(curve: Curve) -> str:
    shown = _shown(curve)
    faint_first = [column for column in range(len(Emotion)) if column not in shown] + shown[::-1]
    lines = "".join(_line(curve, column, column in shown) for column in faint_first)
    grid = "".join(
        f'<line class="se-grid" x1="0" x2="{_WIDTH}" y1="{_y(level):.0f}" y2="{_y(level):.0f}"/>' for level in _GRID
    )
    labels = "".join(f'<span style="top:{1 - level:.0%}">{level:.0%}</span>' for level in _GRID)
    faces = "".join(_face(curve, column) for column in shown)
    return (
        f'<div class="se-plot" aria-hidden="true"><div class="se-levels">{labels}</div>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none">{grid}{lines}</svg>{faces}</div>'
    )


def _y(score: float) -> float:
    return _HEIGHT * (1 - score)


def _line(curve: Curve, column: int, strong: bool) -> str:
    scores = curve.scores[:, column]
    x = np.concatenate([[0.0], curve.time_s, curve.end_s[-1:]]) / _duration_s(curve) * _WIDTH
    y = _HEIGHT * (1 - np.concatenate([scores[:1], scores, scores[-1:]]))
    points = " ".join(f"{left:.1f},{top:.1f}" for left, top in zip(x, y, strict=True))
    emotion = list(Emotion)[column]
    weight = "se-strong" if strong else "se-quiet"
    return f'<polyline class="se-line {weight} se-{emotion.value}" points="{points}"/>'


def _peak(curve: Curve, column: int) -> tuple[float, float]:
    row = int(curve.scores[:, column].argmax())
    return float(curve.time_s[row]), float(curve.scores[row, column])


def _face(curve: Curve, column: int) -> str:
    time_s, score = _peak(curve, column)
    left = min(max(time_s / _duration_s(curve), 0.02), 0.98)
    emotion = list(Emotion)[column]
    return f'<span class="se-peak" style="left:{left:.2%};top:{1 - score:.2%}">{face(emotion)}</span>'


def _strip(curve: Curve, language: Language) -> str:
    total_s = _duration_s(curve)
    spans = leading_spans(curve)
    cells = "".join(_span(span, total_s, language) for span in spans)
    description = "; ".join(_span_words(span, total_s, language) for span in spans[:50])
    return f'<div class="se-strip" role="img" aria-label="{escape(description)}">{cells}</div>'


def _span_words(span: Span, total_s: float, language: Language) -> str:
    title = emotion_title(span.emotion, language)
    start, end = time_text(span.start_s, total_s, language), time_text(span.end_s, total_s, language)
    return text("page.curve_span", language, start=start, end=end, emotion=title)


def _span(span: Span, total_s: float, language: Language) -> str:
    share = (span.end_s - span.start_s) / total_s
    shown = face(span.emotion) if share >= _FACE_FROM else ""
    return (
        f'<span class="se-span se-{span.emotion.value}" style="width:{share:.3%}" '
        f'title="{escape(_span_words(span, total_s, language))}">{shown}</span>'
    )


def _ticks(curve: Curve, language: Language) -> str:
    total_s = _duration_s(curve)
    step_s = next((step for step in _TICK_STEPS_S if total_s / step <= _MAX_TICKS), total_s)
    times = np.arange(0.0, total_s * 0.97, step_s)
    labels = "".join(
        f'<span style="left:{time / total_s:.2%}">{_tick(time, total_s)}</span>' for time in times.round(1)
    )
    unit = "" if is_long(total_s) else escape(text("page.seconds", language))
    return f'<div class="se-ticks" aria-hidden="true">{labels}<span class="se-unit">{unit}</span></div>'


def _tick(time_s: float, total_s: float) -> str:
    return clock_time(time_s) if is_long(total_s) else f"{time_s:g}"


def _legend(curve: Curve, language: Language) -> str:
    items = []
    for column in _shown(curve):
        emotion = list(Emotion)[column]
        time_s, score = _peak(curve, column)
        peak = text("page.curve_peak", language, score=score, time=time_text(time_s, _duration_s(curve), language))
        sample = (
            f'<svg viewBox="0 0 28 6"><polyline class="se-line se-strong se-{emotion.value}" points="0,3 28,3"/></svg>'
        )
        name = emotion_title_html(emotion, language)
        items.append(f"<li>{sample}<span>{name}</span> <small>{escape(peak)}</small></li>")
    return f'<ul class="se-legend">{"".join(items)}</ul>'
