"""A result as HTML: the main emotion, the warnings, the model that was used, and the nine scores."""

from collections.abc import Collection, Sequence

from webui.engine.families import is_included
from webui.labels import NO_SCORE, Emotion
from webui.results import ChannelResult, ModelInfo, Notice, RecognitionResult, by_importance, headlines
from webui.texts import Language, text
from webui.ui.views.markup import (
    details_html,
    emotion_title,
    emotion_title_html,
    escape,
    face,
    other_language,
    percent,
)


def empty_html(language: Language) -> str:
    """Returns the card that is shown before the first recognition."""
    return (
        f'<div class="se-card se-empty"><span aria-hidden="true">🎧</span>{escape(text("page.empty", language))}</div>'
    )


def answer_html(result: RecognitionResult, language: Language) -> str:
    """Returns the main emotion with its confidence, the warnings, and the model that was used."""
    confidence = text("page.confidence", language, confidence=result.confidence)
    source = text(
        "page.source",
        language,
        file_name=result.source.file_name,
        duration_s=result.source.duration_s,
        sample_rate_hz=result.source.sample_rate_hz,
        inference_s=result.timing.inference_s,
    )
    announcement = escape(f"{emotion_title(result.emotion, language)} {confidence}")
    return (
        f'<div class="se-card se-answer" data-emotion="{result.emotion.value}" data-announce="{announcement}">'
        f'<div class="se-emotion">{emotion_title_html(result.emotion, language)}</div>'
        f'<div class="se-confidence">{escape(confidence)}</div>'
        f"{warnings_html(result.warnings, language)}"
        f'<div class="se-source">{escape(source)}</div>'
        f"{_model_html(result.model, language)}"
        f'<p class="se-small-print">{escape(text("page.disclaimer", language))}</p>'
        "</div>"
    )


def previous_html(file_name: str, language: Language) -> str:
    """Returns the line above a result that is no longer about the chosen recording; else the style sheet hides it."""
    key = "page.previous" if file_name else "page.previous_unnamed"
    return f'<p class="se-previous">{escape(text(key, language, file_name=file_name))}</p>'


def deleted_html(file_name: str, language: Language) -> str:
    """Returns the card for a result that the user deleted."""
    sentence = escape(text("page.deleted", language, file_name=file_name))
    return (
        f'<div class="se-card se-empty se-deleted" data-announce="{sentence}"><span aria-hidden="true">🗑️</span>'
        f"{sentence}</div>"
    )


def cancelled_html(language: Language, *, too_late: bool = False) -> str:
    """Returns the card for a run that the user cancelled."""
    sentence = escape(text("page.cancelled_late" if too_late else "page.cancelled", language))
    return f'<div class="se-card se-empty" data-announce="{sentence}"><span aria-hidden="true">⏹️</span>{sentence}</div>'


def error_card_html(title_key: str, sentence: str, language: Language) -> str:
    """Returns the card of an error: the kind of error as title, and the message."""
    title = escape(text(title_key, language))
    return f'<div class="se-card se-error" role="alert"><strong>⚠️ {title}</strong><p>{escape(sentence)}</p></div>'


def scores_html(result: RecognitionResult | ChannelResult, possible: Collection[Emotion], language: Language) -> str:
    """Returns the nine scores as bars, in the order of ``Emotion``, with the numbers as text.

    Args:
        result: the result of a recording or of a channel.
        possible: the emotions that the result could have had; the others have a dash instead of a score.
        language: language of the labels.
    """
    rows = "".join(
        _score_row(emotion, result.scores[emotion] if emotion in possible else None, result.emotion, language)
        for emotion in Emotion
    )
    title = escape(text("page.scores", language))
    note = (
        f'<p class="se-small-print">{escape(text("page.no_class", language))}</p>'
        if len(possible) < len(Emotion)
        else ""
    )
    return f'<section class="se-card"><h2>{title}</h2><ul class="se-scores">{rows}</ul>{note}</section>'


def _score_row(emotion: Emotion, score: float | None, top: Emotion, language: Language) -> str:
    name = escape(emotion.display_name(language))
    second = escape(emotion.display_name(other_language(language)))
    marked = " se-top" if emotion is top else ""
    bar = f'<span style="width:{score:.2%}"></span>' if score is not None else ""
    return (
        f'<li class="se-score se-{emotion.value}{marked}">'
        f"{face(emotion)}"
        f'<span class="se-name">{name} <small>{second}</small></span>'
        f'<span class="se-bar" aria-hidden="true">{bar}</span>'
        f'<span class="se-number">{percent(score) if score is not None else NO_SCORE}</span></li>'
    )


def _model_html(model: ModelInfo, language: Language) -> str:
    key = "page.model_builtin" if is_included(model.name) else "page.model_other"
    name = text(key, language, name=model.name)
    details = text(
        "page.model_details",
        language,
        engine=model.engine,
        precision=model.precision,
        device=model.device,
        license=model.license,
    )
    label = escape(text("page.answered_by", language))
    return f'<div class="se-model">{label} <b>{escape(name)}</b> · {escape(details)}</div>'


def warnings_html(warnings: Sequence[Notice], language: Language) -> str:
    """Returns a box with the most important warning in one line; a click on "more" shows all warnings in full."""
    if not warnings:
        return ""
    first, *others = headlines(warnings)
    more = text("page.more_warnings", language, count=len(others)) if others else text("page.more", language)
    items = "".join(f"<li>{notice_html(warning, language)}</li>" for warning in by_importance(warnings))
    line = escape(first.short(language) or first.message(language))
    sign = f'<span role="img" aria-label="{escape(text("page.warnings", language))}">⚠️</span>'
    return details_html(f"{sign} {line}", more, f"<ul>{items}</ul>", css="se-warnings")


def notice_html(notice: Notice, language: Language) -> str:
    """Returns a notice in full, with its technical details in small print."""
    detail = notice.detail(language)
    return escape(notice.message(language)) + (f" <small>{escape(detail)}</small>" if detail is not None else "")
