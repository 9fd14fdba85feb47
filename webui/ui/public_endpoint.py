"""The endpoint ``/recognize`` that the page offers to gradio_client."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions
from webui.texts import Language, text
from webui.ui.callers import caller_of
from webui.ui.outcome import recognize_source
from webui.ui.tabs.recognize_runs import MODEL_QUEUE


def connect_endpoint(inputs: Sequence[gr.blocks.Block], service: RecognitionService) -> None:
    """Adds the endpoint.

    Args:
        inputs: components of the page for its parameters: file, granularity, embedding.
        service: the use cases.
    """

    def recognize(
        audio: str, request: gr.Request, granularity: str = "utterance", extract_embedding: bool = False
    ) -> dict[str, Any]:
        options = RecognizeOptions(granularity=Granularity(granularity), extract_embedding=extract_embedding)
        outcome = recognize_source(service, Path(audio) if audio else None, options, caller=caller_of(request))
        if outcome.error is not None:
            raise gr.Error(outcome.error.sentence(Language.EN), print_exception=False)
        if outcome.recognition is None:
            raise gr.Error(text("page.no_audio", Language.EN), print_exception=False)
        return outcome.recognition.result.model_dump(mode="json", exclude_none=True)

    result = gr.JSON(visible=False)
    gr.Button(visible=False).click(
        recognize,
        list(inputs),
        result,
        concurrency_id=MODEL_QUEUE,
        api_name="recognize",
        api_description="Recognizes the emotion of one recording; returns the result document (result.json).",
    )
