"""Names of files as clients send them."""

from typing import Final

MAX_NAME: Final = 255


def plain_name(name: str | None) -> str:
    """Returns a file name without its folders and without characters that cannot be printed; "" if nothing is left."""
    last = (name or "").replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(character for character in last if character.isprintable()).strip()[:MAX_NAME]
