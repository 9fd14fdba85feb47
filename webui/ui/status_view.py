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
    """Returns the line. A screen reader is told who answers and why, not every percent of a download."""
    said = escape(_said(standing, language))
    return (
        f'<div class="se-status" data-mood="{_mood(standing)}" data-say="{said}">'
        f'<div><span class="se-dot" aria-hidden="true"></span>{_who_html(standing, language)}</div>'
        f"{_why_html(standing, language)}</div>"
    )


def _mood(standing: Standing) -> str:
    """Returns ``ready``, ``busy``, ``failed`` or ``idle``."""
    if standing.status is None:
        return "idle" if standing.can_retry else "ready"
    return _MOODS.get(standing.status.state, "busy")


def _said(standing: Standing, language: Language) -> str:
    if standing.answering is None:
        who = text("page.status_nobody", language)
    else:
        who = text("page.status_model", language) + " " + model_title(standing.answering.name, language)
    status = standing.status
    notice = status.notice() if status is not None and not status.state.under_way else None
    return who if notice is None else f"{who} {notice.message(language)}"


def is_here(standing: Standing) -> bool:
    """Returns whether the weights of a large model are on this machine, and nobody has loaded them."""
    who = standing.answering
    return standing.status is None and who is not None and who.name != BUILTIN and not who.precision


def offer_key(standing: Standing) -> str:
    """Returns the key of the words on the button that starts or retries."""
    if standing.status is not None:
        return "page.status_retry"
    return "page.status_load" if is_here(standing) else "page.status_download"


def _who_html(standing: Standing, language: Language) -> str:
    if standing.answering is None:
        return escape(text("page.status_nobody", language))
    answering = standing.answering
    label = escape(text("page.status_model", language))
    name = escape(model_title(answering.name, language))
    waits = "page.status_idle" if is_here(standing) else "page.status_not_loaded"
    return f"{label} <b>{name}</b> {_details_html(answering, waits, language)}"


def _details_html(answering: Answering, waits_key: str, language: Language) -> str:
    if not answering.precision:
        return f"<small>{escape(text(waits_key, language))}</small>"
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
        if is_here(standing) and standing.answering is not None:
            model = model_title(standing.answering.name, language)
            return f"<p>{escape(text('page.status_here', language, model=model))}</p>"
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
