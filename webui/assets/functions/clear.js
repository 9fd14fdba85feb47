// Clears the other input: only one of file and recording is used.
() => () => null
