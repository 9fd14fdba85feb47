// Notes which file and which recording are chosen.
() => (file, recording) => {
  window.speechEmotion.choose({ file: file?.path ?? null, microphone: recording?.path ?? null });
}
