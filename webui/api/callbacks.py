"""When a job has finished, calls the address that its creator gave, under the rules of ``audio_url``.

The state of every callback is in the database of jobs, so a restart continues where the last process ended. If a
process is killed between a call and its record, the next one repeats the call: receivers recognize it by its
``webhook-id``.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

import httpcore

from webui.api.guarded_connections import guarded_pool, parsed, step_timeouts, target_of
from webui.api.signatures import signed_headers, signing_key
from webui.api.url_addresses import AddressRule, Resolver, is_address, resolve
from webui.errors import ForbiddenRequestError, OutputError, RequestError, SpeechEmotionError
from webui.results import Notice
from webui.settings import Settings
from webui.storage.job_callbacks import Callback, CallbackState, CallbackStore

logger = logging.getLogger(__name__)

CALL_S: Final = 10.0  # for one call, whatever the other server does
DELAYS_S: Final = (2.0, 10.0, 60.0, 300.0, 1800.0, 7200.0)  # before each further attempt
LONGEST_PAUSE_S: Final = 60.0
THREADS: Final = 4  # a slow receiver must not delay the callbacks to others
SUCCESS: Final = range(200, 300)
HEADERS: Final = [(b"User-Agent", b"speech-emotion-webui"), (b"Content-Type", b"application/json")]


class CallbackSender:
    """Makes the calls, in its own threads.

    Args:
        settings: whether callbacks are allowed, the secret, and the networks that are allowed besides public ones.
        body_of: returns the body for a callback; None if its job was deleted in the meantime.
        delays_s: time before each further attempt, in seconds.
        resolver: returns the addresses of a host name.

    Raises:
        RequestError: the secret in the settings is not valid.
    """

    def __init__(
        self,
        settings: Settings,
        body_of: Callable[[Callback], bytes | None],
        *,
        delays_s: Sequence[float] = DELAYS_S,
        resolver: Resolver = resolve,
    ) -> None:
        self._key = signing_key(settings.callback_secret) if settings.callback_secret is not None else None
        self._enabled = settings.audio_urls and self._key is not None
        self._rule = AddressRule(settings.audio_url_networks)
        self._body_of = body_of
        self._delays_s = tuple(delays_s)
        self._resolver = resolver
        self._store: CallbackStore | None = None
        self._changed = threading.Condition()
        self._changes = 0
        self._under_way: set[str] = set()
        self._ending = False
        self._threads: list[threading.Thread] = []

    def check(self, url: str) -> None:
        """Refuses an address that can't be called. Names are looked up only when they are called.

        Raises:
            ForbiddenRequestError: the settings don't allow callbacks, or not to this address.
            RequestError: it is not a URL.
        """
        if not self._enabled:
            raise ForbiddenRequestError("api.no_callbacks")
        try:
            host = parsed(url).host
            urlsplit(url)  # ``callback_document`` uses it later; it refuses brackets that httpx accepts
        except ForbiddenRequestError as err:
            raise ForbiddenRequestError("api.callback_refused") from err
        except (RequestError, ValueError) as err:
            raise RequestError("api.bad_callback_url") from err
        if is_address(host) and not self._rule.allows(host):
            raise ForbiddenRequestError("api.callback_refused")

    def start(self, store: CallbackStore) -> None:
        """Starts the threads; callbacks that the previous process left waiting are continued."""
        self._store = store
        if not self._enabled:
            return
        self._threads = [
            threading.Thread(target=self._work, args=(store,), name=f"callbacks-{number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stops the threads. A call in progress is repeated after the next start unless it ends in time."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def wake(self) -> None:
        """Makes the threads look for jobs that have finished."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _work(self, store: CallbackStore) -> None:
        while not self._ending:
            try:
                seen = self._changes
                callback = self._claimed(store)
                if callback is None:
                    self._pause(store, seen)
                    continue
                try:
                    self._call(store, callback)
                finally:
                    with self._changed:
                        self._under_way.discard(callback.job)
            except OutputError:  # a full disk, or the database was closed at the end of the process
                if not self._ending:
                    logger.exception("callbacks: the state of a callback could not be stored")
                    time.sleep(1.0)

    def _claimed(self, store: CallbackStore) -> Callback | None:
        with self._changed:
            callback = store.next_due(time.time(), skipped=self._under_way)
            if callback is not None:
                self._under_way.add(callback.job)
        return callback

    def _pause(self, store: CallbackStore, seen: int) -> None:
        now_s = time.time()
        due_s = store.next_time(now_s)
        pause_s = LONGEST_PAUSE_S if due_s is None else min(LONGEST_PAUSE_S, due_s - now_s)
        with self._changed:
            if self._changes == seen and not self._ending:
                self._changed.wait(pause_s)

    def _call(self, store: CallbackStore, callback: Callback) -> None:
        """Makes one attempt and records how it went."""
        body = self._body_of(callback)
        if body is None:
            return
        error = self._attempt(callback, body)
        callback = replace(callback, attempts=callback.attempts + 1)
        if error is None:
            store.record(replace(callback, state=CallbackState.DELIVERED, error=None))
            return
        notice = Notice.of_error(error.code, error.values).model_dump_json()
        if callback.attempts <= len(self._delays_s):
            due_s = time.time() + self._delays_s[callback.attempts - 1]
            store.record(replace(callback, due_s=due_s, error=notice))
        else:
            logger.warning("The callback of job %s failed %d times: %s", callback.job, callback.attempts, error.code)
            store.record(replace(callback, state=CallbackState.FAILED, error=notice))

    def _attempt(self, callback: Callback, body: bytes) -> SpeechEmotionError | None:
        """Returns why the call failed; None if it succeeded."""
        if self._key is None:
            return ForbiddenRequestError("api.no_callbacks")
        try:
            status = self._post(callback, body, self._key)
        except RequestError:  # not allowed, or the name does not exist; redirects are never followed
            return ForbiddenRequestError("api.callback_refused")
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError):
            return RequestError("api.callback_unreachable")
        return None if status in SUCCESS else RequestError("api.callback_status", found=status)

    def _post(self, callback: Callback, body: bytes, key: bytes) -> int:
        url = parsed(callback.url)
        headers = [
            (b"Host", url.netloc),
            *HEADERS,
            (b"Content-Length", str(len(body)).encode()),
            *signed_headers(key, callback.job, int(time.time()), body),
        ]
        until = time.monotonic() + CALL_S
        with (
            guarded_pool(self._rule, self._resolver, until) as pool,
            pool.stream("POST", target_of(url), headers=headers, content=body, extensions=step_timeouts()) as response,
        ):
            return response.status  # the body of the response is not read
