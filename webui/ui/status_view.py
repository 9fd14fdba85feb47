"""How the models stand, as a line on the page: who answers, how far the large one is, and why."""

from typing import Final

from webui.engine.registry import BUILTIN
from webui.service.acquisition import AcquisitionState
from webui.service.standing import Answering, Standing
from webui.texts import Language, text
from webui.ui.markup import escape

FAMILY: Final = "emotion2vec_plus_"
_MOODS: Final = {
    AcquisitionState.READY: "ready",
    AcquisitionState.FAILED: "failed",
    AcquisitionState.CANCELLED: "failed",
}


def model_title(name: str, language: Language) -> str:
    """Returns a model's name as people write it: ``Emotion2Vec+ Large``."""
    if name == BUILTIN:
        return text("page.status_builtin", language)
    if name.startswith(FAMILY):
        return f"Emotion2Vec+ {name.removeprefix(FAMILY).capitalize()}"
    return name


def status_html(standing: Standing, language: Language) -> str:
    """Returns the line. Only its first part, which changes seldom, is read out by a screen reader."""
    return (
        f'<div class="se-status" data-mood="{_mood(standing)}">'
        f'<div role="status"><span class="se-dot" aria-hidden="true"></span>{_who_html(standing, language)}</div>'
        f"{_why_html(standing, language)}</div>"
    )


def _mood(standing: Standing) -> str:
    """Returns ``ready``, ``busy``, ``failed`` or ``idle``."""
    if standing.status is None:
        return "idle" if standing.can_retry else "ready"
    return _MOODS.get(standing.status.state, "busy")


def _who_html(standing: Standing, language: Language) -> str:
    if standing.answering is None:
        return escape(text("page.status_nobody", language))
    answering = standing.answering
    label = escape(text("page.status_model", language))
    name = escape(model_title(answering.name, language))
    return f"{label} <b>{name}</b> {_details_html(answering, language)}"


def _details_html(answering: Answering, language: Language) -> str:
    if not answering.precision:
        return f"<small>{escape(text('page.status_not_loaded', language))}</small>"
    parts = " · ".join((answering.engine, answering.precision, answering.device))
    if answering.verified is None:
        return f"<small>{escape(parts)}</small>"
    key, sign = ("page.status_verified", "✓") if answering.verified else ("page.status_unverified", "○")
    return f'<small>{escape(parts)}</small> <span class="se-badge">{sign} {escape(text(key, language))}</span>'


def _why_html(standing: Standing, language: Language) -> str:
    """Returns the sentence why the large model doesn't answer, and how far it is."""
    status = standing.status
    if status is None:
        if not standing.can_retry:
            return ""
        return f"<p>{escape(text('page.status_absent', language))}</p>"
    notice = status.notice()
    if notice is None:
        return ""
    sentence = f"<p>{escape(notice.message(language))}</p>"
    if not status.state.under_way:
        return sentence
    label = escape(model_title(status.name, language))
    value = f' value="{status.fraction:.3f}"' if status.fraction is not None else ""
    return f'{sentence}<progress max="1"{value} aria-label="{label}"></progress>'
