// A recording is uploaded after it has stopped; until it has arrived, there is nothing to recognize.
() => () => ({ interactive: false, __type__: "update" })
