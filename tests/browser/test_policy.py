"""The Content-Security-Policy in a real browser: nothing that the page does is against it, and a script put in is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import OpenPage
from tests.support.server_process import RunningServer, running_server
from webui.service.serving.keys import PasswordHash

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("keyed") / "outputs", login=f"anna:{PasswordHash.of(PASSWORD)}") as it:
        yield it


def watched(page: Page) -> list[str]:
    """What is against the policy of a page, from now on, whether the console says so or not."""
    broken: list[str] = []
    page.expose_function("seBroken", lambda said: broken.append(said))  # a built-in method has no place for its notes
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (event) => "
        "seBroken(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`))"
    )
    page.reload()
    return broken


@pytest.mark.parametrize(
    ("locale", "scheme", "microphone"), [("zh-CN", "light", "录音"), ("en-US", "dark", "Microphone")]
)
def test_the_page_keeps_to_it(open_page: OpenPage, tmp_path: Path, locale: str, scheme: str, microphone: str) -> None:
    visitor = open_page(locale=locale, scheme=scheme)
    page = visitor.page
    broken = watched(page)
    page.wait_for_selector("html[data-language]")
    visitor.load_example()
    page.locator("#granularity label").nth(1).click()
    visitor.recognize()
    notes = tmp_path / "notes.mp3"
    notes.write_text("not music")
    page.locator("#upload button[aria-label]").last.click()
    visitor.upload(notes)
    expect(page.locator("#player .se-hint")).to_be_visible()  # the browser can't play it
    page.get_by_role("tab", name=microphone).click()
    page.locator("#microphone button.record").click()
    page.wait_for_timeout(500)
    page.locator("#microphone button.stop-button").first.click()
    expect(visitor.recognize().locator(".se-answer")).to_be_visible()
    page.locator("#resources button").first.click()
    page.get_by_role("tab").nth(1).click()
    expect(page.locator("#compare-start")).to_be_visible()
    page.goto(page.url.partition("?")[0] + "docs")
    page.locator(".opblock").first.click()
    expect(page.locator(".opblock-body").first).to_be_visible()
    assert broken == []


def test_a_script_that_is_put_into_the_page_does_not_run(open_page: OpenPage) -> None:
    visitor = open_page()
    visitor.tolerated.add("Content Security Policy")
    broken = watched(visitor.page)
    visitor.page.evaluate("""() => {
      const put = document.createElement("div");
      put.innerHTML = "<img src='data:,' onerror='window.ran = 1'><iframe srcdoc='x'></iframe>";
      document.body.append(put);
      document.body.append(Object.assign(document.createElement("script"), { textContent: "window.ran = 1" }));
      fetch("https://elsewhere.example/").catch(() => {});
    }""")
    visitor.page.wait_for_timeout(300)
    assert visitor.page.evaluate("window.ran") is None
    assert {said.split()[0] for said in broken} >= {"script-src-attr", "script-src-elem", "connect-src"}


def test_a_person_logs_in_and_out(chromium: Browser, keyed: RunningServer) -> None:
    context = chromium.new_context(locale="en-US")
    page = context.new_page()
    page.goto(keyed.url)
    assert page.url.endswith("/login")
    broken = watched(page)
    page.fill("[name=user]", "anna")
    page.fill("[name=password]", PASSWORD)
    page.click("button")
    page.wait_for_selector("html[data-language]")
    page.goto(f"{keyed.url}/logout")
    page.click("button")
    page.wait_for_selector("[name=password]")
    page.goto(keyed.url)
    assert page.url.endswith("/login")
    assert broken == []
    context.close()
