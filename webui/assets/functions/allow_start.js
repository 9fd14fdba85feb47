() => () => ({ interactive: true, __type__: "update" })
