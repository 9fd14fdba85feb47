"""The tab "Recognize": the recording and the options on the left, the result on the right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr

from webui.audio.options import ChannelMode
from webui.results import Granularity
from webui.service.models.status import PoolStatus
from webui.service.recognition.options import MAX_TITLE
from webui.settings import Precision, Settings
from webui.texts import Language, text
from webui.ui.browser_functions import browser_function
from webui.ui.context import QUIET, Connect, LanguageFollower, ModelsFollower, PageContext, Updates
from webui.ui.i18n import FIRST_LANGUAGE, I18n
from webui.ui.outcome import Outcome
from webui.ui.public_endpoint import connect_endpoint
from webui.ui.shared_files import SharedFiles
from webui.ui.tabs.deletion import Deletion, build_deletion, connect_question, kept_text
from webui.ui.tabs.embedding_choice import build_embedding_choice, follow_choices
from webui.ui.tabs.model_choice import DEFAULT, model_choices, model_update
from webui.ui.tabs.recognize_runs import FILE_TAB, MICROPHONE_TAB, MODEL_CONCURRENCY, MODEL_QUEUE, RecognizeRuns
from webui.ui.tabs.track_choice import build_track_choice
from webui.ui.views.answer import empty_html
from webui.ui.views.markup import escape
from webui.ui.views.outcome import render

CHANNEL_MODES: Final = {ChannelMode.MIX: "page.channels_mix", ChannelMode.SEPARATE: "page.channels_separate"}
# Channels that can be chosen by number; files with more are rare, and the other surfaces take any number.
SHOWN_CHANNELS: Final = 4
STATE_TTL_S: Final = 3600.0
GRANULARITIES: Final = {  # name, and a sentence below it
    Granularity.UTTERANCE: ("page.utterance", "page.utterance_info"),
    Granularity.FRAME: ("page.frame", "page.frame_info"),
    Granularity.SEGMENT: ("page.segment", "page.segment_info"),
}


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The components of the left side."""

    tabs: gr.Tabs
    file_tab: gr.Tab
    microphone_tab: gr.Tab
    file: gr.File
    microphone: gr.Audio
    file_name: gr.Textbox  # this and `shown_tab` never have a value: the script sets it for a recognition
    shown_tab: gr.Textbox
    player: gr.HTML
    model: gr.Dropdown
    granularity: gr.Radio
    extract_embedding: gr.Checkbox
    fast: gr.Checkbox
    channels: gr.Dropdown
    channel_names: gr.Textbox
    title: gr.Textbox
    recognize: gr.Button
    cancel: gr.Button
    example: gr.Button


@dataclass(frozen=True, slots=True)
class _Outputs:
    """The components of the right side; ``outcome`` keeps the last result, to render it in another language."""

    outcome: gr.State
    separate: gr.Button
    track: gr.Dropdown
    headerless: gr.Textbox
    try_again: gr.Button
    answer: gr.HTML
    log: gr.Textbox
    downloads: gr.File
    deletion: Deletion


def build(context: PageContext, _tab: gr.Tab) -> Connect:
    """Builds the components of the tab."""
    with gr.Row(elem_classes="se-columns"):
        with gr.Column(scale=5, min_width=320):
            inputs = _build_inputs(context.i18n, context.service.settings)
        with gr.Column(scale=7, min_width=320):
            outputs = _build_outputs(context.i18n)
    context.language_followers.append(
        LanguageFollower([outputs.answer, outputs.log], _render_language, inputs=[outputs.outcome])
    )
    follow_choices(context, inputs.extract_embedding, inputs.model, inputs.granularity)
    context.models_followers.append(ModelsFollower([inputs.fast, inputs.model], _render_models))

    def connect(_language_known: gr.events.Dependency) -> None:
        _connect_source(inputs, context.language, context.shared, context.example)
        runs = RecognizeRuns(context.service, context.shared)
        _connect_run(inputs, outputs, context.language, runs)
        _connect_channels(inputs, outputs)
        _connect_deletion(inputs, outputs, context.language, runs)
        outputs.track.input(None, None, None, js=browser_function("press_recognize"), **QUIET)
        inputs.file.change(None, None, outputs.track, js=browser_function("hide_tracks"), **QUIET)
        outputs.try_again.click(None, None, None, js=browser_function("press_recognize"), **QUIET)
        inputs.file.change(None, None, outputs.headerless, js=browser_function("clear"), **QUIET)
        context.page.unload(runs.leave)
        recording = [inputs.file, inputs.granularity, inputs.extract_embedding]
        connect_endpoint(context.page, recording, context.service)

    return connect


def _render_language(language: Language, outcome: Outcome | None) -> Updates:
    return render(outcome, language)


def _render_models(status: PoolStatus, ready: Sequence[str], language: Language) -> Updates:
    fast = gr.update(visible=True) if Precision.INT8 in status.offers else gr.update(visible=False, value=False)
    return [fast, model_update(ready, language)]


def _build_inputs(i18n: I18n, settings: Settings) -> _Inputs:
    with gr.Tabs(selected=FILE_TAB) as tabs:
        with i18n.add(gr.Tab, text_of={"label": "page.tab_file"}, id=FILE_TAB) as file_tab:
            # No list of file types: the decoder recognises audio by its content and has better error messages.
            file = i18n.add(gr.File, text_of={"label": "page.upload"}, height=150, elem_id="upload")
            player = gr.HTML("", apply_default_css=False, elem_id="player")
            i18n.add_computed(gr.HTML, lambda language: _hint("page.formats", language), apply_default_css=False)
        with i18n.add(gr.Tab, text_of={"label": "page.tab_microphone"}, id=MICROPHONE_TAB) as microphone_tab:
            microphone = i18n.add(
                gr.Audio, text_of={"label": "page.record"}, sources=["microphone"], type="filepath", buttons=[],
                editable=False, elem_id="microphone",
            )  # fmt: skip
            i18n.add_computed(gr.HTML, _microphone_hints, apply_default_css=False)
    i18n.add_computed(
        gr.HTML, lambda language: _sentence(kept_text(settings, language)), apply_default_css=False, elem_id="kept"
    )
    model = i18n.add(
        gr.Dropdown, text_of={"label": "page.model_choice"}, choices=model_choices((), FIRST_LANGUAGE), value=DEFAULT,
        visible=False, filterable=False, elem_id="model",
    )  # fmt: skip
    granularity = i18n.add_computed(gr.Radio, _granularities, value=Granularity.UTTERANCE.value, elem_id="granularity")
    embedding = build_embedding_choice(i18n)
    fast = i18n.add(
        gr.Checkbox, text_of={"label": "page.fast", "info": "page.fast_info"}, visible=False, elem_id="fast"
    )
    channels = i18n.add_computed(
        gr.Dropdown, _channel_choices, value=ChannelMode.MIX.value, filterable=False, elem_id="channels"
    )
    channel_names = i18n.add(
        gr.Textbox, text_of={"label": "page.channel_names", "placeholder": "page.channel_names_example"},
        visible=False, max_lines=1, elem_id="channel-names",
    )  # fmt: skip
    title = i18n.add(
        gr.Textbox, text_of={"label": "page.run_title", "placeholder": "page.run_title_example"},
        max_lines=1, max_length=MAX_TITLE, elem_id="title",
    )  # fmt: skip
    with gr.Row(elem_classes="se-actions"):
        recognize = i18n.add(
            gr.Button, text_of={"value": "page.recognize"}, variant="primary", size="lg", scale=3, min_width=160,
            elem_id="recognize",
        )  # fmt: skip
        cancel = i18n.add(
            gr.Button, text_of={"value": "page.cancel"}, variant="stop", visible=False, size="lg", scale=1,
            min_width=96, elem_id="cancel",
        )  # fmt: skip
    example = i18n.add(gr.Button, text_of={"value": "page.example"}, variant="secondary", elem_id="example")
    with i18n.add(gr.Accordion, text_of={"label": "page.advice_title"}, open=False):
        i18n.add(gr.Markdown, text_of={"value": "page.advice"})
    return _Inputs(
        tabs, file_tab, microphone_tab, file, microphone, gr.Textbox(visible=False), gr.Textbox(visible=False), player,
        model, granularity, embedding, fast, channels, channel_names, title, recognize, cancel, example,
    )  # fmt: skip


def _build_outputs(i18n: I18n) -> _Outputs:
    answer = gr.HTML(empty_html(FIRST_LANGUAGE), apply_default_css=False, elem_id="answer", min_height=90)
    separate = i18n.add(
        gr.Button, text_of={"value": "page.separate_channels"}, variant="secondary", visible=False, elem_id="separate"
    )
    track = build_track_choice(i18n)
    headerless = i18n.add(
        gr.Textbox, text_of={"label": "page.headerless", "info": "page.headerless_info"}, visible=False, max_lines=1,
        elem_id="headerless",
    )  # fmt: skip
    try_again = i18n.add(
        gr.Button, text_of={"value": "page.try_again"}, variant="secondary", visible=False, elem_id="try-again"
    )
    downloads = i18n.add(
        gr.File, text_of={"label": "page.downloads"}, file_count="multiple", interactive=False, visible=False,
        elem_id="downloads",
    )  # fmt: skip
    deletion = build_deletion(i18n)
    log = i18n.add(
        gr.Textbox, text_of={"label": "page.log", "placeholder": "page.log_empty"}, lines=6, max_lines=14,
        interactive=False, buttons=["copy"], elem_id="log", elem_classes="se-log",
    )  # fmt: skip
    outcome = gr.State(None, time_to_live=STATE_TTL_S)
    return _Outputs(outcome, separate, track, headerless, try_again, answer, log, downloads, deletion)


def _hint(key: str, language: Language) -> dict[str, Any]:
    return _sentence(text(key, language))


def _sentence(sentence: str) -> dict[str, Any]:
    return {"value": f'<p class="se-hint">{escape(sentence)}</p>'}


def _microphone_hints(language: Language) -> dict[str, Any]:
    """Returns the hints for when recording is not possible; the script of the page shows the right one."""
    hints = "".join(
        f'<p class="se-hint se-microphone" data-when="{when}">{escape(text(key, language))}</p>'
        for when, key in {"refused": "page.microphone_refused", "insecure": "page.microphone_insecure"}.items()
    )
    return {"value": f'<div role="alert">{hints}</div>'}


def _granularities(language: Language) -> dict[str, Any]:
    choices = [
        ("\n".join(text(key, language) for key in keys), granularity.value)  # the style sheet keeps the line break
        for granularity, keys in GRANULARITIES.items()
    ]
    return {"label": text("page.granularity", language), "choices": choices}


def _channel_choices(language: Language) -> dict[str, Any]:
    single = [(text("page.only_channel", language, number=index + 1), str(index)) for index in range(SHOWN_CHANNELS)]
    several = [(text(key, language), mode.value) for mode, key in CHANNEL_MODES.items()]
    return {
        "label": text("page.channels", language),
        "info": text("page.channels_info", language),
        "choices": [*several, *single],
    }


def _connect_channels(inputs: _Inputs, outputs: _Outputs) -> None:
    """Connects the choice of channels, and the button that chooses separate channels and starts again."""

    def show_names(channels: str) -> Any:  # noqa: ANN401 - an update of Gradio
        return gr.update(visible=channels == ChannelMode.SEPARATE)

    def choose_separate() -> Updates:
        return [ChannelMode.SEPARATE.value, gr.update(visible=False)]

    inputs.channels.change(show_names, inputs.channels, inputs.channel_names, **QUIET)
    chosen = outputs.separate.click(choose_separate, None, [inputs.channels, outputs.separate], **QUIET)
    chosen.then(None, None, None, js=browser_function("press_recognize"), **QUIET)


def _connect_deletion(inputs: _Inputs, outputs: _Outputs, language: gr.Radio, runs: RecognizeRuns) -> None:
    """Connects the button that deletes the result, after a question."""
    deletion = outputs.deletion
    connect_question(deletion)
    values: list[gr.blocks.Block] = [outputs.outcome, outputs.answer, outputs.log, outputs.downloads]
    values += [deletion.button, deletion.question]
    deleted = deletion.confirm.click(runs.delete, [outputs.outcome, language], [*values, inputs.microphone], **QUIET)
    deleted.then(None, None, None, js=browser_function("forget_result"), **QUIET)


def _connect_source(inputs: _Inputs, language: gr.Radio, shared: SharedFiles, example: Path) -> None:
    """Connects the upload, the microphone, their tabs and the example."""

    def load_example() -> Updates:
        return [shared.share([example])[0], gr.update(selected=FILE_TAB)]

    inputs.example.click(load_example, None, [inputs.file, inputs.tabs], **QUIET)
    inputs.example.click(None, None, None, js=browser_function("show_file"), **QUIET)
    inputs.file_tab.select(None, None, None, js=browser_function("show_file"), **QUIET)
    inputs.microphone_tab.select(None, None, None, js=browser_function("show_microphone"), **QUIET)
    inputs.file.change(None, [inputs.file, language], inputs.player, js=browser_function("player"), **QUIET)
    choose = browser_function("choose_recording")
    for event in (inputs.file.change, inputs.microphone.change):
        event(None, [inputs.file, inputs.microphone], None, js=choose, **QUIET)
    begun = browser_function("start_recording")
    inputs.microphone.start_recording(None, None, inputs.recognize, js=begun, **QUIET)
    for event in (inputs.microphone.change, inputs.file.upload, inputs.example.click):
        event(None, None, inputs.recognize, js=browser_function("allow_start"), **QUIET)


def _connect_run(inputs: _Inputs, outputs: _Outputs, language: gr.Radio, runs: RecognizeRuns) -> None:
    """Connects the two buttons that start and stop a recognition."""
    values = [
        inputs.file,
        inputs.microphone,
        inputs.granularity,
        inputs.extract_embedding,
        inputs.fast,
        inputs.model,
        inputs.channels,
        inputs.channel_names,
        inputs.title,
        outputs.track,
        outputs.headerless,
        language,
        inputs.file_name,
        inputs.shown_tab,
    ]
    deletion = outputs.deletion
    changed: list[gr.blocks.Block] = [outputs.outcome, outputs.answer, outputs.log, outputs.downloads]
    changed += [inputs.cancel, outputs.separate]
    changed += [outputs.headerless, outputs.try_again, outputs.track, deletion.button, deletion.question]
    started: list[gr.blocks.Block] = [inputs.cancel, outputs.answer, outputs.log, outputs.downloads]
    started += [deletion.button, deletion.question]
    inputs.recognize.click(None, [language], started, js=browser_function("start"), **QUIET)
    run = inputs.recognize.click(
        runs.run,
        values,
        changed,
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=MODEL_CONCURRENCY,
        show_progress_on=[outputs.answer],
        api_visibility="private",
        js=browser_function("chosen_source"),
    )
    run.failure(None, [language], [inputs.cancel, outputs.answer], js=browser_function("refused"), **QUIET)
    # `cancels` removes a waiting run from the queue; a running one is cancelled at its next progress report.
    inputs.cancel.click(runs.stop, [language], changed, cancels=[run], **QUIET)
