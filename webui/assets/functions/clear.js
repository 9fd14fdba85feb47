// Clears a component.
() => () => null
