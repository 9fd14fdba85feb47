// Notes that the page shows no result any more.
() => () => { window.speechEmotion.forget(); }
