"""Files with special characters in their names: the player plays them, the answer shows their names, the links work."""

import string
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.support.paths import EXAMPLE
from webui.results import RecognitionResult

SIGNS = "".join(sign for sign in string.printable if sign.isprintable() and not sign.isalnum() and sign not in "/")
NAMES = [
    f"all {SIGNS} signs.wav",
    f"{SIGNS[16:]}.wav",
    "call, 2024.wav",
    "a+b@c&d=e;f#g.wav",
    "100%.wav",
    "a%2Cb%20c%23.wav",
    "#.wav",
    "-dash.wav",
    "?.wav",
    "客户录音（二），“好”：《张三》、李四！？￥·…—.wav",
    "emoji 🎙️ ünï.wav",
    "file=a/file=b.wav".replace("/", " "),
]
EXAMPLE_S = 3.65
PLAY = "async (audio) => { audio.muted = true; await audio.play(); return audio.duration }"
STATUS = "async (link) => (await fetch(link.href)).status"


def test_all_ascii_punctuation_is_covered() -> None:
    assert set(SIGNS) == set(""" !"#$%&'()*+,-.:;<=>?@[\\]^_`{|}~""")


@pytest.mark.parametrize("group", [NAMES[:4], NAMES[4:8], NAMES[8:]], ids=["1", "2", "3"])
def test_files_with_such_names_are_played(open_page: OpenPage, tmp_path: Path, group: list[str]) -> None:
    user = open_page(locale="en-GB")
    for name in group:
        file = tmp_path / name
        file.write_bytes(EXAMPLE.read_bytes())
        user.upload(file)
        audio = user.page.locator("#player audio")
        expect(audio).to_be_visible()
        assert audio.evaluate(PLAY) == pytest.approx(EXAMPLE_S, abs=0.1), name
        links = user.page.locator("#upload .file-preview a")
        assert {link.evaluate(STATUS) for link in links.all()} <= {
            200,
            206,
        }  # 206: the player has a part of the file already
        user.page.reload()
        user.page.wait_for_selector("html[data-language]")


def test_the_answer_names_the_file_and_its_downloads_work(open_page: OpenPage, tmp_path: Path) -> None:
    user = open_page(locale="en-GB")
    file = tmp_path / "客户, a+b@c&d=e;f#100%?.wav"
    file.write_bytes(EXAMPLE.read_bytes())
    user.upload(file)
    assert file.name in user.recognize().locator(".se-source").inner_text()
    result = RecognitionResult.model_validate_json(user.download("result.json", tmp_path).read_text("utf-8"))
    assert result.source.file_name == file.name
    links = user.page.locator("#downloads a[download]")
    assert {link.evaluate(STATUS) for link in links.all()} == {200}
