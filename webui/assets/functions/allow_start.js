// Enables the start button.
() => () => ({ interactive: true, __type__: "update" })
