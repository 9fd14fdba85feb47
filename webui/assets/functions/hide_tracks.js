// Hides the choice of audio tracks, which belongs to the last file. Returns an update of it.
() => () => ({ value: "auto", visible: false, __type__: "update" })
