// Notes that a new recording has begun. Disables the start button: a recording is uploaded only after it was stopped.
() => () => {
  window.speechEmotion.choose({ microphone: "unfinished" });
  return { interactive: false, __type__: "update" };
}
