"""The caller of an event of the page."""

import gradio as gr

from webui.http.access import caller_name


def caller_of(request: gr.Request) -> str | None:
    """Returns the name of an event's caller for counting; None if there is no HTTP request."""
    return caller_name(request.request) if request.request is not None else None
