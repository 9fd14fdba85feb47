// Puts the name of the file as its owner gave it into the last value: the server keeps uploads under a simplified one.
() => (file, recording, ...others) => [file, recording, ...others.slice(0, -1), file?.orig_name ?? null]
