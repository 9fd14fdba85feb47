"""Samples without a header: the page asks for their format, and tries again."""

from pathlib import Path

import numpy as np
import soundfile
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.support.audio_files import voice
from tests.support.page_user import ANSWER_MS


def test_the_page_asks_for_the_format(open_page: OpenPage, tmp_path: Path) -> None:
    path = tmp_path / "call.PCMA"
    call = np.concatenate([np.zeros(8_000, np.float32), voice(3.0, 8_000)])
    soundfile.write(path, call, 8_000, format="RAW", subtype="ALAW")
    user = open_page(locale="en-US")
    page = user.page
    field = page.locator("#headerless input, #headerless textarea")
    expect(page.locator("#try-again")).to_be_hidden()
    user.upload(path)

    error = user.recognize().locator(".se-error")
    assert "samples without a header" in error.inner_text()
    expect(field).to_have_value("alaw,8000,1")

    field.fill("g729,8000,1")
    page.click("#try-again")
    expect(error).to_contain_text("g729,8000,1")
    expect(field).to_have_value("g729,8000,1")

    field.fill("alaw,8000,1")
    page.click("#try-again")
    expect(page.locator("#answer .se-answer")).to_be_visible(timeout=ANSWER_MS)
    expect(page.locator("#try-again")).to_be_hidden()
    expect(page.locator("#headerless")).to_be_hidden()
    assert "raw/pcm_alaw" in user.log()
