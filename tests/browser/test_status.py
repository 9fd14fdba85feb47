"""The status line of an open page during a download from a hub on loopback: downloading, cancelled, resumed, ready."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.checkpoints import TINY, make_checkpoint
from tests.support.hub import Hub, serve
from tests.support.page_user import OpenPage
from tests.support.paths import EXAMPLE
from tests.support.server_process import PROGRAM, RunningServer, running_server
from tests.support.server_scripts import PATIENT_WITH_HUBS
from tests.support.verification import int8_record
from webui.engine.emotion2vec.verification_record import write_record
from webui.engine.registry import LARGE

SOON_MS = 120_000  # on a busy machine


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    make_checkpoint(tmp_path / "published", TINY, clips=9, seconds=0.5)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with serve(Hub(tmp_path / "published", pause_s=0.1)) as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
        yield hub


@pytest.fixture
def downloading(tmp_path: Path, hub: Hub) -> Iterator[RunningServer]:
    program = PATIENT_WITH_HUBS + PROGRAM
    settings = {"models_dir": tmp_path / "models", "auto_download": True}
    with running_server(tmp_path / "outputs", program=program, **settings) as started:
        yield started


@pytest.fixture
def not_downloading(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "outputs", models_dir=tmp_path / "models", auto_download=False) as started:
        yield started


@pytest.fixture
def without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    for variable in ("MODELSCOPE_ENDPOINT", "HF_ENDPOINT"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with running_server(tmp_path / "outputs", models_dir=tmp_path / "models", auto_download=True) as started:
        yield started


def test_the_large_model_is_downloaded_while_the_page_is_open(
    hub: Hub, downloading: RunningServer, open_page: OpenPage
) -> None:
    user = open_page(at=downloading)
    page = user.page
    status = page.locator("#status")
    expect(status).to_contain_text("正在从 ModelScope 下载 emotion2vec_plus_large", timeout=SOON_MS)
    expect(status).to_contain_text("内置小模型（不是 Emotion2Vec+ Large）")
    expect(status.locator("progress")).to_be_visible()
    user.screenshot("status_downloading_zh_1280")
    user.upload(EXAMPLE)
    assert "内置小模型" in user.recognize().locator(".se-model").inner_text()

    page.click("#cancel-download")
    expect(status).to_contain_text("的下载已取消", timeout=SOON_MS)
    expect(page.locator("#cancel-download")).to_be_hidden()
    page.locator("#language label").nth(1).click()
    expect(status).to_contain_text("The download of emotion2vec_plus_large was cancelled")
    expect(page.locator("#retry")).to_have_text("🔄 Try again")
    user.screenshot("status_cancelled_en_1280")

    hub.pause_s = 0.0
    page.click("#retry")
    expect(status).to_contain_text("Model: Emotion2Vec+ Large native · fp32 · cpu", timeout=SOON_MS)
    expect(status).to_contain_text("not verified")
    expect(page.locator("#retry")).to_be_hidden()
    user.screenshot("status_ready_en_1280")
    answer = user.recognize()
    assert "emotion2vec_plus_large" in answer.locator(".se-model").inner_text()
    assert answer.locator(".se-warnings").count() == 0


def test_without_a_network_the_page_offers_a_retry(without_network: RunningServer, open_page: OpenPage) -> None:
    user = open_page(at=without_network, width=390)
    status = user.page.locator("#status")
    expect(status).to_contain_text("离线，未能下载 Emotion2Vec+ Large。", timeout=SOON_MS)
    assert "ConnectError" not in status.inner_text()
    status.get_by_text("更多").click()
    expect(status.get_by_text("ConnectError")).to_be_visible()
    expect(status).to_contain_text("内置小模型（不是 Emotion2Vec+ Large） builtin · fp32 · cpu", timeout=SOON_MS)
    expect(user.page.locator("#retry")).to_have_text("🔄 重试")
    user.screenshot("status_unreachable_zh_390")
    status.get_by_text("更多").click()

    user.load_example()
    answer = user.recognize()
    assert answer.locator(".se-warnings summary").inner_text().strip().startswith("⚠️ 离线：使用内置小模型。")
    assert user.log().count("离线：使用内置小模型。") == 1
    for words, most in {"ConnectError": 0, "Emotion2Vec+ Large）": 1, "Emotion2Vec+ Large": 2}.items():
        assert (user.page.locator("body").inner_text() + user.log()).count(words) <= most, words
    answer.get_by_text("更多").click()
    expect(answer.get_by_text("ConnectError")).to_be_visible()
    notices = httpx.get(f"{without_network.url}/api/v1/models").json()["notice"]
    assert notices.startswith("Offline: ")
    assert "ConnectError" not in notices
    user.page.click("#retry")
    expect(status.locator('[data-state="failed"]')).to_be_visible(timeout=SOON_MS)
    expect(user.page.locator("#retry")).to_be_visible(timeout=SOON_MS)


def test_without_automatic_download_the_page_offers_it(open_page: OpenPage, server: RunningServer) -> None:
    user = open_page()
    status = user.page.locator("#status")
    expect(status).to_contain_text("本机没有 Emotion2Vec+ Large 的权重", timeout=SOON_MS)
    expect(user.page.locator("#retry")).to_contain_text("下载 Emotion2Vec+ Large（1.95 GB）")


def test_weights_copied_into_the_folder_appear_in_an_open_page(
    not_downloading: RunningServer, tmp_path: Path, open_page: OpenPage
) -> None:
    user = open_page(at=not_downloading)
    page, status = user.page, user.page.locator("#status")
    expect(status).to_contain_text("内置小模型（不是 Emotion2Vec+ Large） builtin · fp32 · cpu", timeout=SOON_MS)
    expect(page.locator("#retry")).to_contain_text("下载")
    make_checkpoint(tmp_path / "elsewhere", TINY, clips=9, seconds=0.5)
    (tmp_path / "models").mkdir(exist_ok=True)
    (tmp_path / "elsewhere").rename(tmp_path / "models" / "emotion2vec_plus_large")
    expect(status).to_contain_text(
        "当前模型： Emotion2Vec+ Large native · fp32 · cpu", timeout=SOON_MS
    )  # without a click
    expect(page.locator("#retry")).to_be_hidden()
    user.load_example()
    assert "emotion2vec_plus_large" in user.recognize().locator(".se-model").inner_text()
    expect(page.locator("#fast")).to_be_hidden()

    write_record(tmp_path / "models" / LARGE, int8_record(tmp_path / "models" / LARGE))  # as `verify` does
    expect(page.locator("#fast")).to_be_visible(timeout=SOON_MS)
    user.screenshot("status_fast_zh_1280")
    page.locator("#fast input").check()
    model_line = user.recognize().locator(".se-model").inner_text()
    assert "onnx" in model_line
    assert "int8" in model_line
    page.locator("#fast input").uncheck()
    assert "fp32" in user.recognize().locator(".se-model").inner_text()
