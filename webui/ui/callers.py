"""The caller of an event of the page."""

import gradio as gr

from webui.http.access import caller_name


def caller_of(request: gr.Request) -> str | None:
    """Returns the name that limits count the sender of an event under; None without an HTTP request."""
    return caller_name(request.request) if request.request is not None else None
