// Replaces the last answer during a recognition; Gradio shows its progress on top of the card.
// Returns updates of: the cancel button, the answer, the log, the downloads.
(texts) => (language) => {
  const card = `<div class="se-card se-running" data-announce="${texts["page.running"][language]}"></div>`;
  return [{ visible: true, __type__: "update" }, card, "", { visible: false, __type__: "update" }];
}
