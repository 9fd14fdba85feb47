"""Several models on the page: choosing one, running all, and comparing them on labelled recordings."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.example import EXAMPLE_EMOTION
from tests.support.page_user import ANSWER_MS, EXAMPLE, OpenPage, PageUser
from tests.support.server_process import RunningServer, running_server
from tests.support.transformers_checkpoints import write_classifier
from webui.texts import Language

CLASSIFIERS = {"wav2vec2_base_superb": "wav2vec2", "hubert_large_superb": "hubert-large"}
REPORT_MS = 240_000  # every model is started twice

LABELS_CSV = re.compile(r"labels\s*\.csv")  # Gradio shows the suffix separately, with or without a space


@pytest.fixture(scope="module")
def server_with_classifiers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("classifiers")
    for name, kind in CLASSIFIERS.items():
        write_classifier(folder / "models" / name, kind, weighted=True)
    (folder / "models" / "broken").mkdir()
    (folder / "models" / "broken" / "config.json").write_text('{"model_type": "wav2vec2"}', "utf-8")
    (folder / "models" / "broken" / "model.safetensors").write_bytes(b"nothing")
    settings = {"models_dir": folder / "models", "model": "builtin", "auto_download": False}
    with running_server(folder / "outputs", **settings) as started:
        yield started


@pytest.fixture
def user(open_page: OpenPage, server_with_classifiers: RunningServer) -> PageUser:
    return open_page(locale="en-US", at=server_with_classifiers)


def choose(user: PageUser, name: str) -> None:
    user.page.click("#model input")
    user.page.get_by_role("option", name=name).click()


def test_choosing_a_model(user: PageUser) -> None:
    user.load_example()
    choose(user, "hubert_large_superb")
    answer = user.recognize()
    expect(answer.locator(".se-model")).to_contain_text("hubert_large_superb")
    choose(user, "broken")
    expect(user.recognize().locator(".se-error")).to_contain_text("broken")


def test_all_models_side_by_side(user: PageUser, server_with_classifiers: RunningServer) -> None:
    before = len(list(server_with_classifiers.outputs_dir.glob("outputs_*")))
    user.load_example()
    choose(user, "Compare all models")
    answer = user.recognize()
    rows = answer.locator(".se-side tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text(EXAMPLE_EMOTION.display_name(Language.EN))
    for number in (1, 2):
        expect(rows.nth(number)).to_contain_text(re.compile(r"superb.*\d+\.\d%.*\d\.\d\d s"))
    expect(rows.nth(3)).to_contain_text("⚠️")
    assert len(list(server_with_classifiers.outputs_dir.glob("outputs_*"))) == before + 3
    user.page.get_by_text("中文").click()
    expect(answer.locator(".se-side")).to_contain_text("推理时间")


def test_a_comparison_on_labelled_recordings(user: PageUser, tmp_path: Path) -> None:
    user.page.get_by_role("tab", name="Compare models").click()
    user.page.locator("#compare-models").get_by_label("hubert_large_superb").uncheck()
    table = tmp_path / "labels.csv"
    table.write_text("path,annotator_1,annotator_2\nexample_synthetic.wav,other,boredom\n", "utf-8")
    user.page.locator("#compare-files input[type=file]").set_input_files([table, EXAMPLE])
    expect(user.page.locator("#compare-files")).to_contain_text(LABELS_CSV)
    user.page.click("#compare-start")
    report = user.page.locator("#compare-report")
    expect(report.locator(".se-report")).to_be_visible(timeout=REPORT_MS)
    for title in ("1 Speed", "2 Memory", "3 Accuracy (1", "4 Embedding", "5 Deployment", "6 Output"):
        expect(report).to_contain_text(title)
    expect(report).to_contain_text("2 annotators")
    expect(report).to_contain_text(re.compile(r"builtin\s*1/1"))
    expect(report.locator("tr", has_text="broken").first).to_contain_text("failed")
    with user.page.expect_download() as started:
        user.page.locator('#compare-downloads a[download="comparison.zip"]').click()
    started.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert {"comparison/comparison.html", "comparison/speed.csv"} <= set(archive.namelist())


def test_a_comparison_without_labels_shows_an_error(user: PageUser) -> None:
    user.page.get_by_role("tab", name="Compare models").click()
    user.page.locator("#compare-files input[type=file]").set_input_files([EXAMPLE])
    expect(user.page.locator("#compare-files")).to_contain_text(EXAMPLE.stem)
    user.page.click("#compare-start")
    error = user.page.locator("#compare-report .se-error")
    expect(error).to_contain_text("Add a table", timeout=ANSWER_MS)


def test_a_table_cannot_name_files_of_the_server(user: PageUser, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(f"path,label\n{EXAMPLE},other\n", "utf-8")  # the file exists on the server, but was not uploaded
    user.page.get_by_role("tab", name="Compare models").click()
    user.page.locator("#compare-files input[type=file]").set_input_files([table])
    expect(user.page.locator("#compare-files")).to_contain_text(LABELS_CSV)
    user.page.click("#compare-start")
    error = user.page.locator("#compare-report .se-error")
    expect(error).to_contain_text("labels.csv, line 2", timeout=ANSWER_MS)
    assert "speech-emotion-compare" not in error.inner_text(), "the error reveals where the server keeps uploads"


def test_a_comparison_can_be_cancelled(user: PageUser) -> None:
    user.page.get_by_role("tab", name="Compare models").click()
    expect(user.page.locator("#compare-start")).to_be_visible()
    expect(user.page.locator("#compare-cancel")).to_be_hidden()
    user.page.click("#compare-start")
    expect(user.page.locator("#compare-report")).to_contain_text("Comparing", timeout=ANSWER_MS)
    user.page.click("#compare-cancel")
    expect(user.page.locator("#compare-cancel")).to_be_hidden()
    user.page.wait_for_timeout(500)
    user.page.locator("#compare-files input[type=file]").set_input_files([EXAMPLE])
    expect(user.page.locator("#compare-files")).to_contain_text(EXAMPLE.stem)
    user.page.click("#compare-start")  # starts after the first has ended: only one comparison runs at a time
    expect(user.page.locator("#compare-report .se-error")).to_contain_text("Add a table", timeout=ANSWER_MS)
    expect(user.page.locator("#compare-cancel")).to_be_hidden()
