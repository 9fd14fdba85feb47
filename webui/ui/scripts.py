"""The little JavaScript the page needs. It runs in the visitor's browser and asks nobody for anything."""

import json
from typing import Final

from webui.texts import Language, text

_UNPLAYABLE: Final = json.dumps(
    {language.value: text("page.unplayable", language) for language in Language}, ensure_ascii=False
)

# Lets the browser play the visitor's file as it is. Gradio's own player would hand it to ffmpeg first, where there is
# one, and ffmpeg follows playlists to other local files.
PLAYER_JS: Final = f"""
(file, language) => {{
  if (!file || !file.url) return "";
  const words = {_UNPLAYABLE};
  const sentence = words[language] || words.en;
  const hex = (sign) => "%" + sign.charCodeAt(0).toString(16);
  const source = encodeURI(decodeURI(file.url)).replace(/[&"'<>{{}}$`\\\\]/g, hex);
  return `<audio controls preload="metadata" src="${{source}}"
    onerror="this.hidden = true; this.nextElementSibling.hidden = false"></audio>
    <p class="se-hint" hidden>${{sentence}}</p>`;
}}
"""

CLEAR_OTHER_JS: Final = "() => null"

# Gradio's own words ("Drop File Here") follow the browser's language, not the page's. Its settings page changes them
# through a function of one of its modules; the same function is used here, and its absence changes nothing else.
SPEAK_JS: Final = """
(language) => {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.documentElement.dataset.language = language;
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
  const core = loaded.find((name) => /\\/assets\\/core-[\\w-]+\\.js$/.test(name));
  if (core) import(core).then((module) => module.changeLocale?.(document.documentElement.lang)).catch(() => {});
  return [];
}
"""
