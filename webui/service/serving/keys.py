"""Creates, hashes and compares API keys and passwords. Nothing here stores or prints them in plain text."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webui.errors import RequestError

KEY_PREFIX: Final = "ser_"  # lets users and scanners for leaked secrets recognize a key
KEY_BYTES: Final = 32
KEY_HASH_CHARS: Final = 64
NAME_CHARS: Final = 8  # of a key's hash: enough to tell keys apart in a log, too few to be of use to an attacker
SCRYPT: Final = (1 << 14, 8, 1)  # n, r, p: each guess takes 16 MB and about 50 ms
SALT_BYTES: Final = 16
COMMENT: Final = "#"


def new_key() -> str:
    """Returns a key of 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_key(key: str) -> str:
    """Returns the hash to store for a key. A key is long and random, so one round of SHA-256 can't be reversed."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """The stored form of a password: an scrypt hash with its parameters, ``scrypt.16384.8.1.salt.digest``."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, password: str) -> "PasswordHash":
        """Hashes a password with a new salt."""
        salt = secrets.token_bytes(SALT_BYTES)
        return cls(*SCRYPT, salt, _scrypt(password, salt, *SCRYPT))

    @classmethod
    def parse(cls, written: str) -> "PasswordHash":
        """Parses the output of ``str()``.

        Raises:
            ValueError: ``written`` is not such a hash.
        """
        kind, n, r, p, salt, digest = written.split(".")
        if kind != "scrypt":
            raise ValueError(kind)
        parsed = cls(int(n), int(r), int(p), _unbase64(salt), _unbase64(digest))
        if not parsed.digest or parsed.n * parsed.r * parsed.p > 1 << 22:  # 64 times our own cost; more is a mistake
            raise ValueError("parameters")
        return parsed

    def __str__(self) -> str:
        return f"scrypt.{self.n}.{self.r}.{self.p}.{_base64(self.salt)}.{_base64(self.digest)}"

    def fits(self, password: str) -> bool:
        """Returns whether the password matches the hash; takes the same time whether it does or not."""
        return hmac.compare_digest(_scrypt(password, self.salt, self.n, self.r, self.p), self.digest)


class KeyRing:
    """The accepted API keys.

    Args:
        hashes: hash of each key, made by ``hash_key``.
    """

    def __init__(self, hashes: Sequence[str]) -> None:
        self._hashes = tuple(hashes)

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def name_of(self, key: str) -> str | None:
        """Returns a short name for an accepted key, else None; compares with every hash, each in constant time."""
        given = hash_key(key)
        matching = [stored for stored in self._hashes if hmac.compare_digest(given, stored)]
        return matching[0][:NAME_CHARS] if matching else None


class Accounts:
    """The users who may log in.

    Args:
        hashes: password hash of each user, by user name.
    """

    def __init__(self, hashes: dict[str, PasswordHash]) -> None:
        self._hashes = hashes
        # so that checking an unknown user takes as long as checking a known one
        self._dummy = PasswordHash.of(secrets.token_hex())

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def fit(self, user: str, password: str) -> bool:
        """Returns whether the user exists and the password is right. Takes about 50 ms."""
        fits = self._hashes.get(user, self._dummy).fits(password)
        return fits and user in self._hashes


def read_keys(hashes: Sequence[str], file: Path | None) -> KeyRing:
    """Returns the keys of the two settings. Errors never quote an invalid entry, as it may be a key in plain text.

    Raises:
        RequestError: an entry is not a hash, or the file can't be read.
    """
    entries = [*hashes, *_lines(file)]
    for number, entry in enumerate(entries, start=1):
        if len(entry) != KEY_HASH_CHARS or entry.strip("0123456789abcdef"):
            raise RequestError("access.bad_key_hash", number=number)
    return KeyRing(entries)


def read_accounts(entries: Sequence[str], file: Path | None) -> Accounts:
    """Returns the users of the two settings, each ``user:hash``.

    Raises:
        RequestError: an entry has another form, or the file can't be read.
    """
    hashes = {}
    for number, entry in enumerate([*entries, *_lines(file)], start=1):
        user, _, written = entry.rpartition(":")
        try:
            hashes[user] = PasswordHash.parse(written)
        except (ValueError, binascii.Error) as err:
            raise RequestError("access.bad_login", number=number) from err
        if not user:
            raise RequestError("access.bad_login", number=number)
    return Accounts(hashes)


def _lines(file: Path | None) -> list[str]:
    """Returns the entries of a file, one per line; ``#`` starts a comment."""
    if file is None:
        return []
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or "not text"
        raise RequestError("access.file_unreadable", file=str(file), reason=reason) from err
    return [entry for line in lines if (entry := line.partition(COMMENT)[0].strip())]


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r + (1 << 20), dklen=32)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unbase64(written: str) -> bytes:
    return base64.b64decode(written + "=" * (-len(written) % 4), altchars=b"-_", validate=True)
