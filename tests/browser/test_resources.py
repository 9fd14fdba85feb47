"""The panel about the server in a real browser."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage


def test_the_panel_is_closed_and_shows_numbers_when_opened(open_page: OpenPage) -> None:
    visitor = open_page(locale="en-US", query="?lang=en")
    table = visitor.page.locator("#resources-table")
    expect(table).not_to_be_visible()
    visitor.page.locator("#resources button").first.click()
    expect(table).to_contain_text("Recognized since the start")
    expect(table).to_contain_text(re.compile(r"Memory\s*[1-9]\d* MB"))
