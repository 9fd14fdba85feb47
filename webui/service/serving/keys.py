"""API keys and passwords: made, hashed, compared. Nothing here keeps or prints what it was given in the clear."""

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

KEY_PREFIX: Final = "ser_"  # tells people and scanners of leaked secrets what it is
KEY_BYTES: Final = 32
KEY_HASH_CHARS: Final = 64
NAME_CHARS: Final = 8  # of a key's hash: enough to tell keys apart in a log, useless for anything else
SCRYPT: Final = (1 << 14, 8, 1)  # n, r, p: 16 MB and about 50 ms for each guess
SALT_BYTES: Final = 16
COMMENT: Final = "#"


def new_key() -> str:
    """Returns a key of 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_key(key: str) -> str:
    """Returns what is kept of a key. A key is random and long, so one round of SHA-256 can't be turned back."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """What is kept of a password: an scrypt hash with its parameters, ``scrypt.16384.8.1.salt.digest``."""

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
        """Returns the hash that ``str()`` wrote.

        Raises:
            ValueError: it is not one.
        """
        kind, n, r, p, salt, digest = written.split(".")
        if kind != "scrypt":
            raise ValueError(kind)
        parsed = cls(int(n), int(r), int(p), _unbase64(salt), _unbase64(digest))
        if not parsed.digest or parsed.n * parsed.r * parsed.p > 1 << 22:  # 64 times what we write; more is a mistake
            raise ValueError("parameters")
        return parsed

    def __str__(self) -> str:
        return f"scrypt.{self.n}.{self.r}.{self.p}.{_base64(self.salt)}.{_base64(self.digest)}"

    def fits(self, password: str) -> bool:
        """Returns whether it is this password's; takes as long for a wrong one."""
        return hmac.compare_digest(_scrypt(password, self.salt, self.n, self.r, self.p), self.digest)


class KeyRing:
    """The keys that are let in.

    Args:
        hashes: what ``hash_key`` gave for each.
    """

    def __init__(self, hashes: Sequence[str]) -> None:
        self._hashes = tuple(hashes)

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def name_of(self, key: str) -> str | None:
        """Returns a short name of a key that is let in, else None; compares with every hash, in constant time each."""
        given = hash_key(key)
        fitting = [kept for kept in self._hashes if hmac.compare_digest(given, kept)]
        return fitting[0][:NAME_CHARS] if fitting else None


class Accounts:
    """The people who may log in.

    Args:
        hashes: the hash of each user's password.
    """

    def __init__(self, hashes: dict[str, PasswordHash]) -> None:
        self._hashes = hashes
        self._dummy = PasswordHash.of(secrets.token_hex())  # a name that doesn't exist takes as long as one that does

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def fit(self, user: str, password: str) -> bool:
        """Returns whether this is the user's password. Takes about 50 ms."""
        fits = self._hashes.get(user, self._dummy).fits(password)
        return fits and user in self._hashes


def read_keys(hashes: Sequence[str], file: Path | None) -> KeyRing:
    """Returns the keys of the two settings; what is wrong is never repeated, since it may be a key in the clear.

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
        RequestError: an entry is not that, or the file can't be read.
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
    """Returns the entries of a file, one a line; what follows a ``#`` is a remark."""
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
