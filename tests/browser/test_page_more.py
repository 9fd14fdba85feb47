"""More of the page in a real browser: all files at once, the address's language, keys, contrast."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.support.page_user import EXAMPLE, Visitor
from tests.support.server_process import RunningServer
from webui.results import RecognitionResult

GRAVE = {"serious", "critical"}


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


def test_the_docs_of_the_interface_are_one_press_away(open_page: OpenPage) -> None:
    visitor = open_page()
    with visitor.page.expect_popup() as opened:
        visitor.page.locator(".se-footer a").click()
    expect(opened.value.locator("body")).to_contain_text("/api/v1/recognize", timeout=15_000)


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
    page.locator("#upload .file-preview").wait_for()
    page.locator("#upload button[aria-label]").last.press("Enter")  # takes it away again
    chooser_button = page.locator("#upload button").first
    with page.expect_file_chooser():
        chooser_button.press("Enter")
    page.locator("#example").press("Enter")
    expect(page.locator("#upload .file-preview")).to_contain_text("example_synthetic")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "recognize"
    page.keyboard.press("Enter")
    expect(page.locator("#answer .se-answer")).to_be_visible(timeout=60_000)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(open_page: OpenPage, width: int, scheme: str) -> None:
    visitor = open_page(width=width, scheme=scheme, locale="zh-CN" if width == 1280 else "en-US")
    page = visitor.page
    page.locator(".label-wrap").first.click()  # the advice
    assert grave(visitor) == {}
    visitor.recognize()  # without audio: an error
    assert grave(visitor) == {}
    page.get_by_role("tab").nth(3).click()
    assert grave(visitor) == {}
    visitor.load_example()
    page.locator("#granularity label").nth(1).click()
    visitor.recognize()
    assert grave(visitor) == {}


def grave(visitor: Visitor) -> dict[str, list[tuple[str, str]]]:
    """What axe-core finds that keeps people out: per rule, where and why."""
    visitor.settle()
    return {
        rule["id"]: [(node["target"], node["failureSummary"]) for node in rule["nodes"]]
        for rule in Axe().run(visitor.page).response["violations"]
        if rule["impact"] in GRAVE
    }


def test_each_stretch_of_speech_is_listed(open_page: OpenPage, tmp_path: Path) -> None:
    samples, rate = soundfile.read(EXAMPLE, dtype="float32")
    said, pause = samples[: round(0.9 * rate)], np.zeros(2 * rate, np.float32)
    clip = tmp_path / "talk.wav"
    soundfile.write(clip, np.concatenate([pause, said, pause, said, pause]), rate)
    visitor = open_page()
    visitor.upload(clip)
    visitor.page.locator("#granularity label").nth(2).click()
    answer = visitor.recognize()
    rows = answer.locator(".se-segments tbody tr")
    assert rows.count() == 2
    start, end, emotion, confidence = rows.nth(0).locator("td").all_inner_texts()
    assert 1.8 < float(start) < 2.3
    assert 2.6 < float(end) < 3.3
    assert emotion.strip()
    assert confidence.endswith("%")
    result = RecognitionResult.model_validate_json(visitor.download("result.json", tmp_path).read_text("utf-8"))
    assert result.segments is not None
    assert f"{result.segments[1].start_s:.2f}" == rows.nth(1).locator("td").first.inner_text()
    visitor.photograph("segments_zh_1280")
    visitor.page.set_viewport_size({"width": 390, "height": 900})
    visitor.settle()
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    visitor.photograph("segments_zh_390")
