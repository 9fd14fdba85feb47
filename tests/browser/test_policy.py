"""The Content-Security-Policy in a real browser: the page complies with it, and injected scripts are blocked."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.page_user import OpenPage
from tests.support.server_process import RunningServer, running_server
from tests.support.waiting import wait_until
from webui.service.serving.keys import PasswordHash

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server_with_login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(
        tmp_path_factory.mktemp("server_with_login") / "outputs", login=f"anna:{PasswordHash.of(PASSWORD)}"
    ) as started:
        yield started


def record_violations(page: Page) -> list[str]:
    """Returns a list that receives every violation of the page's policy from now on."""
    violations: list[str] = []
    page.expose_function(
        "seViolation", lambda text: violations.append(text)
    )  # a lambda, because Playwright sets attributes on the function
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (event) => "
        "seViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`))"
    )
    page.reload()
    return violations


@pytest.mark.parametrize(
    ("locale", "scheme", "microphone"), [("zh-CN", "light", "录音"), ("en-US", "dark", "Microphone")]
)
def test_the_page_complies(open_page: OpenPage, tmp_path: Path, locale: str, scheme: str, microphone: str) -> None:
    user = open_page(locale=locale, scheme=scheme)
    page = user.page
    violations = record_violations(page)
    page.wait_for_selector("html[data-language]")
    user.load_example()
    page.locator("#granularity label").nth(1).click()
    user.recognize()
    notes = tmp_path / "notes.mp3"
    notes.write_text("not music")
    page.locator("#upload button[aria-label]").last.click()
    user.upload(notes)
    expect(page.locator("#player .se-hint")).to_be_visible()  # the browser can't play it
    page.get_by_role("tab", name=microphone).click()
    page.locator("#microphone button.record").click()
    page.wait_for_timeout(500)  # the length of the recording
    page.locator("#microphone button.stop-button").first.click()
    expect(user.recognize().locator(".se-answer")).to_be_visible()
    page.locator("#resources button").first.click()
    page.get_by_role("tab").nth(1).click()
    expect(page.locator("#compare-start")).to_be_visible()
    page.goto(page.url.partition("?")[0] + "docs")
    page.locator(".opblock").first.click()
    expect(page.locator(".opblock-body").first).to_be_visible()
    assert violations == []


def test_injected_scripts_do_not_run(open_page: OpenPage) -> None:
    user = open_page()
    user.expected_errors.add("Content Security Policy")
    violations = record_violations(user.page)
    user.page.evaluate("""() => {
      const put = document.createElement("div");
      put.innerHTML = "<img src='data:,' onerror='window.ran = 1'><iframe srcdoc='x'></iframe>";
      document.body.append(put);
      document.body.append(Object.assign(document.createElement("script"), { textContent: "window.ran = 1" }));
      fetch("https://elsewhere.example/").catch(() => {});
    }""")
    expected = {"script-src-attr", "script-src-elem", "connect-src"}
    wait_until(lambda: user.page.evaluate("true") and expected <= {text.split()[0] for text in violations})
    assert user.page.evaluate("window.ran") is None


def test_login_and_logout_comply(chromium: Browser, server_with_login: RunningServer) -> None:
    context = chromium.new_context(locale="en-US")
    page = context.new_page()
    page.goto(server_with_login.url)
    assert page.url.endswith("/login")
    violations = record_violations(page)
    page.fill("[name=user]", "anna")
    page.fill("[name=password]", PASSWORD)
    page.click("button")
    page.wait_for_selector("html[data-language]")
    page.goto(f"{server_with_login.url}/logout")
    page.click("button")
    page.wait_for_selector("[name=password]")
    page.goto(server_with_login.url)
    assert page.url.endswith("/login")
    assert violations == []
    context.close()
