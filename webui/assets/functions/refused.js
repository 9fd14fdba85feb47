// The queue is full, or the connection broke: no code of the server has run. Shows an error card, unless the user
// stopped the run. Returns updates of: the cancel button, the answer.
(texts) => (language) => {
  const same = { __type__: "update" };
  if (document.documentElement.dataset.stopped === "true") return [same, same];
  return [{ visible: false, __type__: "update" }, texts["refused card"][language]];
}
