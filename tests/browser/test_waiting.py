"""What takes its time or goes wrong: a line of visitors, stopping, a server that refuses, an error nobody foresaw."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.support.checkpoints import BASE, make_checkpoint
from tests.support.page_user import EXAMPLE
from tests.support.server_process import PROGRAM, RunningServer, running_server
from webui.errors import AudioTooLongError, TooOftenError
from webui.http.problems import PROBLEM_TYPE, problem_of
from webui.texts import Language
from webui.ui.tabs.recognize_runs import MODEL_CONCURRENCY

BROKEN = """
from webui.service import RecognitionService
def recognize(*_, **__):
    raise RuntimeError("a cable came loose")
RecognitionService.recognize = recognize
"""


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A network that takes a second for half a minute, so that minutes of sound take a while."""
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


def test_a_run_can_be_stopped(slow_server: RunningServer, open_page: OpenPage, long_clip: Path) -> None:
    visitor = open_page(at=slow_server)
    page = visitor.page
    expect(page.locator("#status")).to_contain_text("Emotion2Vec+ Large native · fp32 · cpu", timeout=60_000)
    visitor.upload(long_clip)
    page.click("#recognize")
    expect(page.locator("#cancel")).to_be_visible()
    expect(page.locator("#answer")).to_contain_text("推理中", timeout=30_000)
    visitor.photograph("running_zh_1280")
    page.click("#cancel")
    expect(page.locator("#answer")).to_contain_text("识别已取消，没有写入任何文件")
    expect(page.locator("#cancel")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "recognize"
    assert "[取消]" in visitor.log()
    page.wait_for_timeout(500)  # what Gradio reports of a run that was stopped does not replace these words
    expect(page.locator("#answer")).to_contain_text("识别已取消，没有写入任何文件")
    assert list(slow_server.outputs_dir.glob("outputs_*")) == []

    visitor.load_example()
    answer = visitor.recognize()
    expect(answer.locator(".se-answer")).to_be_visible()
    expect(page.locator("#cancel")).to_be_hidden()
    assert [path.name[:8] for path in slow_server.outputs_dir.glob("[!.]*")] == ["outputs_"]


def test_a_visitor_who_leaves_holds_nobody_up(slow_server: RunningServer, open_page: OpenPage, long_clip: Path) -> None:
    visitor, before = open_page(at=slow_server), set(slow_server.outputs_dir.glob("outputs_*"))
    expect(visitor.page.locator("#status")).to_contain_text("Emotion2Vec+ Large native", timeout=60_000)
    visitor.upload(long_clip)
    visitor.page.click("#recognize")
    expect(visitor.page.locator("#answer")).to_contain_text("推理中", timeout=30_000)
    visitor.page.close()
    other = open_page(at=slow_server)
    other.load_example()
    expect(other.recognize().locator(".se-answer")).to_be_visible()
    deadline = time.monotonic() + 30
    while list(slow_server.outputs_dir.glob(".draft*")):
        assert time.monotonic() < deadline
        other.page.wait_for_timeout(100)
    assert len(set(slow_server.outputs_dir.glob("outputs_*")) - before) == 1


def test_visitors_see_their_place_in_the_line(slow_server: RunningServer, open_page: OpenPage, long_clip: Path) -> None:
    visitors = [open_page(at=slow_server) for _ in range(MODEL_CONCURRENCY)]
    last = open_page(at=slow_server, locale="en-US", width=390)
    for visitor in visitors:
        visitor.upload(long_clip)
        visitor.page.click("#recognize")
        expect(visitor.page.locator("#answer .progress-level-inner")).to_be_visible(timeout=30_000)
    last.load_example()
    last.page.click("#recognize")
    expect(last.page.locator("#answer")).to_contain_text("waiting: 1 of 1", timeout=10_000)
    last.photograph("waiting_en_390")
    for visitor in visitors:
        visitor.page.click("#cancel")
        expect(visitor.page.locator("#answer")).to_contain_text("识别已取消")
    expect(last.page.locator("#answer .se-answer")).to_be_visible(timeout=60_000)


def test_a_server_that_refuses_is_a_sentence(open_page: OpenPage) -> None:
    visitor = open_page(locale="en-US")
    visitor.tolerated.add("503")
    page = visitor.page
    visitor.load_example()
    full = '{"detail": "Queue is full. Max size is 32 and size is 32."}'
    page.route("**/queue/join*", lambda route: route.fulfill(status=503, content_type="application/json", body=full))
    trouble = visitor.recognize().locator(".se-error")
    assert "The server did not accept the request" in trouble.inner_text()
    expect(page.get_by_test_id("toast-body")).to_contain_text("The server is busy; try again in a moment.")
    expect(page.locator("#cancel")).to_be_hidden()
    page.unroute("**/queue/join*")
    expect(visitor.recognize().locator(".se-answer")).to_be_visible()


def test_a_caller_with_too_many_runs_is_told_in_the_language_of_the_page(open_page: OpenPage) -> None:
    visitor = open_page(locale="en-US")
    visitor.tolerated.add("429")
    page = visitor.page
    visitor.load_example()
    error = TooOftenError("request.too_many", found=16, expected=16, retry_s=5)
    body = problem_of(error, Language.ZH).model_dump_json()
    page.route("**/queue/join*", lambda route: route.fulfill(status=429, content_type=PROBLEM_TYPE, body=body))
    trouble = visitor.recognize().locator(".se-error")
    assert "too many of your own recognitions are in progress" in trouble.inner_text()
    expect(page.get_by_test_id("toast-body")).to_contain_text("16 of your requests are being processed or waiting")
    page.unroute("**/queue/join*")
    expect(visitor.recognize().locator(".se-answer")).to_be_visible()


def test_an_upload_that_is_refused_is_a_sentence(open_page: OpenPage) -> None:
    visitor = open_page()
    visitor.tolerated |= {"413", "Uploading"}
    body = problem_of(AudioTooLongError("api.too_large", expected_mb=2.0), Language.ZH).model_dump_json()
    visitor.page.route(
        "**/gradio_api/upload?*", lambda route: route.fulfill(status=413, content_type=PROBLEM_TYPE, body=body)
    )
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.locator("#upload button").first.click()
    chooser.value.set_files(EXAMPLE)
    expect(visitor.page.get_by_test_id("toast-body")).to_contain_text("上传被拒绝")
    expect(visitor.page.get_by_test_id("toast-body")).to_contain_text("SPEECH_EMOTION_MAX_AUDIO_MB")
    expect(visitor.page.get_by_test_id("toast-body")).not_to_contain_text("{")


@pytest.fixture
def broken_server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "outputs", program=BROKEN + PROGRAM) as started:
        yield started


def test_an_error_that_nobody_foresaw_has_a_number(broken_server: RunningServer, open_page: OpenPage) -> None:
    visitor = open_page(at=broken_server)
    visitor.load_example()
    sentence = visitor.recognize().locator(".se-error").inner_text()
    (number,) = re.findall(r"编号 ([0-9a-f]{8})", sentence)
    assert number in visitor.log()
    assert "a cable came loose" not in visitor.page.content()
    log = broken_server.errors.read_text()
    assert f"Unexpected error {number} on the page" in log
    assert "RuntimeError: a cable came loose" in log
    visitor.photograph("unforeseen_zh")
