import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.support.page_user import EXAMPLE, OpenPage, PageUser
from tests.support.server_process import RunningServer, running_server

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    f"--use-file-for-fake-audio-capture={EXAMPLE}",
)


expect.set_options(timeout=30_000)  # a busy machine needs more than the usual 5 s


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("page") / "outputs", max_audio_mb=2) as started:
        yield started
        assert started.errors.read_text() == ""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not executable:
        pytest.skip("no Chromium: `apt-get install chromium`, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, server: RunningServer, tmp_path: Path) -> Iterator[OpenPage]:
    """Opens the page as a new user; afterwards there must be no requests to other machines and no console errors."""
    users: list[PageUser] = []

    def open_one(
        *, locale: str = "zh-CN", scheme: str = "light", width: int = 1280, at: RunningServer = server, query: str = ""
    ) -> PageUser:
        users.append(PageUser(chromium, f"{at.url}/{query}", locale=locale, scheme=scheme, width=width))
        return users[-1]

    yield open_one
    for user in users:
        user.close()
    for user in users:
        assert user.foreign_urls() == []
        assert user.console_errors == []
