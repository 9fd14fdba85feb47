"""The JavaScript of the page: files in ``webui/assets``, combined with the texts that they show.

``page.js`` runs once, when the page is opened. Each file in ``functions/`` is a function that Gradio runs in the
browser for an event; it has the form ``(texts) => (...values) => ...``, where ``texts`` maps keys to texts by language.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from webui.settings import PROJECT_DIR
from webui.texts import TEXTS, Language, text
from webui.ui.views.answer import error_card_html

ASSETS_DIR: Final = PROJECT_DIR / "webui" / "assets"
TEXTS_OF: Final[Mapping[str, tuple[str, ...]]] = {  # the keys of the texts that each function shows
    "player": ("page.unplayable",),
    "start": ("page.running",),
    "refused": (),
    "set_language": ("page.drop",),
}
_REFUSED_UPLOAD: Final = (
    r'HTTP \d+: \{{.*"code":"request\.uploads_of_{code}","values":\{{"found_mb":(?<found_mb>[\d.]+),'
    r'"size_mb":(?<size_mb>[\d.]+),"expected_mb":(?<expected_mb>[\d.]+),"wait_min":(?<wait_min>\d+),.*'
)
# The message for any other upload that was refused.
_REFUSED_OTHERWISE: Final = (
    r'HTTP \d+: \{(?!.*"code":"request\.uploads_of_).*"detail":"(?<detail>(?:[^"\\]|\\.)*)","code":.*'
)
# Texts that Gradio always shows in English, or does not change with the language of the page, as regular expressions of
# JavaScript; and the key of our text for each.
GRADIO_TEXTS: Final = {
    "Click to upload or drop files": "page.drop",
    "File upload": "page.upload",
    "Copy": "page.gradio_copy",
    "More tabs": "page.gradio_tabs",
    "Gradio footer navigation": "page.gradio_footer",
    "Select input device": "page.gradio_device",
    "pause|Pause|暂停": "page.gradio_pause",
    "Record|录制": "page.gradio_record",
    "Stop|停止": "page.gradio_stop",
    "Resume|继续": "page.gradio_resume",
    "Clear|清除": "page.gradio_clear",
    "Close": "page.gradio_close",
    "Remove this file": "page.gradio_remove",
    r"queue: (?<position>\d+)/(?<size>\d+) \|": "page.gradio_queue",
    r"processing \|": "page.gradio_processing",
    r"File\(s\) exceed the maximum allowed size of (?<limit>[^:]+): (?<names>[^]+)": "page.gradio_too_large",
    "Connection Lost": "page.gradio_lost",
    r"Connection to the server was lost\. Attempting reconnection\.\.\.": "page.gradio_reconnecting",
    r"Queue is full\. Max size is (?<limit>\d+) and size is \d+\.": "page.gradio_queue_full",
    r"This application is currently busy\. Please try again\.": "page.gradio_busy",
    # For a refused upload, Gradio shows the problem document that the server returned.
    _REFUSED_UPLOAD.format(code="visitor"): "request.uploads_of_visitor",
    _REFUSED_UPLOAD.format(code="all"): "request.uploads_of_all",
    _REFUSED_OTHERWISE: "page.gradio_upload_refused",
    "Error": "page.gradio_error",
    "Warning": "page.gradio_warning",
}
# Error messages for refused events: the server sends them in the language of the browser, not of the page.
_REFUSED_EVENTS: Final = ("request.too_many", "request.event_too_large", "request.event_too_nested")


def page_script() -> str:
    """Returns the script of the page with the texts that it replaces."""
    refused = {_pattern(key, language): key for key in _REFUSED_EVENTS for language in Language}
    rules = [{"pattern": pattern, "texts": _by_language(key)} for pattern, key in (GRADIO_TEXTS | refused).items()]
    source = (ASSETS_DIR / "page.js").read_text("utf-8").strip()
    return f"() => {{ ({source})({json.dumps(rules, ensure_ascii=False)}) }}"


def browser_function(name: str) -> str:
    """Returns a function for the ``js`` of a Gradio event.

    Args:
        name: name of the file in ``webui/assets/functions``, without its suffix.
    """
    source = (ASSETS_DIR / "functions" / f"{name}.js").read_text("utf-8")
    code = "\n".join(line for line in source.splitlines() if not line.startswith("//"))
    texts = json.dumps(_texts(TEXTS_OF.get(name, ())) | _cards(name), ensure_ascii=False)
    return f"(...values) => ({code.strip()})({texts})(...values)"


def _pattern(key: str, language: Language) -> str:
    """Returns a JavaScript regular expression that matches a text, with a named group for each placeholder."""
    return re.sub(r"\\\{(\w+)\\\}", r"(?<\1>.+?)", re.escape(TEXTS[key].in_language(language)))


def _texts(keys: Iterable[str]) -> dict[str, dict[str, str]]:
    return {key: _by_language(key) for key in keys}


def _by_language(key: str) -> dict[str, str]:
    return {language.value: TEXTS[key].in_language(language) for language in Language}


def _cards(name: str) -> dict[str, dict[str, str]]:
    if name != "refused":
        return {}
    cards = {
        language.value: error_card_html("page.error_title_refused", text("page.refused", language), language)
        for language in Language
    }
    return {"refused card": cards}
