"""The endpoint ``/recognize`` that the page offers to gradio_client."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import gradio as gr
from gradio.block_function import BlockFunction

from webui.audio.options import ChannelMode
from webui.errors import RequestError
from webui.http.result_links import ResultLinks
from webui.results import RecognitionResult
from webui.service import Recognition, RecognitionService, RecognizeOptions
from webui.service.serving.priority_semaphore import Priority
from webui.texts import Language
from webui.ui.callers import caller_of
from webui.ui.outcome import error_card_of
from webui.ui.tabs.recognize_runs import MODEL_QUEUE

API_NAME: Final = "recognize"


def connect_endpoint(page: gr.Blocks, inputs: Sequence[gr.blocks.Block], service: RecognitionService) -> None:
    """Adds the endpoint.

    Args:
        page: the page.
        inputs: components of the page for its first parameters: file, granularity, embedding.
        service: the use cases.
    """
    links = ResultLinks(service.results)

    def recognize(
        audio: str,
        request: gr.Request,
        granularity: str = "utterance",
        extract_embedding: bool = False,
        channels: str = ChannelMode.MIX.value,
        keep: bool = service.settings.keep_results,
    ) -> dict[str, Any]:
        try:
            options = RecognizeOptions.of(
                granularity=granularity, extract_embedding=extract_embedding, channels=channels
            )
            if not audio:
                raise RequestError("page.no_audio")
            if not keep:
                return _unkept(service, Path(audio), options, caller_of(request))
            done = service.recognize(Path(audio), options, file_name=Path(audio).name, caller=caller_of(request))
            return _kept(done, links, request)
        except Exception as error:
            raise gr.Error(error_card_of(error).sentence(Language.EN), print_exception=False) from error

    result = gr.JSON(visible=False)
    added: dict[gr.components.Component, object] = {
        gr.Textbox(ChannelMode.MIX.value, visible=False): ChannelMode.MIX.value,
        gr.Checkbox(service.settings.keep_results, visible=False): service.settings.keep_results,
    }
    gr.Button(visible=False).click(
        recognize,
        [*inputs, *added],
        result,
        concurrency_id=MODEL_QUEUE,
        api_name=API_NAME,
        api_description="Recognizes the emotion of one recording; returns the result document (result.json) with "
        "the id of the stored result and the links of its files. With keep=False, nothing is stored.",
    )
    _fill_missing(page, [None] * len(inputs) + list(added.values()), required=len(inputs))


def _fill_missing(page: gr.Blocks, defaults: Sequence[object], *, required: int) -> None:
    """Completes requests with fewer values, from programs that do not know the later parameters of the endpoint.

    gradio_client itself sends the default values; plain HTTP requests list those that their author knew.

    Args:
        page: the page.
        defaults: a value for every parameter.
        required: number of parameters without a default here.
    """
    validate = page.validate_inputs

    def complete(block_fn: BlockFunction, inputs: list[Any]) -> None:
        if block_fn.api_name == API_NAME and len(inputs) >= required:
            inputs.extend(defaults[len(inputs) :])
        validate(block_fn, inputs)

    page.validate_inputs = complete  # type: ignore[method-assign]


def _kept(done: Recognition, links: ResultLinks, request: gr.Request) -> dict[str, Any]:
    prefix = request.request.scope.get("root_path", "") if request.request is not None else ""
    files = (file.name for file in done.files)
    added = {
        "id": links.ids.id_of(done.folder),
        "kept": True,
        "links": links.of(done.folder, files, published_at=prefix),
    }
    return _document(done.result) | added


def _unkept(service: RecognitionService, audio: Path, options: RecognizeOptions, caller: str | None) -> dict[str, Any]:
    if options.extract_embedding:
        raise RequestError("api.embedding_not_kept")
    with service.scheduler.drain.open_track():
        result = service.analyze(audio, options, file_name=audio.name, caller=caller, priority=Priority.INTERACTIVE)
    return _document(result) | {"kept": False, "links": {}}


def _document(result: RecognitionResult) -> dict[str, Any]:
    return result.model_dump(mode="json", exclude_none=True)
