"""Waiting and errors: the queue, cancelling, a server that refuses requests, unexpected errors."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from tests.support.checkpoints import BASE, make_checkpoint
from tests.support.page_user import ANSWER_MS, EXAMPLE, OpenPage
from tests.support.server_process import PROGRAM, RunningServer, running_server
from tests.support.waiting import wait_until
from webui.errors import AudioTooLongError, TooOftenError
from webui.http.problems import PROBLEM_TYPE, problem_of
from webui.texts import Language
from webui.ui.tabs.recognize_runs import MODEL_CONCURRENCY

BROKEN = """
from webui.service import RecognitionService
def recognize(*_, **__):
    raise RuntimeError("failing on purpose")
RecognitionService.recognize = recognize
"""


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose model needs a second for half a minute of audio: minutes of audio take long enough to cancel."""
    folder = tmp_path_factory.mktemp("slow")
    sizes = replace(BASE, prenet_depth=1, depth=2)
    make_checkpoint(folder / "models" / "emotion2vec_plus_large", sizes, clips=9, seconds=0.5, training=False)
    with running_server(folder / "outputs", models_dir=folder / "models") as started:
        yield started


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clip, rate = soundfile.read(EXAMPLE, dtype="float32")
    file = tmp_path_factory.mktemp("clips") / "long.flac"
    soundfile.write(file, np.tile(clip, 60), rate)
    return file


def test_a_recognition_can_be_cancelled(slow_server: RunningServer, open_page: OpenPage, long_clip: Path) -> None:
    user = open_page(at=slow_server)
    page = user.page
    expect(page.locator("#status")).to_contain_text("Emotion2Vec+ Large native · fp32 · cpu", timeout=ANSWER_MS)
    user.upload(long_clip)
    page.click("#recognize")
    expect(page.locator("#cancel")).to_be_visible()
    expect(page.locator("#answer")).to_contain_text("推理中", timeout=ANSWER_MS)
    user.screenshot("running_zh_1280")
    page.click("#cancel")
    expect(page.locator("#answer")).to_contain_text("识别已取消，没有写入任何文件")
    expect(page.locator("#cancel")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "recognize"
    assert "[取消]" in user.log()
    page.wait_for_timeout(500)  # time for a late message of Gradio about the run, which must not replace this text
    expect(page.locator("#answer")).to_contain_text("识别已取消，没有写入任何文件")
    assert list(slow_server.outputs_dir.glob("outputs_*")) == []

    user.load_example()
    answer = user.recognize()
    expect(answer.locator(".se-answer")).to_be_visible()
    expect(page.locator("#cancel")).to_be_hidden()
    assert [path.name[:8] for path in slow_server.outputs_dir.glob("[!.]*")] == ["outputs_"]


def test_closing_the_page_ends_its_recognition(
    slow_server: RunningServer, open_page: OpenPage, long_clip: Path
) -> None:
    user, before = open_page(at=slow_server), set(slow_server.outputs_dir.glob("outputs_*"))
    expect(user.page.locator("#status")).to_contain_text("Emotion2Vec+ Large native", timeout=ANSWER_MS)
    user.upload(long_clip)
    user.page.click("#recognize")
    expect(user.page.locator("#answer")).to_contain_text("推理中", timeout=ANSWER_MS)
    user.page.close()
    other = open_page(at=slow_server)
    other.load_example()
    expect(other.recognize().locator(".se-answer")).to_be_visible()
    wait_until(lambda: not list(slow_server.outputs_dir.glob(".draft*")))
    assert len(set(slow_server.outputs_dir.glob("outputs_*")) - before) == 1


def test_users_see_their_place_in_the_queue(slow_server: RunningServer, open_page: OpenPage, long_clip: Path) -> None:
    users = [open_page(at=slow_server) for _ in range(MODEL_CONCURRENCY)]
    last = open_page(at=slow_server, locale="en-US", width=390)
    for user in users:
        user.upload(long_clip)
        user.page.click("#recognize")
        expect(user.page.locator("#answer .progress-level-inner")).to_be_visible(timeout=ANSWER_MS)
    last.load_example()
    last.page.click("#recognize")
    expect(last.page.locator("#answer")).to_contain_text("waiting: 1 of 1", timeout=ANSWER_MS)
    last.screenshot("waiting_en_390")
    for user in users:
        user.page.click("#cancel")
        expect(user.page.locator("#answer")).to_contain_text("识别已取消")
    expect(last.page.locator("#answer .se-answer")).to_be_visible(timeout=ANSWER_MS)


def test_a_full_queue_shows_an_error(open_page: OpenPage) -> None:
    user = open_page(locale="en-US")
    user.expected_errors.add("503")
    page = user.page
    user.load_example()
    full = '{"detail": "Queue is full. Max size is 32 and size is 32."}'
    page.route("**/queue/join*", lambda route: route.fulfill(status=503, content_type="application/json", body=full))
    error = user.recognize().locator(".se-error")
    assert "The server did not accept the request" in error.inner_text()
    expect(page.get_by_test_id("toast-body")).to_contain_text("The server is busy; try again in a moment.")
    expect(page.locator("#cancel")).to_be_hidden()
    page.unroute("**/queue/join*")
    expect(user.recognize().locator(".se-answer")).to_be_visible()


def test_too_many_recognitions_show_an_error_in_the_language_of_the_page(open_page: OpenPage) -> None:
    user = open_page(locale="en-US")
    user.expected_errors.add("429")
    page = user.page
    user.load_example()
    error = TooOftenError("request.too_many", found=16, expected=16, retry_s=5)
    body = problem_of(error, Language.ZH).model_dump_json()
    page.route("**/queue/join*", lambda route: route.fulfill(status=429, content_type=PROBLEM_TYPE, body=body))
    error = user.recognize().locator(".se-error")
    assert "too many of your own recognitions are in progress" in error.inner_text()
    expect(page.get_by_test_id("toast-body")).to_contain_text("16 of your requests are being processed or waiting")
    page.unroute("**/queue/join*")
    expect(user.recognize().locator(".se-answer")).to_be_visible()


def test_a_refused_upload_shows_an_error(open_page: OpenPage) -> None:
    user = open_page()
    user.expected_errors |= {"413", "Uploading"}
    body = problem_of(AudioTooLongError("api.too_large", expected_mb=2.0), Language.ZH).model_dump_json()
    user.page.route(
        "**/gradio_api/upload?*", lambda route: route.fulfill(status=413, content_type=PROBLEM_TYPE, body=body)
    )
    with user.page.expect_file_chooser() as chooser:
        user.page.locator("#upload button").first.click()
    chooser.value.set_files(EXAMPLE)
    expect(user.page.get_by_test_id("toast-body")).to_contain_text("上传被拒绝")
    expect(user.page.get_by_test_id("toast-body")).to_contain_text("SPEECH_EMOTION_MAX_AUDIO_MB")
    expect(user.page.get_by_test_id("toast-body")).not_to_contain_text("{")


@pytest.fixture
def broken_server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "outputs", program=BROKEN + PROGRAM) as started:
        yield started


def test_an_unexpected_error_has_a_number(broken_server: RunningServer, open_page: OpenPage) -> None:
    user = open_page(at=broken_server)
    user.load_example()
    message = user.recognize().locator(".se-error").inner_text()
    (number,) = re.findall(r"编号 ([0-9a-f]{8})", message)
    assert "failing on purpose" not in user.page.content()
    log = broken_server.errors.read_text()
    assert f"Unexpected error {number} on the page" in log
    assert "RuntimeError: failing on purpose" in log
    user.screenshot("unexpected_zh")
