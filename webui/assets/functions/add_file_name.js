// Sets the last value to the original name of the file: the server stores uploads under a simplified name.
() => (file, recording, ...others) => [file, recording, ...others.slice(0, -1), file?.orig_name ?? null]
