"""Works through jobs of many recordings, in this process and with its models, behind whoever waits for an answer."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from webui.engine.precision import Runtime
from webui.engine.protocol import CPU_CONCURRENCY
from webui.errors import ModelNotReadyError, RunNotFoundError, SpeechEmotionError, TooOftenError
from webui.progress import Stage
from webui.results import Notice, format_timestamp
from webui.service.recognition.options import AnalysisOptions
from webui.service.recognition.service import RecognitionService
from webui.storage.job_store import Item, ItemState, JobRecord, JobStore
from webui.storage.retention import EACH_S

logger = logging.getLogger(__name__)

NOT_READY_S: Final = 5.0  # a model that is being fetched: when to look again
LOOK_S: Final = 1.0

Opened = Callable[[str, Callable[[], None]], AbstractContextManager[Path]]


def file_at(place: str, _look: Callable[[], None]) -> AbstractContextManager[Path]:
    """Gives the file at a path."""
    return nullcontext(Path(place))


class JobOptions(AnalysisOptions):
    """Options of every recording of a job, as the job store keeps them.

    Attributes:
        caller: the caller whose budget of audio is charged; None: no budget is.
    """

    caller: str | None = None


class _StopError(Exception):
    """The job was cancelled, or the process ends."""


class JobRunner:
    """Takes items from the store and answers them, in threads of its own.

    One at a time as long as the model runs on the CPU, which several would only share; several at a time once a model
    is loaded that several keep busy.

    Args:
        service: answers.
        store: keeps jobs and answers.
        open_item: gives the file of an item's place, and may call what it is given to see whether to go on.
        on_ended: called with the id of each job that has nothing left to do; its recordings are not needed any more.
    """

    def __init__(
        self,
        service: RecognitionService,
        store: JobStore,
        open_item: Opened = file_at,
        on_ended: Callable[[str], None] = lambda _job: None,
    ) -> None:
        self._service = service
        self._open = open_item
        self._on_ended = on_ended
        self._looked_s = -EACH_S
        self.store = store
        self._changed = threading.Condition()
        self._ending = threading.Event()
        self._stopped: set[str] = set()  # cancelled or deleted while an item runs
        self._paused: dict[str, tuple[float, Notice]] = {}  # until their caller has budget again, and what to say
        self._at_a_time = 1
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begins to work; goes on with what the last process left."""
        with self._changed:
            self._add_threads()

    def stop(self, timeout_s: float | None = None) -> None:
        """Ends; items under way wait for the next start, unless they are done within their current piece."""
        with self._changed:
            self._ending.set()
            self._changed.notify_all()
        until = time.monotonic() + timeout_s if timeout_s is not None else None
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()) if until is not None else None)

    def submit(
        self,
        files: Iterable[tuple[str, str]],
        options: AnalysisOptions,
        *,
        job: str | None = None,
        caller: str | None = None,
    ) -> JobRecord:
        """Adds a job and returns it.

        Args:
            files: pairs of the name that the user knows and the path or address.
            options: options of every recording.
            job: id of the job; None: a new one is made.
            caller: the caller whose budget of audio is charged; None: no budget is.

        Raises:
            OutputError: it can't be written down.
            RunNotFoundError: it was deleted at once.
        """
        name = job if job is not None else uuid4().hex
        created = format_timestamp(datetime.now().astimezone())
        kept = JobOptions(**dict(options), caller=caller)
        self.store.add(name, created, kept.model_dump_json(exclude_none=True), files)
        with self._changed:
            self._changed.notify_all()
        record = self.store.job(name)
        if record is None:  # somebody was quick to delete it
            raise RunNotFoundError("api.no_job", found=name)
        return record

    def cancel(self, job: str) -> None:
        """Stops a job; what is done stays."""
        self._stopped.add(job)
        self.store.cancel(job)
        self._notify_if_ended(job)

    def delete(self, job: str) -> None:
        """Stops and forgets a job."""
        self._stopped.add(job)
        self.store.delete(job)

    def wait(self, job: str, timeout_s: float) -> JobRecord | None:
        """Returns the job after at most that long, or as soon as something of it has changed."""
        with self._changed:
            record = self.store.job(job)
            if record is not None and not record.ended:
                self._changed.wait(timeout_s)
                record = self.store.job(job)
        return record

    def pause_of(self, job: str) -> Notice | None:
        """Returns why nothing of a job is done at the moment, if that is so."""
        until_s, notice = self._paused.get(job, (0.0, None))
        return notice if until_s > time.monotonic() and job not in self._stopped else None

    def _add_threads(self) -> None:
        """Starts the threads that there is work for; those that there is none for any more wait."""
        while len(self._threads) < self._at_a_time and not self._ending.is_set():
            number = len(self._threads)
            thread = threading.Thread(target=self._work, args=(number,), name=f"jobs-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self, number: int) -> None:
        while not self._ending.is_set():
            try:
                if number == 0:
                    self._forget_old()
                item = self.store.claim(besides=self._paused_now()) if number < self._at_a_time else None
                if item is None:
                    with self._changed:
                        self._changed.wait(LOOK_S)
                    continue
                self._answer(item)
                self._notify_if_ended(item.job)
            except Exception:  # a full disk, say: the item waits, and so does this
                logger.exception("jobs: an item could not be written down")
                self._ending.wait(NOT_READY_S)
            with self._changed:
                self._changed.notify_all()

    def _paused_now(self) -> list[str]:
        """Returns the jobs that wait until their caller has budget again, without those cancelled meanwhile."""
        now = time.monotonic()
        for job, (until_s, _) in list(self._paused.items()):
            if until_s <= now or job in self._stopped:
                self._paused.pop(job, None)
        return list(self._paused)

    def _notify_if_ended(self, job: str) -> None:
        if not self.store.unfinished(job):
            self._on_ended(job)

    def _follow(self, model: str | None, runtime: Runtime) -> None:
        """Runs as many items at a time from now on as keep the model busy."""
        concurrency = self._service.models.concurrency(model, runtime)
        with self._changed:
            self._at_a_time = (
                concurrency if concurrency > CPU_CONCURRENCY else 1
            )  # on a CPU the second is for interactive requests
            self._add_threads()

    def _forget_old(self) -> None:
        """Now and then deletes the ended jobs that are older than results are kept."""
        days = self._service.settings.keep_days
        if days <= 0 or time.monotonic() - self._looked_s < EACH_S:
            return
        self._looked_s = time.monotonic()
        oldest = datetime.now().astimezone() - timedelta(days=days)
        for job in self.store.forget_before(format_timestamp(oldest)):
            self._on_ended(job)

    def _answer(self, item: Item) -> None:
        def look(_fraction: float, _stage: Stage) -> None:
            if self._ending.is_set() or item.job in self._stopped:
                raise _StopError

        try:
            options = JobOptions.model_validate_json(self.store.options(item.job) or "{}")
            with self._open(item.place, lambda: look(0.0, Stage.VALIDATION)) as path:
                name = item.name.rsplit("/", 1)[-1]
                result = self._service.analyze(path, options, file_name=name, caller=options.caller, progress=look)
        except _StopError:
            if item.job in self._stopped:
                self.store.finish(item, ItemState.CANCELLED, None)
            else:
                self.store.release(item)
        except ModelNotReadyError:
            self.store.release(item)
            self._ending.wait(NOT_READY_S)
        except TooOftenError as err:  # of the caller's audio: the rest follows when there is budget for it
            until_s = time.monotonic() + float(str(err.values["retry_s"]))
            self._paused[item.job] = (until_s, Notice.of_error(err.code, err.values))
            self.store.release(item)
        except SpeechEmotionError as err:
            self._fail(item, Notice.of_error(err.code, err.values))
        except Exception as err:
            logger.exception("jobs: a recording could not be answered")
            self._fail(item, Notice.of_error("request.job_mistake", {"kind": type(err).__name__}))
        else:
            self.store.finish(item, ItemState.DONE, result.model_dump_json(exclude_none=True))
            self._follow(options.model, Runtime.of(self._service.settings, precision=options.precision))

    def _fail(self, item: Item, notice: Notice) -> None:
        self.store.finish(item, ItemState.FAILED, json.dumps(notice.model_dump(mode="json"), ensure_ascii=False))
