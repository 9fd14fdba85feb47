"""The page in a real browser under a path of a real nginx: log in, upload, recognise, play, download, log out."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.support.nginx import nginx_in_front
from tests.support.page_user import EXAMPLE, PageUser
from tests.support.server_process import running_server
from webui.results import RecognitionResult
from webui.service.serving.keys import hash_key, new_key

KEY = new_key()
PLAY = "async (audio) => { audio.muted = true; await audio.play(); return audio.duration }"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("proxy")
    settings = {"api_keys": hash_key(KEY), "base_path": "/emotion", "trusted_proxies": "127.0.0.1"}
    with (
        running_server(folder / "outputs", **settings) as started,
        nginx_in_front(folder / "nginx", urlsplit(started.url).port or 0) as url,
    ):
        yield url
        assert started.errors.read_text() == ""


def test_the_page_behind_nginx_from_login_to_logout(chromium: Browser, published: str, tmp_path: Path) -> None:
    user = PageUser(chromium, f"{published}/", locale="en-GB", scheme="light", width=1280, key=KEY)
    page = user.page
    assert page.url == f"{published}/"
    user.upload(EXAMPLE)
    audio = page.locator("#player audio")
    expect(audio).to_be_visible()
    assert audio.evaluate(PLAY) > 1.0
    answer = user.recognize()
    assert EXAMPLE.name in answer.locator(".se-source").inner_text()
    result = RecognitionResult.model_validate_json(user.download("result.json", tmp_path).read_text("utf-8"))
    assert result.source.file_name == EXAMPLE.name
    api = page.locator(".se-footer a").evaluate("(link) => link.href")
    assert api == f"{published}/docs"

    page.goto(f"{published}/logout")
    page.click("button")
    page.wait_for_url(f"{published}/login")
    page.goto(f"{published}/")
    assert page.url == f"{published}/login"
    user.close()
    foreign = [
        request.url for request in user.requests if not request.url.startswith((f"{published}/", "blob:", "data:"))
    ]
    assert foreign == []
    assert user.console_errors == []
