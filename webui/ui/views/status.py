"""The status line of the models: the active model, the progress of a download, or why it failed."""

from typing import Final

from webui.engine.families import is_included, model_title
from webui.results import OFFLINE, Notice
from webui.service.models.acquisition import AcquisitionState, AcquisitionStatus
from webui.service.models.status import ActiveModel, PoolStatus
from webui.texts import Language, text
from webui.ui.views.answer import notice_html
from webui.ui.views.markup import details_html, escape

_DOT_STATES: Final = {
    AcquisitionState.READY: "ready",
    AcquisitionState.FAILED: "failed",
    AcquisitionState.CANCELLED: "failed",
}


def status_html(status: PoolStatus, language: Language) -> str:
    """Returns the line. Screen readers announce the model and the reason, but not the progress of a download."""
    announcement = escape(_announcement(status, language))
    return (
        f'<div class="se-status" data-state="{_dot_state(status)}" data-announce="{announcement}">'
        f'<div><span class="se-dot" aria-hidden="true"></span>{_active_html(status, language)}</div>'
        f"{_acquisition_html(status, language)}</div>"
    )


def _dot_state(status: PoolStatus) -> str:
    """Returns the state that the dot shows: ``ready``, ``busy``, ``failed`` or ``idle``."""
    if status.acquisition is None:
        return "idle" if status.can_retry else "ready"
    return _DOT_STATES.get(status.acquisition.state, "busy")


def _announcement(status: PoolStatus, language: Language) -> str:
    if status.active is None:
        active = text("page.status_no_model", language)
    else:
        active = text("page.status_model", language) + " " + model_title(status.active.name, language)
    acquisition = status.acquisition
    notice = acquisition.notice() if acquisition is not None and not acquisition.state.under_way else None
    if acquisition is None or notice is None:
        return active
    return f"{active} {_failure_line(acquisition, notice, language)}"


def _failure_line(acquisition: AcquisitionStatus, notice: Notice, language: Language) -> str:
    """Returns one short line about a failure or cancellation."""
    title = model_title(acquisition.name, language)
    if notice.code == OFFLINE:
        return text("page.status_offline", language, model=title)
    return notice.short(language) or text("page.status_failed", language, model=title)


def is_on_disk(status: PoolStatus) -> bool:
    """Returns whether the weights of a large model are on this machine but not loaded."""
    active = status.active
    return status.acquisition is None and active is not None and not is_included(active.name) and not active.precision


def offer_key(status: PoolStatus) -> str:
    """Returns the key of the text on the button that starts or retries a download."""
    if status.acquisition is not None:
        return "page.status_retry"
    return "page.status_load" if is_on_disk(status) else "page.status_download"


def _active_html(status: PoolStatus, language: Language) -> str:
    if status.active is None:
        return escape(text("page.status_no_model", language))
    active = status.active
    label = escape(text("page.status_model", language))
    name = escape(model_title(active.name, language))
    waiting_key = "page.status_idle" if is_on_disk(status) else "page.status_not_loaded"
    return f"{label} <b>{name}</b> {_details_html(active, waiting_key, language)}"


def _details_html(active: ActiveModel, waiting_key: str, language: Language) -> str:
    if not active.precision:
        return f"<small>{escape(text(waiting_key, language))}</small>"
    parts = " · ".join((active.engine, active.precision, active.device))
    if active.verified is None:
        return f"<small>{escape(parts)}</small>"
    key, symbol = ("page.status_verified", "✓") if active.verified else ("page.status_unverified", "○")
    return f'<small>{escape(parts)}</small> <span class="se-badge">{symbol} {escape(text(key, language))}</span>'


def _acquisition_html(status: PoolStatus, language: Language) -> str:
    """Returns why the large model is not used yet: its progress, or a short reason for the failure with details."""
    acquisition = status.acquisition
    if acquisition is None:
        if not status.can_retry:
            return ""
        if is_on_disk(status) and status.active is not None:
            model = model_title(status.active.name, language)
            return f"<p>{escape(text('page.status_here', language, model=model))}</p>"
        return f"<p>{escape(text('page.status_absent', language))}</p>"
    notice = acquisition.notice()
    if notice is None:
        return ""
    sentence = f"<p>{notice_html(notice, language)}</p>"
    if not acquisition.state.under_way:
        line = escape(_failure_line(acquisition, notice, language))
        return details_html(line, text("page.more", language), sentence, css="se-failure")
    label = escape(model_title(acquisition.name, language))
    value = f' value="{acquisition.fraction:.3f}"' if acquisition.fraction is not None else ""
    return f'{sentence}<progress max="1"{value} aria-label="{label}"></progress>'
