"""The little JavaScript the page needs. It runs in the visitor's browser and asks nobody for anything."""

import json
from typing import Final

from webui.texts import Language, text


def _in_both(key: str) -> str:
    return json.dumps({language.value: text(key, language) for language in Language}, ensure_ascii=False)


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

SHOW_JS: Final = "() => ({ visible: true, __type__: 'update' })"

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
