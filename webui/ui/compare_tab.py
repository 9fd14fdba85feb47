"""The tab that puts models side by side on this machine and on the visitor's labelled recordings."""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import gradio as gr

from webui.errors import RequestError
from webui.service import RecognitionService
from webui.service.compare.report import HTML_FILE, JSON_FILE, Made
from webui.service.compare.run import OnStep
from webui.service.compare.session import Question, compare_models
from webui.service.compare.tables import Table
from webui.service.evaluate.manifest import EMOBOX_SUFFIX, Labelled, read_source
from webui.texts import Language, text
from webui.ui.answer_view import cancelled_html, trouble_html
from webui.ui.callers import caller_of
from webui.ui.languages import parse_language
from webui.ui.localized import Localized
from webui.ui.markup import escape
from webui.ui.outcome import CancelledByVisitorError, trouble_of
from webui.ui.shared_files import SharedFiles
from webui.ui.status_view import model_title
from webui.ui.visitor_runs import VisitorRuns

TABLES: Final = frozenset({".csv", ".tsv", EMOBOX_SUFFIX})
ROUNDS: Final = 3
NAME: Final = "comparison"  # of the archive
QUEUE: Final = "compare"  # one at a time: each loads all the models it compares
_PROGRESS: Final = gr.Progress()


@dataclass(frozen=True, slots=True)
class CompareParts:
    """The tab's components."""

    tab: gr.Tab
    models: gr.CheckboxGroup
    files: gr.File
    start: gr.Button
    cancel: gr.Button
    report: gr.HTML
    downloads: gr.File


def lay_out_compare(say: Localized, tab: gr.Tab) -> CompareParts:
    """Builds the tab's components inside the current Blocks."""
    say.add(gr.Markdown, text_of={"value": "page.compare_intro"})
    with gr.Row(elem_classes="se-columns"):
        with gr.Column(scale=1, min_width=320):
            models = say.add(
                gr.CheckboxGroup, text_of={"label": "page.compare_models"}, choices=[], elem_id="compare-models"
            )
            with gr.Row(elem_classes="se-actions"):
                start = say.add(
                    gr.Button, text_of={"value": "page.compare_start"}, variant="primary", scale=3, min_width=160,
                    elem_id="compare-start",
                )  # fmt: skip
                cancel = say.add(
                    gr.Button, text_of={"value": "page.cancel"}, variant="stop", scale=1, min_width=96,
                    elem_id="compare-cancel",
                )  # fmt: skip
        with gr.Column(scale=1, min_width=320):
            files = say.add(
                gr.File, text_of={"label": "page.compare_files"}, file_count="multiple", height=150,
                elem_id="compare-files",
            )  # fmt: skip
            say.add(gr.Markdown, text_of={"value": "page.compare_files_info"})
    report = gr.HTML("", apply_default_css=False, elem_id="compare-report", min_height=90)
    downloads = say.add(
        gr.File, text_of={"label": "page.downloads"}, file_count="multiple", interactive=False, visible=False,
        elem_id="compare-downloads",
    )  # fmt: skip
    return CompareParts(tab, models, files, start, cancel, report, downloads)


class CompareEvents:
    """What happens in the tab.

    Args:
        service: whose models are compared.
        shared: hands out the report's files.
    """

    def __init__(self, service: RecognitionService, shared: SharedFiles) -> None:
        self._service = service
        self._shared = shared
        self._runs = VisitorRuns()

    def list_models(self, language_value: object, chosen: object) -> dict[str, Any]:
        """Returns the models that are here; all of them are chosen unless the visitor chose already."""
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
        """Compares; every error becomes a sentence."""
        language = parse_language(language_value)
        run = self._runs.begin(request.session_hash)

        def show(done: int, total: int) -> None:
            if not run.goes_on(writing=False):
                raise CancelledByVisitorError
            progress(done / total, desc=text("compare.busy", language))

        try:
            with tempfile.TemporaryDirectory(prefix="speech-emotion-compare-") as folder:
                show(0, 1)
                made = self._compare(models, files or [], Path(folder), language, show, caller_of(request))
                out = Path(folder) / "out"
                shared = self._shared.share_run(Path(NAME), [out / name for name in made.files])
            whole = [path for path in shared if path.endswith((HTML_FILE, ".zip"))]
            return [report_html(made, language), gr.update(value=whole, visible=True)]
        except CancelledByVisitorError:
            return [cancelled_html(language), gr.update(visible=False)]
        except Exception as error:  # noqa: BLE001 - the page's edge; `trouble_of` logs what it doesn't know
            trouble = trouble_of(error)
            return [trouble_html(trouble.title_key, trouble.sentence(language), language), gr.update(visible=False)]
        finally:
            self._runs.end(request.session_hash, run)

    def stop(self, request: gr.Request) -> None:
        """Stops the visitor's comparison at its next step."""
        self._runs.stop(request.session_hash)

    def leave(self, request: gr.Request) -> None:
        """Stops the comparison of a visitor who closed the page."""
        self._runs.stop(request.session_hash)

    def _compare(
        self,
        models: Sequence[str],
        files: Sequence[str],
        folder: Path,
        language: Language,
        show: OnStep,
        caller: str | None,
    ) -> Made:
        ready = self._service.models.ready()
        strangers = [name for name in models if name not in ready]
        if strangers or not models:
            raise RequestError("page.compare_nobody", expected=", ".join(ready))
        self._service.activity.check_open()
        question = Question(models=tuple(models), data=_labelled(files, folder / "data"), rounds=ROUNDS)
        budget = self._service.budget
        budget.check(caller)
        heard = partial(budget.note, caller)  # every model hears all of it
        out = folder / "out"
        return compare_models(question, self._service.settings, out, language, on_step=show, on_audio=heard)


def _labelled(files: Sequence[str], folder: Path) -> Labelled | None:
    """Returns the uploaded recordings with the labels of the table among them, or of their own names."""
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
        if tables:  # the visitor knows names, not where this machine keeps them
            values = {name: str(value).replace(f"{folder}{os.sep}", "") for name, value in err.values.items()}
            raise RequestError(err.code, **values) from err
        raise RequestError("page.compare_unlabelled", found=len(files)) from err


def report_html(made: Made, language: Language) -> str:
    """Returns the tables and the advice."""
    intro = json.loads(made.files[JSON_FILE])["machine"]
    advice = "".join(f"<li>{escape(line)}</li>" for line in made.advice)
    tables = "".join(_table_html(table) for table in made.tables)
    return (
        f'<div class="se-card se-report"><h2>{escape(text("compare.title", language))}</h2><p>{escape(intro)}</p>'
        f"<h2>{escape(text('compare.advice', language))}</h2><ul>{advice}</ul></div>{tables}"
    )


def _table_html(table: Table) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in table.rows
    )
    title, note = escape(table.title), f"<p>{escape(table.note)}</p>" if table.note else ""
    body = f"<table class='se-side'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>" if table.rows else ""
    return (
        f'<section class="se-card"><h2>{title}</h2>'
        f'<div class="se-wide" tabindex="0" aria-label="{title}">{body}</div>{note}</section>'
    )


def wire_compare(parts: CompareParts, language: gr.Radio, arrived: gr.events.Dependency, events: CompareEvents) -> None:
    """Connects the tab.

    Args:
        parts: the tab's components.
        language: the visitor's language.
        arrived: the event after which that language is known.
        events: what happens.
    """
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    for event in (arrived.then, parts.tab.select, language.input):
        event(events.list_models, [language, parts.models], parts.models, **quiet)
    run = parts.start.click(
        events.compare,
        [parts.models, parts.files, language],
        [parts.report, parts.downloads],
        concurrency_id=QUEUE,
        concurrency_limit=1,
        show_progress_on=[parts.report],
        api_visibility="private",
    )
    parts.cancel.click(events.stop, None, None, cancels=[run], **quiet)
