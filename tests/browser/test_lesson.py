"""A lesson with many short recordings: which result is shown, deleting it, names, hints, several audio tracks."""

from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.audio_files import voice
from tests.support.page_user import ANSWER_MS, EXAMPLE, OpenPage, PageUser
from tests.support.server_process import RunningServer
from tests.support.track_files import with_tracks
from webui.results import RecognitionResult
from webui.storage.run_ids import RunIds

RATE = 16_000
PREVIOUS = "上一个结果：example_synthetic.wav"


def is_greyed(page: Page) -> bool:
    return bool(page.locator("#answer .se-answer").evaluate("card => getComputedStyle(card).filter !== 'none'"))


def record(user: PageUser) -> None:
    user.page.locator("#microphone button.record").click()
    user.page.wait_for_timeout(1000)  # the length of the recording
    user.page.locator("#microphone button.stop-button").first.click()


def test_a_result_is_named_and_greyed_once_it_is_not_about_the_chosen_recording(
    open_page: OpenPage, tmp_path: Path
) -> None:
    user = open_page()
    page, previous = user.page, user.page.locator(".se-previous")
    user.load_example()
    user.recognize()
    expect(previous).to_be_hidden()
    assert not is_greyed(page)

    page.get_by_role("tab", name="录音").click()
    expect(previous).to_have_text(PREVIOUS)
    assert is_greyed(page)
    page.get_by_role("tab", name="文件").click()
    expect(previous).to_be_hidden()
    assert not is_greyed(page)
    page.locator("#upload button[aria-label]").last.click()  # clears the file
    expect(previous).to_have_text(PREVIOUS)
    soundfile.write(tmp_path / "new.wav", voice(2.0), RATE)
    user.upload(tmp_path / "new.wav")
    expect(previous).to_have_text(PREVIOUS)
    assert is_greyed(page)
    page.locator("#language label").nth(1).click()
    expect(previous).to_have_text("Previous result: example_synthetic.wav")
    page.locator("#language label").first.click()
    user.settle()
    rules = [rule["id"] for rule in Axe().run(page).response["violations"] if rule["impact"] in {"serious", "critical"}]
    assert rules == []

    page.get_by_role("tab", name="录音").click()  # nothing is recorded there: the file of the other tab doesn't count
    page.click("#recognize")
    expect(page.locator("#answer .se-error")).to_contain_text("还没有录音", timeout=ANSWER_MS)
    page.get_by_role("tab", name="文件").click()
    assert "new.wav" in user.recognize().locator(".se-source").inner_text()
    page.get_by_role("tab", name="录音").click()
    page.locator("#microphone button.record").click()
    expect(page.locator("#recognize")).to_be_disabled()
    expect(previous).to_have_text("上一个结果：new.wav")
    page.wait_for_timeout(1000)  # the length of the recording
    page.locator("#microphone button.stop-button").first.click()
    assert "recording.wav" in user.recognize().locator(".se-source").inner_text()
    expect(previous).to_be_hidden()


def test_a_recording_is_named_and_deleted(open_page: OpenPage, server: RunningServer) -> None:
    user, before = open_page(), set(server.outputs_dir.glob("outputs_*"))
    page = user.page
    expect(page.locator("#kept")).to_contain_text("一直保存在服务器上，直到被删除")
    expect(page.locator("#delete")).to_be_hidden()
    page.get_by_role("tab", name="录音").click()
    expect(page.locator("#kept")).to_be_visible()
    page.locator("#title input, #title textarea").fill("三班 a/b")
    record(user)
    user.recognize()
    (folder,) = set(server.outputs_dir.glob("outputs_*")) - before
    result = RecognitionResult.model_validate_json((folder / "result.json").read_bytes())
    assert (result.title, result.called) == ("三班 a/b", "三班 a/b")
    downloads = page.locator("#downloads a[download]")
    names = [link.get_attribute("download") for link in downloads.all()]
    files = ["log.txt", "processed_audio.wav", "result.json", f"{folder.name}.zip"]
    assert names == [f"三班 a_b_{file}" for file in files]
    links = [str(link.get_attribute("href")) for link in downloads.all()]
    assert [page.evaluate("async (link) => (await fetch(link)).status", link) for link in links] == [200] * 4
    recording = Path(page.evaluate("speechEmotion.chosen.microphone"))
    assert recording.is_file()
    address = f"{server.url}/api/v1/results/{RunIds(server.outputs_dir).id_of(folder)}"
    assert httpx.get(address).json()["title"] == "三班 a/b"

    page.click("#delete")
    expect(page.locator("#delete-question")).to_contain_text("删除后无法恢复")
    page.click("#delete-keep")
    expect(page.locator("#delete-question")).to_be_hidden()
    assert folder.is_dir()
    page.click("#delete")
    user.screenshot("delete_zh_1280")
    page.click("#delete-confirm")
    expect(page.locator("#answer .se-deleted")).to_contain_text("“recording.wav”的录音和结果已从服务器上删除")
    for part in ("#downloads", "#delete", "#delete-question"):
        expect(page.locator(part)).to_be_hidden()
    assert user.log() == ""
    assert set(server.outputs_dir.glob("outputs_*")) == before
    assert not recording.exists()
    assert httpx.get(address).status_code == 404
    user.expected_errors |= {"404", "403"}
    assert {page.evaluate("async (link) => (await fetch(link)).status", link) for link in links} <= {403, 404}
    page.locator("#language label").nth(1).click()
    expect(page.locator("#answer .se-deleted")).to_contain_text("were deleted from the server")
    assert "还没有录音" not in page.content()
    assert "There is no recording yet" in user.recognize().locator(".se-error").inner_text()


def test_hints_and_times_of_a_long_recording(open_page: OpenPage, tmp_path: Path) -> None:
    clip, rate = soundfile.read(EXAMPLE, dtype="float32")
    soundfile.write(tmp_path / "long.flac", np.tile(clip[::2], 40), rate // 2)  # 146 s, smaller than the limit
    user = open_page(width=390)
    page = user.page
    expect(page.locator("#cancel")).to_be_hidden()
    choices = page.locator("#granularity label")
    for number, words in enumerate(("整段录音得到一个结果", "随时间变化的曲线", "每段各有一个结果")):
        expect(choices.nth(number)).to_contain_text(words)
    user.upload(tmp_path / "long.flac")
    choices.nth(1).click()
    answer = user.recognize()
    expect(page.locator("#embedding")).to_contain_text("每帧一个 1920 维向量")
    choices.nth(0).click()
    expect(page.locator("#embedding")).to_contain_text("整段录音一个 1920 维向量")
    page.locator("#language label").nth(1).click()
    expect(page.locator("#embedding")).to_contain_text("one vector of 1920 values")
    assert "2 min 26 s" in answer.locator(".se-source").inner_text()
    assert "2:00" in answer.locator(".se-ticks").inner_text()
    assert "not among the classes" in answer.inner_text()
    expect(page.locator("#cancel")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    user.screenshot("long_en_390")


def test_one_of_several_audio_tracks_is_chosen(open_page: OpenPage, tmp_path: Path) -> None:
    clip, rate = soundfile.read(EXAMPLE, dtype="float32")
    (tmp_path / "film.mkv").write_bytes(with_tracks([clip, voice(2.0)], rate, default=0))
    user = open_page(locale="en-US")
    page = user.page
    expect(page.locator("#track")).to_be_hidden()
    user.upload(tmp_path / "film.mkv")
    answer = user.recognize()
    assert "only track 1 was analysed" in (answer.locator(".se-warnings").text_content() or "")
    page.locator("#track input").click()
    assert page.get_by_role("option").all_inner_texts()[1:] == ["Track 1", "Track 2"]
    page.get_by_role("option", name="Track 2").click()
    expect(answer.locator(".se-source")).to_contain_text("film.mkv · 2", timeout=ANSWER_MS)
    result = RecognitionResult.model_validate_json(user.download("result.json", tmp_path).read_text("utf-8"))
    assert result.source.duration_s == pytest.approx(2.0, abs=0.1)
    expect(page.locator("#track input")).to_have_value("Track 2")

    user.page.locator("#upload button[aria-label]").last.click()
    expect(page.locator("#track")).to_be_hidden()
    expect(page.locator("#track")).to_be_hidden()
