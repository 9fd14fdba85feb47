// Notes that the tab for files is visible.
() => () => { window.speechEmotion.choose({ tab: "file" }); }
