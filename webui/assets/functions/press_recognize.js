// Starts a recognition, as if the button had been pressed.
() => () => { document.getElementById("recognize").click() }
