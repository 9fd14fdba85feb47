"""One language at a time, including Gradio's own texts; and announcements for screen readers."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.page_user import ANSWER_MS, EXAMPLE, OpenPage, PageUser
from tests.support.server_process import RunningServer, running_server
from tests.support.waiting import wait_until

# All visible texts and labels, except the language switch.
ALL_TEXTS = """() => {
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { nodeValue, parentElement } = walker.currentNode;
    const visible = parentElement.checkVisibility() && getComputedStyle(parentElement).fontSize !== "0px";
    if (visible && !parentElement.closest("script, style, textarea, #language, select")) texts.push(nodeValue.trim());
  }
  for (const element of document.querySelectorAll("[aria-label], [title], [placeholder]"))
    for (const name of ["aria-label", "title", "placeholder"]) texts.push((element.getAttribute(name) ?? "").trim());
  return texts.filter((text) => /\\p{L}/u.test(text));
}"""
CHINESE = re.compile("[\u4e00-\u9fff]")
SAME_IN_BOTH = {"builtin · fp32 · cpu", "native · fp32 · cpu"}


def texts_in_other_languages(user: PageUser, language: str) -> list[str]:
    texts: list[str] = user.page.evaluate(ALL_TEXTS)
    assert len(texts) > 20
    wanted = language == "zh"
    return [text for text in texts if bool(CHINESE.search(text)) != wanted and text not in SAME_IN_BOTH]


def wait_for_language(user: PageUser, language: str) -> None:
    """Waits until all texts are in the language."""
    with suppress(AssertionError):
        wait_until(lambda: not texts_in_other_languages(user, language), ANSWER_MS / 1000)
    assert texts_in_other_languages(user, language) == []


def switch(user: PageUser, language: str) -> None:
    user.page.locator("#language label").nth(["zh", "en"].index(language)).click()
    expect(user.page.locator("html")).to_have_attribute("data-language", language)


def test_all_texts_change_with_the_language(open_page: OpenPage) -> None:
    user = open_page(locale="en-US")
    expect(user.page.locator("#status")).to_contain_text("builtin · fp32 · cpu", timeout=ANSWER_MS)
    wait_for_language(user, "en")
    switch(user, "zh")
    for tab in ("文件", "录音"):
        user.page.get_by_role("tab", name=tab).click()
        wait_for_language(user, "zh")
    switch(user, "en")
    wait_for_language(user, "en")


def test_other_languages_get_english(open_page: OpenPage) -> None:
    user = open_page(locale="de-DE")
    user.page.get_by_role("tab", name="Microphone").click()
    expect(user.page.locator("#microphone")).to_contain_text("Record")
    expect(user.page.locator(".se-footer")).to_have_text("For programs: REST API documentation")


def test_a_file_over_the_limit_shows_an_error(open_page: OpenPage, tmp_path: Path) -> None:
    user = open_page(locale="en-US")
    switch(user, "zh")
    big = tmp_path / "big.wav"
    big.write_bytes(b"RIFF" + bytes(2_500_000))
    with user.page.expect_file_chooser() as chooser:
        user.page.locator("#upload button").first.click()
    chooser.value.set_files(big)
    toast = user.page.get_by_test_id("toast-body")
    expect(toast).to_contain_text('文件 "big.wav" 太大')
    expect(toast).to_contain_text("出错了")
    assert "exceed" not in toast.inner_text()
    expect(user.page.locator("#upload .file-preview")).to_have_count(0)


def test_file_names_are_not_translated(open_page: OpenPage, tmp_path: Path) -> None:
    user = open_page()
    file = tmp_path / "Copy"  # also a label of a Gradio button
    file.write_bytes(EXAMPLE.read_bytes())
    user.upload(file)
    expect(user.page.locator("#upload .file-preview")).to_contain_text("Copy")
    assert user.recognize().locator(".se-source").inner_text().startswith("Copy")


def test_changes_are_announced_to_screen_readers(open_page: OpenPage) -> None:
    user = open_page()
    announced = user.page.locator(".se-announcer")
    expect(announced).to_have_attribute("aria-live", "polite")
    expect(announced).to_contain_text("当前模型： 内置小模型（不是 Emotion2Vec+ Large）", timeout=ANSWER_MS)
    user.load_example()
    answer = user.recognize()
    title = answer.locator(".se-emotion").inner_text()
    expect(announced).to_have_text(f"{title} {answer.locator('.se-confidence').inner_text()}")


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_a_denied_microphone_shows_a_hint(open_page: OpenPage, server: RunningServer, locale: str) -> None:
    user = open_page(locale=locale)
    user.expected_errors.add("Error accessing the microphone: no")
    page = user.page
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError') }"
    )
    page.reload()
    page.wait_for_selector("html[data-language]")
    page.get_by_role("tab").nth(3).click()
    hint = page.locator('.se-microphone[data-when="refused"]')
    expect(hint).to_be_hidden()
    page.locator("#microphone button.record").click()
    expect(hint).to_contain_text({"zh-CN": "浏览器未获得麦克风权限", "en-US": "did not allow the microphone"}[locale])
    expect(page.locator("#recognize")).to_be_enabled()


@pytest.mark.parametrize(
    ("language", "message"),
    [("zh", "每位用户 0.1 MB 的上限"), ("en", "the limit of 0.1 MB per user")],
    ids=["zh", "en"],
)
def test_the_upload_quota_shows_an_error_in_the_language_of_the_page(
    open_page: OpenPage, tmp_path: Path, language: str, message: str
) -> None:
    with running_server(tmp_path / "outputs", max_visitor_mb=0.1, model="builtin") as small:
        user = open_page(at=small, query=f"?lang={language}", locale="en-US")
        user.expected_errors |= {"429", "uploads_of_visitor"}
        with user.page.expect_file_chooser() as chooser:
            user.page.locator("#upload button").first.click()
        chooser.value.set_files(EXAMPLE)
        toast = user.page.get_by_test_id("toast-body")
        expect(toast).to_contain_text(message)
        assert "SPEECH_EMOTION_MAX_VISITOR_MB" in toast.inner_text()
        assert "HTTP" not in toast.inner_text()
        assert "wait_min" not in toast.inner_text()
        user.close()
