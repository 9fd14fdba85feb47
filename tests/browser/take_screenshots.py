"""Takes the screenshots of the README: ``python -m tests.browser.take_screenshots``.

Uses a real server, the built-in model, and the example clip with frame scores.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.support.page_user import PageUser
from tests.support.server_process import ROOT, running_server

IMAGES = ROOT / "docs" / "images"
LOCALES = {"zh": "zh-CN", "en": "en-US"}
MAX_BYTES = 300_000


def main() -> int:
    """Writes ``docs/images/page_zh.png`` and ``page_en.png``."""
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if executable is None:
        sys.stderr.write("no Chromium: `apt-get install chromium`, or set CHROMIUM to its path\n")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        outputs = Path(folder) / "outputs"
        with running_server(outputs, models_dir=Path(folder) / "models", auto_download=False) as server:
            for language, locale in LOCALES.items():
                user = PageUser(browser, server.url, locale=locale, scheme="light", width=1280)
                take(user, IMAGES / f"page_{language}.png")
                user.close()
        browser.close()
    return 0


def take(user: PageUser, path: Path) -> None:
    """Recognizes the example and writes a screenshot of the result."""
    page = user.page
    page.click("#example")
    expect(page.locator("#upload .file-preview")).to_be_visible()
    page.locator("#granularity label").nth(1).click()
    user.recognize()
    page.set_viewport_size({"width": 1280, "height": 1400})
    page.evaluate("window.scrollTo(0, 0)")
    user.settle()
    page.screenshot(path=path)
    assert path.stat().st_size < MAX_BYTES, f"{path} has {path.stat().st_size} bytes"


if __name__ == "__main__":
    raise SystemExit(main())
