"""Separate channels on the page: the proposal, the names, and a curve and segments for each channel."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.support.audio_files import stereo, voice
from tests.support.page_user import ANSWER_MS
from tests.support.paths import EXAMPLE
from webui.results import RecognitionResult

RATE = 16_000


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """Two speakers who take turns, each on a separate channel."""
    speech, _rate = soundfile.read(EXAMPLE, dtype="float32")
    silence = np.zeros(len(speech), np.float32)
    both = stereo(np.concatenate([speech, silence, speech]), np.concatenate([silence, 0.5 * speech, silence]))
    soundfile.write(tmp_path / "call.wav", both, RATE)
    return tmp_path / "call.wav"


def test_separate_channels_are_proposed_and_shown(open_page: OpenPage, call: Path, tmp_path: Path) -> None:
    user = open_page()
    page = user.page
    user.upload(call)
    answer = user.recognize()
    assert "2 个声道的内容不同" in (answer.locator(".se-warnings").text_content() or "")
    expect(answer.locator(".se-channel")).to_have_count(0)

    page.get_by_role("button", name="分开识别每个声道").click()
    expect(answer.locator(".se-channel")).to_have_count(2, timeout=ANSWER_MS)
    expect(page.locator("#separate")).to_be_hidden()
    result = RecognitionResult.model_validate_json(user.download("result.json", tmp_path).read_text("utf-8"))
    for channel in result.channels or ():
        card = answer.locator(f".se-channel[data-channel='{channel.index}']")
        assert card.locator("h2").first.inner_text() == f"声道 {channel.index + 1}"
        assert f"{channel.confidence:.1%}" in card.locator(".se-confidence").inner_text()
        assert card.locator(".se-score").count() == 9
    user.download("processed_audio_channel_1.wav", tmp_path)


def test_names_curves_and_segments_of_channels(open_page: OpenPage, call: Path) -> None:
    user = open_page(locale="en-US")
    page = user.page
    user.upload(call)
    expect(page.locator("#channel-names")).to_be_hidden()
    page.locator("#channels input").click()
    page.get_by_role("option", name="Separate").click()
    page.locator("#channel-names input, #channel-names textarea").fill("customer, agent")
    for number, inside in ((1, ".se-curve"), (2, ".se-segments")):
        page.locator("#granularity label").nth(number).click()
        answer = user.recognize()
        expect(answer.locator(".se-channel")).to_have_count(2)
        expect(answer.locator(f".se-channel {inside}")).to_have_count(2)
    assert [title.inner_text() for title in answer.locator(".se-channel > .se-card:first-child h2").all()] == [
        "Channel 1 · customer",
        "Channel 2 · agent",
    ]

    page.locator("#channel-names input, #channel-names textarea").fill("agent, agent")
    assert "Invalid channel names 'agent, agent'" in user.recognize().locator(".se-error").inner_text()


def test_one_channel_and_a_mono_recording(open_page: OpenPage, call: Path, tmp_path: Path) -> None:
    user = open_page(locale="en-US")
    page = user.page
    user.upload(call)
    page.locator("#channels input").click()
    page.get_by_role("option", name="Only channel 2").click()
    answer = user.recognize()
    result = RecognitionResult.model_validate_json(user.download("result.json", tmp_path).read_text("utf-8"))
    assert result.source.channel == 1
    expect(page.locator("#separate")).to_be_hidden()
    expect(answer.locator(".se-warnings")).not_to_contain_text("Channels differ")

    soundfile.write(tmp_path / "mono.wav", voice(2.0), RATE)
    page.reload()
    page.wait_for_selector("html[data-language]")
    user.upload(tmp_path / "mono.wav")
    page.locator("#channels input").click()
    page.get_by_role("option", name="Only channel 2").click()
    assert "no channel 2 (number 1" in user.recognize().locator(".se-error").inner_text()
