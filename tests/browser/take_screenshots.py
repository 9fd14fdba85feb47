"""Takes the README's pictures of the page: ``python -m tests.browser.take_screenshots``.

A real server, the built-in model, the example clip, frame by frame; the same visitor that the browser tests use.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.support.page_user import Visitor
from tests.support.server_process import ROOT, running_server

IMAGES = ROOT / "docs" / "images"
LOCALES = {"zh": "zh-CN", "en": "en-US"}
MOST_BYTES = 300_000


def main() -> int:
    """Writes ``docs/images/page_zh.png`` and ``page_en.png``."""
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if executable is None:
        sys.stderr.write("no Chromium: `apt-get install chromium`, or name one in CHROMIUM\n")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        outputs = Path(folder) / "outputs"
        with running_server(outputs, models_dir=Path(folder) / "models", auto_download=False) as server:
            for language, locale in LOCALES.items():
                visitor = Visitor(browser, server.url, locale=locale, scheme="light", width=1280)
                take(visitor, IMAGES / f"page_{language}.png")
                visitor.leave()
        browser.close()
    return 0


def take(visitor: Visitor, path: Path) -> None:
    """Recognizes the example and writes the picture of the answer."""
    page = visitor.page
    page.click("#example")
    expect(page.locator("#upload .file-preview")).to_be_visible()
    page.locator("#granularity label").nth(1).click()
    visitor.recognize()
    page.set_viewport_size({"width": 1280, "height": 1400})
    visitor.settle()
    page.screenshot(path=path)
    assert path.stat().st_size < MOST_BYTES, f"{path} has {path.stat().st_size} bytes"


if __name__ == "__main__":
    raise SystemExit(main())
