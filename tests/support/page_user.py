"""A user of the page: a browser context with the actions that the tests need."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Request, expect

from tests.support.paths import EXAMPLE, ROOT

SCREENSHOTS = ROOT / "tests" / "browser" / "screenshots"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
ANSWER_MS = 180_000  # the first recognition loads the model
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"


class PageUser:
    def __init__(self, browser: Browser, url: str, *, locale: str, scheme: str, width: int, key: str = "") -> None:
        self._context = browser.new_context(
            locale=locale,
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": width, "height": 900},
            accept_downloads=True,
            permissions=["microphone"],
        )
        self.page = self._context.new_page()
        self.requests: list[Request] = []
        self.console_errors: list[str] = []
        self.expected_errors: set[str] = set()  # parts of errors that the test provokes
        self._context.on("request", lambda request: self.requests.append(request))
        self._context.on("console", lambda message: self._on_message(message.type, message.text))
        self.page.on("pageerror", lambda error: self._on_message("error", str(error)))
        self.page.goto(url)
        if key:
            self.page.fill("input[name=key]", key)
            self.page.click("button")
        self.page.wait_for_selector("html[data-language]")

    def _on_message(self, kind: str, text: str) -> None:
        if kind == "error" and not any(part in text for part in self.expected_errors):
            self.console_errors.append(text)

    def foreign_urls(self) -> list[str]:
        """Returns the requested URLs of other machines."""
        urls = [request.url for request in self.requests]
        return [url for url in urls if urlsplit(url).scheme not in {"data", "blob"} and _host(url) not in LOOPBACK]

    def upload(self, file: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.page.locator("#upload button").first.click()
        chooser.value.set_files(file)
        expect(self.page.locator("#upload .file-preview")).to_be_visible()

    def recognize(self) -> Locator:
        """Clicks the button, waits for an answer or an error, and returns the element that contains it."""
        self.page.evaluate("document.querySelectorAll('.se-card').forEach((card) => card.remove())")
        self.page.click("#recognize")
        answer = self.page.locator("#answer")
        expect(answer.locator(".se-answer, .se-error")).to_be_visible(timeout=ANSWER_MS)
        return answer

    def log(self) -> str:
        return self.page.locator("#log textarea").input_value()

    def download(self, name: str, folder: Path) -> Path:
        """Downloads a file of the result, whose name begins with that of the recording."""
        with self.page.expect_download() as started:
            self.page.locator(f'#downloads a[download$="_{name}"]').click()
        target = folder / name
        started.value.save_as(target)
        return target

    def load_example(self) -> None:
        self.page.click("#example")
        expect(self.page.locator("#upload .file-preview")).to_contain_text(EXAMPLE.stem)

    def settle(self) -> None:
        """Moves the pointer away and waits until no animation is running."""
        self.page.mouse.move(0, 0)
        self.page.evaluate("document.activeElement.blur()")
        self.page.evaluate(TWO_FRAMES)  # waits until the transitions that this starts are running
        self.page.wait_for_function("document.getAnimations().every((animation) => animation.playState !== 'running')")

    def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.mouse.move(0, 0)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    def close(self) -> None:
        self._context.close()


OpenPage = Callable[..., PageUser]


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
