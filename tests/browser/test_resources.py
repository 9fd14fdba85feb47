"""The panel with figures of the server, in a real browser."""

import re

from playwright.sync_api import expect

from tests.support.page_user import OpenPage


def test_the_panel_is_closed_and_shows_numbers_when_opened(open_page: OpenPage) -> None:
    user = open_page(locale="en-US", query="?lang=en")
    table = user.page.locator("#resources-table")
    expect(table).not_to_be_visible()
    user.page.locator("#resources button").first.click()
    expect(table).to_contain_text("Recognized since the start")
    expect(table).to_contain_text(re.compile(r"Memory\s*[1-9]\d* MB"))
