// Notes that the tab for recording is visible.
() => () => { window.speechEmotion.choose({ tab: "microphone" }); }
