// Keeps only the recording of the visible tab, and sets the last two values: the original name of the file, since the
// server stores uploads under a simplified name, and the tab.
() => (file, recording, ...others) => {
  const { tab } = window.speechEmotion.chosen;
  const visible = tab === "file" ? [file, null] : [null, recording];
  return [...visible, ...others.slice(0, -2), visible[0]?.orig_name ?? null, tab];
}
