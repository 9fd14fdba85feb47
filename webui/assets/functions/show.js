// Shows a component.
() => () => ({ visible: true, __type__: "update" })
