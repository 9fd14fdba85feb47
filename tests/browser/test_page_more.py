"""The page in a real browser: all files in one archive, language in the URL, keyboard, accessibility, segments."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.page_user import ANSWER_MS, EXAMPLE, OpenPage, PageUser
from tests.support.server_process import RunningServer
from webui.results import RecognitionResult

SERIOUS = {"serious", "critical"}


def test_all_files_in_one_archive(open_page: OpenPage, server: RunningServer, tmp_path: Path) -> None:
    user = open_page()
    user.page.click("#example")
    expect(user.page.locator("#upload .file-preview")).to_be_visible()
    user.recognize()
    name = user.page.locator("#downloads a[download$='.zip']").get_attribute("download")
    assert name is not None
    run = name.removeprefix(f"{EXAMPLE.stem}_").removesuffix(".zip")
    with zipfile.ZipFile(user.download(f"{run}.zip", tmp_path)) as archive:
        top = f"{EXAMPLE.stem}_{run}"
        assert set(archive.namelist()) == {
            f"{top}/{file}" for file in ("log.txt", "processed_audio.wav", "result.json")
        }
        assert archive.read(f"{top}/result.json") == (server.outputs_dir / run / "result.json").read_bytes()


def test_the_url_can_set_the_language(open_page: OpenPage, server: RunningServer) -> None:
    user = open_page(locale="zh-CN", query="?lang=en")
    expect(user.page.locator("#recognize")).to_have_text("🎯 Recognize")
    user.page.goto(f"{server.url}/?lang=zh")
    expect(user.page.locator("#recognize")).to_have_text("🎯 开始识别")
    user.page.goto(f"{server.url}/?lang=klingon")
    expect(user.page.locator("#recognize")).to_have_text("🎯 开始识别")


def test_the_footer_links_to_the_api_documentation(open_page: OpenPage) -> None:
    user = open_page()
    with user.page.expect_popup() as opened:
        user.page.locator(".se-footer a").click()
    expect(opened.value.locator("body")).to_contain_text("/api/v1/recognize", timeout=ANSWER_MS)


def test_the_page_can_be_used_with_the_keyboard(open_page: OpenPage) -> None:
    user = open_page(locale="en-US")
    page = user.page
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
    page.locator("#upload button[aria-label]").last.press("Enter")  # removes the file
    chooser_button = page.locator("#upload button").first
    with page.expect_file_chooser():
        chooser_button.press("Enter")
    page.locator("#example").press("Enter")
    expect(page.locator("#upload .file-preview")).to_contain_text("example_synthetic")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "recognize"
    page.keyboard.press("Enter")
    expect(page.locator("#answer .se-answer")).to_be_visible(timeout=ANSWER_MS)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(open_page: OpenPage, width: int, scheme: str) -> None:
    user = open_page(width=width, scheme=scheme, locale="zh-CN" if width == 1280 else "en-US")
    page = user.page
    page.locator(".label-wrap").first.click()  # the section with advice
    assert serious_violations(user) == {}
    user.recognize()  # without audio: an error
    assert serious_violations(user) == {}
    page.get_by_role("tab").nth(3).click()
    assert serious_violations(user) == {}
    user.load_example()
    page.locator("#granularity label").nth(1).click()
    user.recognize()
    assert serious_violations(user) == {}


def serious_violations(user: PageUser) -> dict[str, list[tuple[str, str]]]:
    """Returns axe-core's serious violations: elements and reasons by rule."""
    user.settle()
    return {
        rule["id"]: [(node["target"], node["failureSummary"]) for node in rule["nodes"]]
        for rule in Axe().run(user.page).response["violations"]
        if rule["impact"] in SERIOUS
    }


def test_segments_are_listed(open_page: OpenPage, tmp_path: Path) -> None:
    samples, rate = soundfile.read(EXAMPLE, dtype="float32")
    speech, pause = samples[: round(0.9 * rate)], np.zeros(2 * rate, np.float32)
    clip = tmp_path / "talk.wav"
    soundfile.write(clip, np.concatenate([pause, speech, pause, speech, pause]), rate)
    user = open_page()
    user.upload(clip)
    user.page.locator("#granularity label").nth(2).click()
    answer = user.recognize()
    rows = answer.locator(".se-segments tbody tr")
    assert rows.count() == 2
    start, end, emotion, confidence = rows.nth(0).locator("td").all_inner_texts()
    assert 1.8 < float(start) < 2.3
    assert 2.6 < float(end) < 3.3
    assert emotion.strip()
    assert confidence.endswith("%")
    result = RecognitionResult.model_validate_json(user.download("result.json", tmp_path).read_text("utf-8"))
    assert result.segments is not None
    assert f"{result.segments[1].start_s:.2f}" == rows.nth(1).locator("td").first.inner_text()
    user.screenshot("segments_zh_1280")
    user.page.set_viewport_size({"width": 390, "height": 900})
    user.settle()
    assert user.page.evaluate("document.documentElement.scrollWidth") <= 390
    user.screenshot("segments_zh_390")
