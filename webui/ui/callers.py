"""Who sends an event of the page."""

import gradio as gr

from webui.http.access import caller_name


def caller_of(request: gr.Request) -> str | None:
    """Returns who sent an event, for counting; None outside of a server."""
    return caller_name(request.request) if request.request is not None else None
