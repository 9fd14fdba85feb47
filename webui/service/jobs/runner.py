"""Runs jobs of many recordings in this process, with its models, at a lower priority than interactive requests."""

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
from webui.results import Notice, fields_of, format_timestamp, utc_second
from webui.service.jobs.item_sink import ItemSink, ModelChangedError
from webui.service.recognition.effect import check_effect
from webui.service.recognition.options import AnalysisOptions, RecognizeOptions
from webui.service.recognition.service import RecognitionService
from webui.storage.job_extras import JobExtras
from webui.storage.job_store import Item, ItemState, JobRecord, JobStore, WithJob
from webui.storage.retention import SWEEP_S

logger = logging.getLogger(__name__)

NOT_READY_S: Final = 5.0  # pause before the next try while the model is being downloaded
POLL_S: Final = 1.0  # interval between checks for new items

THREAD_PREFIX: Final = "jobs-"

Opened = Callable[[str, Callable[[], None]], AbstractContextManager[Path]]


def is_job_running() -> bool:
    """Returns whether a thread of any runner still works, even if that runner was stopped."""
    return any(thread.name.startswith(THREAD_PREFIX) for thread in threading.enumerate())


def file_at(place: str, _check: Callable[[], None]) -> AbstractContextManager[Path]:
    """Opens an item whose place is a path."""
    return nullcontext(Path(place))


class JobOptions(RecognizeOptions):
    """Options of every recording of a job, as the job store keeps them.

    Attributes:
        caller: name of the caller whose audio budget is charged; None: none is charged.
    """

    caller: str | None = None


class _StopError(Exception):
    """The job was cancelled, or the process is ending."""


class JobRunner:
    """Takes items from the store and recognizes them, in its own threads.

    It runs one item at a time while the model is on the CPU, where several items would only share the cores, and
    several at a time with a model on a GPU, which needs them to be fully used.

    Args:
        service: recognizes the recordings.
        store: stores jobs and results.
        open_item: opens the file for an item's place; its second argument is a function to call during long work, which
            raises if the job was cancelled.
        on_ended: called with the id of each job that has no unfinished items and no longer needs its recordings.
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
        self._cleaned_s = -SWEEP_S
        self.store = store
        self._changed = threading.Condition()
        self._ending = threading.Event()
        self._stopped: set[str] = set()  # jobs cancelled or deleted, possibly while an item is running
        self._paused: dict[str, tuple[float, Notice]] = {}  # by job: end of the pause, and its reason
        self._concurrency = 1
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Starts processing, beginning with the jobs that the previous process left unfinished."""
        with self._changed:
            self._add_threads()

    def stop(self, timeout_s: float | None = None) -> None:
        """Stops. An item in progress stops at its next progress report, and is run again after the next start."""
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
        with_job: WithJob = lambda _database: None,
    ) -> JobRecord:
        """Adds a job and returns it.

        Args:
            files: pairs of the file name that the user sees, and a path or URL.
            options: options for every recording.
            job: id of the job; None creates a new one.
            caller: name of the caller whose audio budget is charged; None: none is charged.
            with_job: see ``JobStore.add``.

        Raises:
            RequestError: options would have no effect.
            OutputError: the job can't be stored.
            RunNotFoundError: the job was deleted right away.
        """
        check_effect(options)
        name = job if job is not None else uuid4().hex
        now = datetime.now().astimezone()
        stored = JobOptions(**fields_of(options, type(options)), caller=caller)
        self.store.add(
            name,
            format_timestamp(now),
            stored.model_dump_json(exclude_none=True),
            files,
            created_utc=utc_second(now).isoformat(),
            with_job=with_job,
        )
        with self._changed:
            self._changed.notify_all()
        record = self.store.job(name)
        if record is None:  # deleted in the meantime
            raise RunNotFoundError("api.no_job", found=name)
        return record

    def cancel(self, job: str) -> None:
        """Cancels a job; finished results are kept."""
        self._stopped.add(job)
        self.store.cancel(job)
        self._notify_if_ended(job)

    def delete(self, job: str) -> None:
        """Cancels a job and deletes it with its results."""
        self._stopped.add(job)
        self.store.delete(job)
        JobExtras.of(self.store.path, job).delete()

    def wait(self, job: str, timeout_s: float) -> JobRecord | None:
        """Waits until a job may have changed, at most ``timeout_s`` seconds, and returns it."""
        with self._changed:
            record = self.store.job(job)
            if record is not None and not record.ended:
                self._changed.wait(timeout_s)
                record = self.store.job(job)
        return record

    def pause_of(self, job: str) -> Notice | None:
        """Returns why a job is paused; None if it is not."""
        until_s, notice = self._paused.get(job, (0.0, None))
        return notice if until_s > time.monotonic() and job not in self._stopped else None

    def _add_threads(self) -> None:
        """Starts threads up to the current concurrency; threads beyond it stay idle."""
        while len(self._threads) < self._concurrency and not self._ending.is_set():
            number = len(self._threads)
            thread = threading.Thread(target=self._work, args=(number,), name=f"{THREAD_PREFIX}{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self, number: int) -> None:
        while not self._ending.is_set():
            try:
                if number == 0:
                    self._delete_old()
                item = self.store.claim(skipped=self._paused_jobs()) if number < self._concurrency else None
                if item is None:
                    with self._changed:
                        self._changed.wait(POLL_S)
                    continue
                self._process(item)
                self._notify_if_ended(item.job)
            except Exception:  # a full disk, for instance: try again after a pause
                logger.exception("jobs: the state of an item could not be stored")
                self._ending.wait(NOT_READY_S)
            with self._changed:
                self._changed.notify_all()

    def _paused_jobs(self) -> list[str]:
        """Returns the jobs that are paused until their caller has budget again, except cancelled ones."""
        now = time.monotonic()
        for job, (until_s, _) in list(self._paused.items()):
            if until_s <= now or job in self._stopped:
                self._paused.pop(job, None)
        return list(self._paused)

    def _notify_if_ended(self, job: str) -> None:
        if not self.store.unfinished(job):
            self._on_ended(job)

    def _adapt_concurrency(self, model: str | None, runtime: Runtime) -> None:
        """Sets how many items run at a time, according to the model that was just used."""
        concurrency = self._service.models.concurrency(model, runtime)
        with self._changed:
            # on a CPU, the second slot is left to interactive requests
            self._concurrency = concurrency if concurrency > CPU_CONCURRENCY else 1
            self._add_threads()

    def _delete_old(self) -> None:
        """Deletes ended jobs that are older than ``keep_days``; does so at most every ``SWEEP_S`` seconds."""
        days = self._service.settings.keep_days
        if days <= 0 or time.monotonic() - self._cleaned_s < SWEEP_S:
            return
        self._cleaned_s = time.monotonic()
        oldest = datetime.now().astimezone() - timedelta(days=days)
        for job in self.store.delete_ended_before(format_timestamp(oldest)):
            JobExtras.of(self.store.path, job).delete()
            self._on_ended(job)

    def _process(self, item: Item) -> None:
        def check(_fraction: float, _stage: Stage) -> None:
            if self._ending.is_set() or item.job in self._stopped:
                raise _StopError

        try:
            options = JobOptions.model_validate_json(self.store.options(item.job) or "{}")
            sink = ItemSink(self.store.path, item)
            options = sink.with_one_model(options, self._service.settings.model)
            with self._open(item.place, lambda: check(0.0, Stage.VALIDATION)) as path:
                name = item.name.rsplit("/", 1)[-1]
                result = self._service.analyze(
                    path, options, file_name=name, caller=options.caller, progress=check, sink=sink
                )
        except _StopError:
            if item.job in self._stopped:
                self.store.finish(item, ItemState.CANCELLED, None)
            else:
                self.store.release(item)
        except ModelChangedError:  # it is recognized again, with the model of the other recordings
            self.store.release(item)
        except ModelNotReadyError:
            self.store.release(item)
            self._ending.wait(NOT_READY_S)
        except TooOftenError as err:  # the caller's audio budget is used up: the job pauses until budget is free
            until_s = time.monotonic() + float(str(err.values["retry_s"]))
            self._paused[item.job] = (until_s, Notice.of_error(err.code, err.values))
            self.store.release(item)
        except SpeechEmotionError as err:
            self._fail(item, Notice.of_error(err.code, err.values))
        except Exception as err:
            logger.exception("jobs: unexpected error while a recording was processed")
            self._fail(item, Notice.of_error("request.job_mistake", {"kind": type(err).__name__}))
        else:
            if not self.store.finish(item, ItemState.DONE, result.model_dump_json(exclude_none=True)):
                JobExtras.of(self.store.path, item.job).delete()  # the job was deleted in the meantime
            self._adapt_concurrency(options.model, Runtime.of(self._service.settings, precision=options.precision))

    def _fail(self, item: Item, notice: Notice) -> None:
        self.store.finish(item, ItemState.FAILED, json.dumps(notice.model_dump(mode="json"), ensure_ascii=False))
