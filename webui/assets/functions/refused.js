// Shows an error card when Gradio reports a failure although no handler of this program has failed: the queue is full, or
// the connection was lost. Shows nothing if the user cancelled. Returns updates of: the cancel button, the answer.
(texts) => (language) => {
  const same = { __type__: "update" };
  if (document.documentElement.dataset.stopped === "true") return [same, same];
  return [{ visible: false, __type__: "update" }, texts["refused card"][language]];
}
