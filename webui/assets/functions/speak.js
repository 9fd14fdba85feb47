// Tells the browser which language the page speaks. Gradio's own texts follow the browser's language, not the page's:
// those in the upload field are replaced by the style sheet, from a property set here; the others change through the
// function that Gradio's settings page uses. Should it be missing, nothing else changes.
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
