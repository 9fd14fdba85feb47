// Shows the question whether to delete. Returns updates of: the button for deleting, the question with its two buttons.
() => () => [{ visible: false, __type__: "update" }, { visible: true, __type__: "update" }]
