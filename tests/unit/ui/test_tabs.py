"""A tab is one function and one line in ``TABS``."""

import json
from pathlib import Path

import gradio as gr
import pytest

from webui.service import RecognitionService
from webui.settings import Settings
from webui.texts import Language, text
from webui.ui import page as page_module
from webui.ui.context import QUIET, Connect, PageContext, Tab
from webui.ui.page import build_page
from webui.ui.tabs.embedding_choice import embedding_info


def build_models_tab(context: PageContext, tab: gr.Tab) -> Connect:
    """Builds a tab that lists the models, following the recipe in docs/ARCHITECTURE.md."""
    names = gr.Textbox(elem_id="toy-names")

    def connect(language_known: gr.events.Dependency) -> None:
        for event in (language_known.then, tab.select):
            event(lambda: ", ".join(context.service.models.ready()), None, names, **QUIET)

    return connect


def labels_of(page: gr.Blocks) -> list[str]:
    config = page.get_config_file()
    return [component["props"]["label"] for component in config["components"] if component["type"] == "tabitem"]


@pytest.fixture
def service(tmp_path: Path) -> RecognitionService:
    return RecognitionService(Settings(outputs_dir=tmp_path, models_dir=tmp_path / "models"))


def test_a_new_tab_is_one_function_and_one_line(
    tmp_path: Path, service: RecognitionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = Tab("page.resources", build_models_tab, "tab-toy")
    monkeypatch.setattr(page_module, "TABS", (*page_module.TABS, toy))
    page = build_page(service, cache_dir=tmp_path / "cache")
    assert labels_of(page)[-1] == text("page.resources", Language.ZH)
    assert "toy-names" in json.dumps(page.get_config_file(), default=str)


def test_the_compare_tab_is_missing_where_comparing_is_not_allowed(tmp_path: Path, service: RecognitionService) -> None:
    compare = text("page.tab_compare", Language.ZH)
    assert compare in labels_of(build_page(service, cache_dir=tmp_path / "cache"))
    assert compare not in labels_of(build_page(service, cache_dir=tmp_path / "cache", compares=False))


@pytest.mark.parametrize("model", ["", "emotion2vec_plus_large", "*"])
def test_the_size_of_an_embedding_is_unknown_until_the_model_is_loaded(service: RecognitionService, model: str) -> None:
    hint = embedding_info(service, model, "frame", Language.EN)
    assert hint == text("page.embedding_info_unknown", Language.EN)
