"""The little JavaScript the page needs. It runs in the visitor's browser and asks nobody for anything."""

import json
import re
from pathlib import Path
from typing import Final

from webui.texts import TEXTS, Language, text
from webui.ui.answer_view import trouble_html

_REFUSED_UPLOAD: Final = (
    r'HTTP \d+: \{{.*"code":"request\.uploads_of_{code}","values":\{{"found_mb":(?<found_mb>[\d.]+),'
    r'"size_mb":(?<size_mb>[\d.]+),"expected_mb":(?<expected_mb>[\d.]+),"wait_min":(?<wait_min>\d+),.*'
)
# The answer to any other upload that was refused.
_REFUSED_OTHERWISE: Final = (
    r'HTTP \d+: \{(?!.*"code":"request\.uploads_of_).*"detail":"(?<detail>(?:[^"\\]|\\.)*)","code":.*'
)
# What Gradio says in English whatever the language, or doesn't say anew when the language changes (an expression of
# JavaScript), and the key of our text for it.
_GRADIO_SAYS: Final = {
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
    # A refused upload: the page shows what the server answered, a problem document.
    _REFUSED_UPLOAD.format(code="visitor"): "request.uploads_of_visitor",
    _REFUSED_UPLOAD.format(code="all"): "request.uploads_of_all",
    _REFUSED_OTHERWISE: "page.gradio_upload_refused",
    "Error": "page.gradio_error",
    "Warning": "page.gradio_warning",
}
# Sentences of the server about an event that was refused; it answers in the browser's language, not in the page's.
_REFUSED_EVENTS: Final = ("request.too_many", "request.event_too_large", "request.event_too_nested")


def _pattern(key: str, language: Language) -> str:
    """Returns an expression of JavaScript that matches a text, with a group for each of its values."""
    return re.sub(r"\\\{(\w+)\\\}", r"(?<\1>.+?)", re.escape(TEXTS[key].in_language(language)))


def page_script(source: Path) -> str:
    """Returns the script of the whole page with the words that it says.

    Args:
        source: the file that holds it.
    """
    refused = {_pattern(key, language): key for key in _REFUSED_EVENTS for language in Language}
    words = [
        {"heard": heard, "said": {language.value: TEXTS[key].in_language(language) for language in Language}}
        for heard, key in (_GRADIO_SAYS | refused).items()
    ]
    return f"() => {{ ({source.read_text('utf-8').strip()})({json.dumps(words, ensure_ascii=False)}) }}"


def _in_both(key: str) -> str:
    return json.dumps({language.value: text(key, language) for language in Language}, ensure_ascii=False)


_REFUSED: Final = json.dumps(
    {
        language.value: trouble_html("page.trouble_refused", text("page.refused", language), language)
        for language in Language
    },
    ensure_ascii=False,
)


# Lets the browser play the visitor's file as it is. Gradio's own player would hand it to ffmpeg first, where there is
# one, and ffmpeg follows playlists to other local files.
PLAYER_JS: Final = f"""
(file, language) => {{
  if (!file || !file.url) return "";
  const words = {_in_both("page.unplayable")};
  const sentence = words[language] || words.en;
  const hex = (sign) => "%" + sign.charCodeAt(0).toString(16);
  const source = encodeURI(decodeURI(file.url)).replace(/[&"'<>{{}}$`\\\\]/g, hex);
  return `<audio controls preload="metadata" src="${{source}}"
    onerror="this.hidden = true; this.nextElementSibling.hidden = false"></audio>
    <p class="se-hint" hidden>${{sentence}}</p>`;
}}
"""

# What stands in the place of the last answer while the next one is made; Gradio's progress lies over it.
START_JS: Final = f"""
(language) => {{
  const words = {_in_both("page.running")}[language];
  const card = `<div class="se-card se-running" data-say="${{words}}"></div>`;
  return [{{ visible: true, __type__: "update" }}, card, "", {{ visible: false, __type__: "update" }}];
}}
"""

# The queue is full, or the connection broke: no code of the server's has run.
REFUSED_JS: Final = f"""
(language) => {{
  const same = {{ __type__: "update" }};
  if (document.documentElement.dataset.stopped === "true") return [same, same];
  return [{{ visible: false, __type__: "update" }}, {_REFUSED}[language]];
}}
"""

# A recording is uploaded after it has stopped: until it has arrived, there is nothing to recognize.
WAIT_JS: Final = "() => ({ interactive: false, __type__: 'update' })"
GO_JS: Final = "() => ({ interactive: true, __type__: 'update' })"

CLEAR_OTHER_JS: Final = "() => null"

# The name of a file as its owner gave it: the server keeps uploads under a simplified one.
NAME_JS: Final = "(file, recording, ...others) => [file, recording, ...others.slice(0, -1), file?.orig_name ?? null]"

# Gradio's own words follow the browser's language, not the page's. Those in the upload field are said by the style
# sheet instead, from a property set here. The others change through the function that Gradio's settings page uses;
# should it be missing, nothing else changes.
SPEAK_JS: Final = f"""
(language) => {{
  const root = document.documentElement;
  root.lang = language === "zh" ? "zh-CN" : "en";
  root.dataset.language = language;
  root.style.setProperty("--se-drop", JSON.stringify({_in_both("page.drop")}[language]));
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
  const core = loaded.find((name) => /\\/assets\\/core-[\\w-]+\\.js$/.test(name));
  if (core) import(core).then((module) => module.changeLocale?.(root.lang)).catch(() => {{}});
  return [];
}}
"""
