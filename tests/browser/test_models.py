"""Several models on one page: one of them chosen, all side by side, and compared on labelled recordings."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.support.example import EXAMPLE_EMOTION
from tests.support.page_user import ANSWER_MS, EXAMPLE, Visitor
from tests.support.server_process import RunningServer, running_server
from tests.unit.engine.test_transformers_model import write
from webui.texts import Language

PEERS = {"wav2vec2_base_superb": "wav2vec2", "hubert_large_superb": "hubert-large"}
REPORT_MS = 240_000  # every model starts twice

LABELS_CSV = re.compile(r"labels\s*\.csv")  # Gradio sets the suffix apart, with or without a space


@pytest.fixture(scope="module")
def server_with_peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("peers")
    for name, kind in PEERS.items():
        write(folder / "models" / name, kind, weighted=True)
    (folder / "models" / "broken").mkdir()
    (folder / "models" / "broken" / "config.json").write_text('{"model_type": "wav2vec2"}', "utf-8")
    (folder / "models" / "broken" / "model.safetensors").write_bytes(b"nothing")
    settings = {"models_dir": folder / "models", "model": "builtin", "auto_download": False}
    with running_server(folder / "outputs", **settings) as started:
        yield started


@pytest.fixture
def guest(open_page: OpenPage, server_with_peers: RunningServer) -> Visitor:
    return open_page(locale="en-US", at=server_with_peers)


def choose(visitor: Visitor, name: str) -> None:
    visitor.page.click("#model input")
    visitor.page.get_by_role("option", name=name).click()


def test_a_model_that_the_visitor_chose(guest: Visitor) -> None:
    guest.load_example()
    choose(guest, "hubert_large_superb")
    answer = guest.recognize()
    expect(answer.locator(".se-model")).to_contain_text("hubert_large_superb")
    choose(guest, "broken")
    expect(guest.recognize().locator(".se-error")).to_contain_text("broken")


def test_all_side_by_side(guest: Visitor, server_with_peers: RunningServer) -> None:
    before = len(list(server_with_peers.outputs_dir.glob("outputs_*")))
    guest.load_example()
    choose(guest, "Compare all models")
    answer = guest.recognize()
    rows = answer.locator(".se-side tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text(EXAMPLE_EMOTION.display_name(Language.EN))
    for number in (1, 2):
        expect(rows.nth(number)).to_contain_text(re.compile(r"superb.*\d+\.\d%.*\d\.\d\d s"))
    expect(rows.nth(3)).to_contain_text("⚠️")
    assert len(list(server_with_peers.outputs_dir.glob("outputs_*"))) == before + 3
    guest.page.get_by_text("中文").click()
    expect(answer.locator(".se-side")).to_contain_text("推理时间")


def test_a_comparison_on_labelled_recordings(guest: Visitor, tmp_path: Path) -> None:
    guest.page.get_by_role("tab", name="Compare models").click()
    guest.page.locator("#compare-models").get_by_label("hubert_large_superb").uncheck()
    table = tmp_path / "labels.csv"
    table.write_text("path,annotator_1,annotator_2\nexample_synthetic.wav,other,boredom\n", "utf-8")
    guest.page.locator("#compare-files input[type=file]").set_input_files([table, EXAMPLE])
    expect(guest.page.locator("#compare-files")).to_contain_text(LABELS_CSV)
    guest.page.click("#compare-start")
    report = guest.page.locator("#compare-report")
    expect(report.locator(".se-report")).to_be_visible(timeout=REPORT_MS)
    for title in ("1 Speed", "2 Memory", "3 Accuracy (1", "4 Embedding", "5 Deployment", "6 Output"):
        expect(report).to_contain_text(title)
    expect(report).to_contain_text("2 annotators")
    expect(report).to_contain_text(re.compile(r"builtin\s*1/1"))
    expect(report.locator("tr", has_text="broken").first).to_contain_text("failed")
    with guest.page.expect_download() as started:
        guest.page.locator('#compare-downloads a[download="comparison.zip"]').click()
    started.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert {"comparison/comparison.html", "comparison/speed.csv"} <= set(archive.namelist())


def test_what_cannot_be_compared_is_said(guest: Visitor) -> None:
    guest.page.get_by_role("tab", name="Compare models").click()
    guest.page.locator("#compare-files input[type=file]").set_input_files([EXAMPLE])
    expect(guest.page.locator("#compare-files")).to_contain_text(EXAMPLE.stem)
    guest.page.click("#compare-start")
    trouble = guest.page.locator("#compare-report .se-error")
    expect(trouble).to_contain_text("Add a table", timeout=ANSWER_MS)


def test_a_table_reads_no_file_of_the_server(guest: Visitor, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(f"path,label\n{EXAMPLE},other\n", "utf-8")  # it is there, and was not uploaded
    guest.page.get_by_role("tab", name="Compare models").click()
    guest.page.locator("#compare-files input[type=file]").set_input_files([table])
    expect(guest.page.locator("#compare-files")).to_contain_text(LABELS_CSV)
    guest.page.click("#compare-start")
    trouble = guest.page.locator("#compare-report .se-error")
    expect(trouble).to_contain_text("labels.csv, line 2", timeout=ANSWER_MS)
    assert "speech-emotion-compare" not in trouble.inner_text(), "where this machine keeps uploads is nobody's business"


def test_a_comparison_that_is_cancelled_ends(guest: Visitor) -> None:
    guest.page.get_by_role("tab", name="Compare models").click()
    guest.page.click("#compare-start")
    expect(guest.page.locator("#compare-report")).to_contain_text("Comparing", timeout=ANSWER_MS)
    guest.page.click("#compare-cancel")
    guest.page.wait_for_timeout(500)
    guest.page.locator("#compare-files input[type=file]").set_input_files([EXAMPLE])
    expect(guest.page.locator("#compare-files")).to_contain_text(EXAMPLE.stem)
    guest.page.click("#compare-start")  # waits for the end of the first: there is room for one
    expect(guest.page.locator("#compare-report .se-error")).to_contain_text("Add a table", timeout=ANSWER_MS)
