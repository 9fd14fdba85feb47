() => () => null
