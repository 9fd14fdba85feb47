"""Idempotency keys: a client that got no answer repeats its POST with the same key, and nothing is done twice.

As in the IETF draft for the header ``Idempotency-Key``: the same request again gets the first answer, or a 409 while
the first one is still being answered; a different request with the same key gets a 422. Only successful answers are
kept.
"""

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from starlette.datastructures import UploadFile

from webui.api.request_data import COPY_BYTES
from webui.errors import ConflictError, RequestError
from webui.results import Document
from webui.service.serving.retry import RETRY_AFTER_S
from webui.storage.job_keys import KEPT_S, MAX_KEYS

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = {"Idempotent-Replayed": "true"}
MAX_KEY: Final = 255  # characters
KEY: Final = re.compile(rf"[\x20-\x7e]{{1,{MAX_KEY}}}")
MAX_ANSWER_BYTES: Final = 64_000_000  # of all callers together
PARAMETER: Final[dict[str, Any]] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Chosen by the client, new for each request. A request that is repeated with the same key is "
    "carried out only once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
}


def key_in(request: Request) -> str | None:
    """Returns the key of a request, or None if it has none.

    Raises:
        RequestError: the header is given twice, is too long or contains other than printable ASCII characters.
    """
    given = request.headers.getlist(HEADER)
    if not given:
        return None
    if len(given) > 1 or not KEY.fullmatch(given[0]):
        raise RequestError("api.bad_idempotency_key", expected=MAX_KEY)
    return given[0]


def fingerprint_of(route: str, body: Document, uploads: Iterable[UploadFile] = ()) -> str:
    """Returns a digest of a request: its route, its fields, and the names and bytes of its uploads, in order.

    The bytes of the body are not used: the boundary in a form differs each time that a client sends it.
    """
    digest = hashlib.sha256(f"{route}\n{body.model_dump_json()}\n".encode())
    for upload in uploads:
        content = hashlib.sha256()
        while block := upload.file.read(COPY_BYTES):
            content.update(block)
        upload.file.seek(0)
        digest.update(f"{upload.filename}\n{content.hexdigest()}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def check_fingerprint(found: str, expected: str) -> None:
    """Refuses a key that was used for another request.

    Raises:
        RequestError: the fingerprints differ.
    """
    if found != expected:
        raise RequestError("api.idempotency_key_reused")


class KeysUnderWay:
    """The keys of requests that are being answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[tuple[str, str]] = set()

    @contextmanager
    def held(self, caller: str, key: str | None) -> Iterator[None]:
        """Holds a key during the block; does nothing without a key.

        Raises:
            ConflictError: another request with this key is being answered.
        """
        if key is None:
            yield
            return
        with self._lock:
            if (caller, key) in self._held:
                raise ConflictError("api.idempotency_key_in_use", retry_s=RETRY_AFTER_S)
            self._held.add((caller, key))
        try:
            yield
        finally:
            with self._lock:
                self._held.discard((caller, key))


@dataclass(frozen=True, slots=True)
class _Kept:
    fingerprint: str
    answer: bytes
    kept_at_s: float


class KeptAnswers:
    """The latest answers to requests with keys, in memory: at most 1000 of one caller, and at most for a day."""

    def __init__(self, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._lock = threading.Lock()
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()  # the oldest first

    def find(self, caller: str, key: str, fingerprint: str) -> bytes | None:
        """Returns the answer to the same request, or None if there is none.

        Raises:
            RequestError: the key was used for another request.
        """
        with self._lock:
            self._forget_old()
            kept = self._kept.get((caller, key))
        if kept is None:
            return None
        check_fingerprint(kept.fingerprint, fingerprint)
        return kept.answer

    def keep(self, caller: str, key: str, fingerprint: str, answer: bytes) -> None:
        """Keeps an answer, unless it needs more than a quarter of the memory for all answers."""
        if len(answer) > self._max_bytes // 4:
            return
        with self._lock:
            self._forget_old()
            of_caller = [place for place in self._kept if place[0] == caller]
            if len(of_caller) >= MAX_KEYS:
                self._forget(of_caller[0])
            self._kept[caller, key] = _Kept(fingerprint, answer, time.monotonic())
            self._bytes += len(answer)
            while self._bytes > self._max_bytes:
                self._forget(next(iter(self._kept)))

    def _forget_old(self) -> None:
        oldest_s = time.monotonic() - KEPT_S
        while self._kept and next(iter(self._kept.values())).kept_at_s < oldest_s:
            self._forget(next(iter(self._kept)))

    def _forget(self, place: tuple[str, str]) -> None:
        self._bytes -= len(self._kept.pop(place).answer)
