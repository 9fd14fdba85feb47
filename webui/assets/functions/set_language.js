// Sets the language of the page in the browser. Gradio's own texts follow the language of the browser, not of the page:
// those in the upload field are replaced by the style sheet, from a property that is set here; the others change through
// the function that Gradio's settings page uses. If a version of Gradio lacks that function, they stay as they are.
(texts) => (language) => {
  const root = document.documentElement;
  root.lang = language === "zh" ? "zh-CN" : "en";
  root.dataset.language = language;
  root.style.setProperty("--se-drop", JSON.stringify(texts["page.drop"][language]));
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
  const core = loaded.find((name) => /\/assets\/core-[\w-]+\.js$/.test(name));
  if (core) import(core).then((module) => module.changeLocale?.(root.lang)).catch(() => {});
  return [];
}
