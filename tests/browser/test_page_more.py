"""More of the page in a real browser: stopping a run, all files at once, the address's language, keys, contrast."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.server_process import RunningServer, running_server
from tests.checkpoints import BASE, make_checkpoint

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "example_synthetic.wav"
GRAVE = {"serious", "critical"}


@pytest.fixture
def slow_server(tmp_path: Path) -> Iterator[RunningServer]:
    """A network of real size, so that minutes of sound take a while."""
    make_checkpoint(tmp_path / "models" / "emotion2vec_plus_large", BASE, clips=9, seconds=0.5, training=False)
    with running_server(tmp_path / "outputs", models_dir=tmp_path / "models") as started:
        yield started


def test_a_run_can_be_stopped(slow_server: RunningServer, open_page: OpenPage, tmp_path: Path) -> None:
    clip, rate = soundfile.read(EXAMPLE, dtype="float32")
    soundfile.write(tmp_path / "long.flac", np.tile(clip, 60), rate)
    visitor = open_page(at=slow_server)
    page = visitor.page
    expect(page.locator("#status")).to_contain_text("Emotion2Vec+ Large native · fp32 · cpu", timeout=60_000)
    visitor.upload(tmp_path / "long.flac")
    page.click("#recognize")
    expect(page.locator("#cancel")).to_be_visible()
    expect(page.locator("#answer")).to_contain_text("推理中", timeout=30_000)
    visitor.photograph("running_zh_1280")
    page.click("#cancel")
    expect(page.locator("#answer")).to_contain_text("识别已取消，没有写入任何文件")
    expect(page.locator("#cancel")).to_be_hidden()
    assert "[取消]" in visitor.log()
    assert list(slow_server.outputs_dir.glob("outputs_*")) == []

    page.click("#example")
    expect(page.locator("#upload .file-preview")).to_contain_text("example_synthetic")
    answer = visitor.recognize()
    expect(answer.locator(".se-answer")).to_be_visible()
    expect(page.locator("#cancel")).to_be_hidden()
    assert [path.name[:8] for path in slow_server.outputs_dir.iterdir()] == ["outputs_"]


def test_all_files_in_one(open_page: OpenPage, server: RunningServer, tmp_path: Path) -> None:
    visitor = open_page()
    visitor.page.click("#example")
    expect(visitor.page.locator("#upload .file-preview")).to_be_visible()
    visitor.recognize()
    name = visitor.page.locator("#downloads a[download$='.zip']").get_attribute("download")
    assert name is not None
    with zipfile.ZipFile(visitor.download(name, tmp_path)) as archive:
        run = name.removesuffix(".zip")
        assert set(archive.namelist()) == {
            f"{run}/{file}" for file in ("log.txt", "processed_audio.wav", "result.json")
        }
        assert archive.read(f"{run}/result.json") == (server.outputs_dir / run / "result.json").read_bytes()


def test_the_address_can_name_the_language(open_page: OpenPage, server: RunningServer) -> None:
    visitor = open_page(locale="zh-CN", query="?lang=en")
    expect(visitor.page.locator("#recognize")).to_have_text("🎯 Recognize")
    visitor.page.goto(f"{server.url}/?lang=zh")
    expect(visitor.page.locator("#recognize")).to_have_text("🎯 开始识别")
    visitor.page.goto(f"{server.url}/?lang=klingon")
    expect(visitor.page.locator("#recognize")).to_have_text("🎯 开始识别")


def test_keys_alone_will_do(open_page: OpenPage) -> None:
    visitor = open_page(locale="en-US")
    page = visitor.page
    page.locator("#language input").first.focus()
    reached = []
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.closest('[id]')?.id"))
        if reached[-1] == "example":
            break
    assert {"upload", "recognize", "example"} <= set(reached)
    page.keyboard.press("Enter")
    expect(page.locator("#upload .file-preview")).to_contain_text("example_synthetic")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "recognize"
    page.keyboard.press("Enter")
    expect(page.locator("#answer .se-answer")).to_be_visible(timeout=60_000)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(open_page: OpenPage, width: int, scheme: str) -> None:
    visitor = open_page(width=width, scheme=scheme)
    visitor.page.click("#example")
    expect(visitor.page.locator("#upload .file-preview")).to_be_visible()
    visitor.page.locator("#granularity label").nth(1).click()
    visitor.recognize()
    visitor.settle()
    found = Axe().run(visitor.page).response["violations"]
    grave = {
        rule["id"]: [(node["target"], node["failureSummary"]) for node in rule["nodes"]]
        for rule in found
        if rule["impact"] in GRAVE
    }
    assert grave == {}
