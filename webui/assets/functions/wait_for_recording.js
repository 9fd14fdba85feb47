// Disables the start button during a recording: it is uploaded only after it has been stopped.
() => () => ({ interactive: false, __type__: "update" })
