"""The tab "Compare": speed of models on this machine, and accuracy on the user's labelled recordings."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import gradio as gr

from webui.engine.families import model_title
from webui.errors import RequestError
from webui.service import RecognitionService
from webui.service.compare.report import HTML_FILE, ComparisonReport
from webui.service.compare.run import OnStep
from webui.service.compare.session import ComparisonRequest, compare_models
from webui.service.evaluate.manifest import EMOBOX_SUFFIX, Labelled, read_source
from webui.texts import Language, text
from webui.ui.browser_functions import browser_function
from webui.ui.callers import caller_of
from webui.ui.context import QUIET, Connect, PageContext
from webui.ui.i18n import I18n, parse_language
from webui.ui.outcome import CancelledByUserError, error_card_of
from webui.ui.session_runs import SessionRuns
from webui.ui.shared_files import SharedFiles
from webui.ui.views.answer import cancelled_html, error_card_html
from webui.ui.views.comparison import comparison_html

TABLES: Final = frozenset({".csv", ".tsv", EMOBOX_SUFFIX})
ROUNDS: Final = 3
ARCHIVE_NAME: Final = "comparison"
QUEUE: Final = "compare"  # one comparison at a time: each loads all the models that it compares
_PROGRESS: Final = gr.Progress()


@dataclass(frozen=True, slots=True)
class _Components:
    """The components of the tab."""

    models: gr.CheckboxGroup
    files: gr.File
    start: gr.Button
    cancel: gr.Button
    report: gr.HTML
    downloads: gr.File


def build(context: PageContext, tab: gr.Tab) -> Connect:
    """Builds the components of the tab."""
    components = _build_components(context.i18n)
    runs = CompareRuns(context.service, context.shared)
    language = context.language

    def connect(language_known: gr.events.Dependency) -> None:
        for event in (language_known.then, tab.select, language.input):
            event(runs.list_models, [language, components.models], components.models, **QUIET)
        components.start.click(None, None, components.cancel, js=browser_function("show"), **QUIET)
        run = components.start.click(
            runs.compare,
            [components.models, components.files, language],
            [components.report, components.downloads, components.cancel],
            concurrency_id=QUEUE,
            concurrency_limit=1,
            show_progress_on=[components.report],
            api_visibility="private",
        )
        run.failure(None, None, components.cancel, js=browser_function("hide"), **QUIET)
        components.cancel.click(None, None, components.cancel, js=browser_function("hide"), **QUIET)
        components.cancel.click(runs.stop, None, None, cancels=[run], **QUIET)
        context.page.unload(runs.stop)

    return connect


def _build_components(i18n: I18n) -> _Components:
    i18n.add(gr.Markdown, text_of={"value": "page.compare_intro"})
    with gr.Row(elem_classes="se-columns"):
        with gr.Column(scale=1, min_width=320):
            models = i18n.add(
                gr.CheckboxGroup, text_of={"label": "page.compare_models"}, choices=[], elem_id="compare-models"
            )
            with gr.Row(elem_classes="se-actions"):
                start = i18n.add(
                    gr.Button, text_of={"value": "page.compare_start"}, variant="primary", scale=3, min_width=160,
                    elem_id="compare-start",
                )  # fmt: skip
                cancel = i18n.add(
                    gr.Button, text_of={"value": "page.cancel"}, variant="stop", visible=False, scale=1, min_width=96,
                    elem_id="compare-cancel",
                )  # fmt: skip
        with gr.Column(scale=1, min_width=320):
            files = i18n.add(
                gr.File, text_of={"label": "page.compare_files"}, file_count="multiple", height=150,
                elem_id="compare-files",
            )  # fmt: skip
            i18n.add(gr.Markdown, text_of={"value": "page.compare_files_info"})
    report = gr.HTML("", apply_default_css=False, elem_id="compare-report", min_height=90)
    downloads = i18n.add(
        gr.File, text_of={"label": "page.downloads"}, file_count="multiple", interactive=False, visible=False,
        elem_id="compare-downloads",
    )  # fmt: skip
    return _Components(models, files, start, cancel, report, downloads)


class CompareRuns:
    """Handlers of the tab.

    Args:
        service: the use cases.
        shared: makes the files of the report available for download.
    """

    def __init__(self, service: RecognitionService, shared: SharedFiles) -> None:
        self._service = service
        self._shared = shared
        self._runs = SessionRuns()

    def list_models(self, language_value: object, chosen: object) -> dict[str, Any]:
        """Returns the models on this machine as choices; all are selected unless the user has selected some."""
        language, ready = parse_language(language_value), self._service.models.ready()
        kept = [name for name in chosen if name in ready] if isinstance(chosen, list) else []
        choices = [(model_title(name, language), name) for name in ready]
        update: dict[str, Any] = gr.update(choices=choices, value=kept or list(ready))
        return update

    def compare(
        self,
        models: list[str],
        files: list[str] | None,
        language_value: str,
        request: gr.Request,
        progress: gr.Progress = _PROGRESS,
    ) -> list[Any]:
        """Compares the models; errors are shown on the page."""
        language = parse_language(language_value)
        run = self._runs.begin(request.session_hash)

        def report(done: int, total: int) -> None:
            if not run.may_continue(writing=False):
                raise CancelledByUserError
            progress(done / total, desc=text("compare.busy", language))

        try:
            with tempfile.TemporaryDirectory(prefix="speech-emotion-compare-") as folder:
                report(0, 1)
                comparison = self._compare(models, files or [], Path(folder), language, report, caller_of(request))
                out = Path(folder) / "out"
                shared = self._shared.share_run(Path(ARCHIVE_NAME), [out / name for name in comparison.files])
            downloads = [path for path in shared if path.endswith((HTML_FILE, ".zip"))]
            return [comparison_html(comparison, language), gr.update(value=downloads, visible=True), _hidden()]
        except CancelledByUserError:
            return [cancelled_html(language), _hidden(), _hidden()]
        except Exception as error:  # noqa: BLE001 - last handler on the page; `error_card_of` logs it if it is unexpected
            card = error_card_of(error)
            return [error_card_html(card.title_key, card.sentence(language), language), _hidden(), _hidden()]
        finally:
            self._runs.end(request.session_hash, run)

    def stop(self, request: gr.Request) -> None:
        """Cancels the comparison of a session at its next step; also called when the page is closed."""
        self._runs.stop(request.session_hash)

    def _compare(
        self,
        models: Sequence[str],
        files: Sequence[str],
        folder: Path,
        language: Language,
        report: OnStep,
        caller: str | None,
    ) -> ComparisonReport:
        ready = self._service.models.ready()
        unavailable = [name for name in models if name not in ready]
        if unavailable or not models:
            raise RequestError("page.compare_nobody", expected=", ".join(ready))
        self._service.scheduler.drain.check_open()
        request = ComparisonRequest(models=tuple(models), data=_labelled(files, folder / "data"), rounds=ROUNDS)
        budget = self._service.budget
        budget.check(caller)
        charge = partial(budget.note, caller)  # every model processes all of it
        out = folder / "out"
        return compare_models(request, self._service.settings, out, language, on_step=report, on_audio=charge)


def _hidden() -> dict[str, Any]:
    update: dict[str, Any] = gr.update(visible=False)
    return update


def _labelled(files: Sequence[str], folder: Path) -> Labelled | None:
    """Returns the uploaded recordings with labels from an uploaded table or, without one, from their names."""
    if not files:
        return None
    folder.mkdir(parents=True)
    for file in map(Path, files):
        if (folder / file.name).exists():
            raise RequestError("page.compare_twice", found=file.name)
        try:
            os.link(file, folder / file.name)
        except OSError:  # another disk
            shutil.copyfile(file, folder / file.name)
    tables = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in TABLES]
    if len(tables) > 1:
        raise RequestError("page.compare_tables", found=", ".join(path.name for path in tables))
    try:
        return read_source(tables[0] if tables else folder, uploaded=True)
    except RequestError as err:
        if tables:  # the message must not contain the temporary folder
            values = {name: str(value).replace(f"{folder}{os.sep}", "") for name, value in err.values.items()}
            raise RequestError(err.code, **values) from err
        raise RequestError("page.compare_unlabelled", found=len(files)) from err
