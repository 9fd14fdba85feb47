// Replaces the last answer during a recognition; Gradio shows its progress on top of the card.
// Returns updates of: the cancel button, the answer, the log, the downloads, the button for deleting, the question
// that it shows.
(texts) => (language) => {
  window.speechEmotion.start();
  const card = `<div class="se-card se-running" data-announce="${texts["page.running"][language]}"></div>`;
  const hidden = { visible: false, __type__: "update" };
  return [{ visible: true, __type__: "update" }, card, "", hidden, hidden, hidden];
}
