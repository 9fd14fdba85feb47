// Hides the question whether to delete. Returns updates of: the button for deleting, the question with its two buttons.
() => () => [{ visible: true, __type__: "update" }, { visible: false, __type__: "update" }]
