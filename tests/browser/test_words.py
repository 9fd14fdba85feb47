"""One language per visitor: what Gradio says by itself follows the page too, and a screen reader hears what is new."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.support.page_user import EXAMPLE, Visitor
from tests.support.server_process import RunningServer, running_server

# Every visible text and every label, but not the two halves of the language switch.
SAID = """() => {
  const said = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { nodeValue, parentElement } = walker.currentNode;
    const seen = parentElement.checkVisibility() && getComputedStyle(parentElement).fontSize !== "0px";
    if (seen && !parentElement.closest("script, style, textarea, #language, select")) said.push(nodeValue.trim());
  }
  for (const one of document.querySelectorAll("[aria-label], [title], [placeholder]"))
    for (const name of ["aria-label", "title", "placeholder"]) said.push((one.getAttribute(name) ?? "").trim());
  return said.filter((words) => /\\p{L}/u.test(words));
}"""
CHINESE = re.compile("[\u4e00-\u9fff]")
SAME_IN_BOTH = {"builtin · fp32 · cpu", "native · fp32 · cpu"}


def said(visitor: Visitor) -> list[str]:
    words: list[str] = visitor.page.evaluate(SAID)
    assert len(words) > 20
    return words


def left_over(visitor: Visitor, language: str) -> list[str]:
    """What is left of the other language once the page has had the time to change."""
    deadline = time.monotonic() + 10
    while True:
        chinese = {words: bool(CHINESE.search(words)) for words in said(visitor)}
        wrong = [words for words, found in chinese.items() if found != (language == "zh") and words not in SAME_IN_BOTH]
        if not wrong or time.monotonic() > deadline:
            return wrong
        visitor.page.wait_for_timeout(50)


def switch(visitor: Visitor, language: str) -> None:
    visitor.page.locator("#language label").nth(["zh", "en"].index(language)).click()
    expect(visitor.page.locator("html")).to_have_attribute("data-language", language)


def test_no_word_of_the_other_language_is_left(open_page: OpenPage) -> None:
    visitor = open_page(locale="en-US")
    expect(visitor.page.locator("#status")).to_contain_text("builtin · fp32 · cpu", timeout=30_000)
    assert left_over(visitor, "en") == []
    switch(visitor, "zh")
    for tab in ("文件", "录音"):
        visitor.page.get_by_role("tab", name=tab).click()
        assert left_over(visitor, "zh") == []
    switch(visitor, "en")
    assert left_over(visitor, "en") == []


def test_a_german_reads_english(open_page: OpenPage) -> None:
    visitor = open_page(locale="de-DE")
    visitor.page.get_by_role("tab", name="Microphone").click()
    expect(visitor.page.locator("#microphone")).to_contain_text("Record")
    expect(visitor.page.locator(".se-footer")).to_have_text("For programs: REST API documentation")


def test_a_file_over_the_limit_is_refused_in_words(open_page: OpenPage, tmp_path: Path) -> None:
    visitor = open_page(locale="en-US")
    switch(visitor, "zh")
    big = tmp_path / "big.wav"
    big.write_bytes(b"RIFF" + bytes(2_500_000))
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.locator("#upload button").first.click()
    chooser.value.set_files(big)
    toast = visitor.page.get_by_test_id("toast-body")
    expect(toast).to_contain_text('文件 "big.wav" 太大')
    expect(toast).to_contain_text("出错了")
    assert "exceed" not in toast.inner_text()
    expect(visitor.page.locator("#upload .file-preview")).to_have_count(0)


def test_names_of_files_stay_as_they_are(open_page: OpenPage, tmp_path: Path) -> None:
    visitor = open_page()
    file = tmp_path / "Copy"  # Gradio's word on a button
    file.write_bytes(EXAMPLE.read_bytes())
    visitor.upload(file)
    expect(visitor.page.locator("#upload .file-preview")).to_contain_text("Copy")
    assert visitor.recognize().locator(".se-source").inner_text().startswith("Copy")


def test_a_screen_reader_hears_what_is_new(open_page: OpenPage) -> None:
    visitor = open_page()
    announced = visitor.page.locator(".se-announcer")
    expect(announced).to_have_attribute("aria-live", "polite")
    expect(announced).to_contain_text("当前模型： 内置小模型（不是 Emotion2Vec+ Large）", timeout=30_000)
    visitor.load_example()
    answer = visitor.recognize()
    title = answer.locator(".se-emotion").inner_text()
    expect(announced).to_have_text(f"{title} {answer.locator('.se-confidence').inner_text()}")


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_a_microphone_that_is_refused(open_page: OpenPage, server: RunningServer, locale: str) -> None:
    visitor = open_page(locale=locale)
    visitor.tolerated.add("Error accessing the microphone: no")
    page = visitor.page
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError') }"
    )
    page.reload()
    page.wait_for_selector("html[data-language]")
    page.get_by_role("tab").nth(3).click()
    hint = page.locator('.se-microphone[data-when="refused"]')
    expect(hint).to_be_hidden()
    page.locator("#microphone button.record").click()
    expect(hint).to_contain_text({"zh-CN": "浏览器未允许使用麦克风", "en-US": "did not allow the microphone"}[locale])
    expect(page.locator("#recognize")).to_be_enabled()


@pytest.mark.parametrize(
    ("language", "said"), [("zh", "每位用户 0.1 MB 的上限"), ("en", "the limit of 0.1 MB per user")], ids=["zh", "en"]
)
def test_too_much_in_all_is_said_in_the_language_of_the_page(
    open_page: OpenPage, tmp_path: Path, language: str, said: str
) -> None:
    with running_server(tmp_path / "outputs", max_visitor_mb=0.1, model="builtin") as small:
        visitor = open_page(at=small, query=f"?lang={language}", locale="en-US")
        visitor.tolerated |= {"429", "uploads_of_visitor"}
        with visitor.page.expect_file_chooser() as chooser:
            visitor.page.locator("#upload button").first.click()
        chooser.value.set_files(EXAMPLE)
        toast = visitor.page.get_by_test_id("toast-body")
        expect(toast).to_contain_text(said)
        assert "SPEECH_EMOTION_MAX_VISITOR_MB" in toast.inner_text()
        assert "HTTP" not in toast.inner_text()
        assert "wait_min" not in toast.inner_text()
        visitor.leave()
