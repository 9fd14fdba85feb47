// Hides a component.
() => () => ({ visible: false, __type__: "update" })
