"""The output of commands: results on stdout, everything else on stderr."""

import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.status import Status
from rich.text import Text

from webui.errors import SpeechEmotionError
from webui.results import Notice
from webui.texts import Language, text

FILE_WIDTH = 120  # characters per line where the output is not a terminal


class _OpenEndedConsole(Console):
    """A console that raises BrokenPipeError when its reader has closed the pipe."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Terminal:
    """The output streams of a process.

    Args:
        language: language of the printed texts.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self._out = _console(sys.stdout)
        self._err = _console(sys.stderr)

    def print_result(self, content: RenderableType, *, wrap: bool = False) -> None:
        """Prints a part of the result to stdout; long lines are not wrapped unless ``wrap``."""
        self._out.print(content, soft_wrap=not wrap, highlight=False)

    def print_json(self, document: str) -> None:
        """Prints one line of JSON to stdout, in UTF-8 regardless of the locale."""
        sys.stdout.flush()
        sys.stdout.buffer.write(document.encode("utf-8") + b"\n")
        sys.stdout.buffer.flush()

    def print_text(self, key: str, **values: object) -> None:
        """Prints the text with ``key`` to stderr."""
        self._print_line(text(key, self.language, **values))

    def print_notice(self, notice: Notice, *, about: str = "", short: bool = False) -> None:
        """Prints a warning or a line of the log to stderr; ``short``: the short form of a warning, if it has one."""
        line = notice.short(self.language) if short else None
        if line is not None:
            line = text("cli.short_notice", self.language, message=line)
        self._print_line(f"{about}{line or notice.message(self.language)}", style="" if notice.is_log else "yellow")

    def print_error(self, error: SpeechEmotionError, *, about: str = "") -> None:
        """Prints an error to stderr."""
        sentence = text("cli.error", self.language, message=error.message(self.language))
        self._print_line(f"{about}{sentence}", style="red")
        detail = Notice.of_error(error.code, error.values).detail(self.language)
        if detail is not None:
            self._print_line(f"  {detail}")

    def print_crash(self, error: Exception, *, about: str = "") -> None:
        """Prints an unexpected error with its traceback to stderr."""
        sys.stderr.write("".join(traceback.format_exception(error)))
        sentence = text("cli.unexpected", self.language, kind=type(error).__name__, reason=error)
        self._print_line(f"{about}{sentence}", style="red")

    @contextmanager
    def busy(self, label: str) -> Iterator[Status | None]:
        """Shows a spinner on a terminal; yields the status, through which the label can be changed, or None."""
        if not self._err.is_terminal:
            yield None
            return
        with self._err.status(Text(label)) as status:
            yield status

    @contextmanager
    def transfer(self, label: str) -> Iterator[Callable[[str, int, int], None]]:
        """Shows the progress of a transfer on a terminal; elsewhere prints each new label once.

        Args:
            label: the label before the first progress report.

        Yields:
            A function to call with a label, the transferred bytes and the total bytes (0 if unknown).
        """
        if not self._err.is_terminal:
            printed = {""}

            def report(label: str, _done_bytes: int, _total_bytes: int) -> None:
                if label not in printed:
                    printed.add(label)
                    self._print_line(label)

            report(label, 0, 0)
            yield report
            return
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, TimeRemainingColumn(), console=self._err, transient=True) as bar:
            task = bar.add_task(label, total=None)

            def show(label: str, done_bytes: int, total_bytes: int) -> None:
                bar.update(task, description=label, completed=done_bytes, total=total_bytes or None)

            yield show

    @contextmanager
    def count(self, label: str) -> Iterator[Callable[[int, int], None]]:
        """Shows a progress bar on a terminal; yields a function to call with the finished number and the total."""
        if not self._err.is_terminal:
            yield lambda _done, _total: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._err, transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def _print_line(self, line: str, style: str = "") -> None:
        self._err.print(Text(line, style=style), soft_wrap=True, highlight=False)


def discard_output() -> None:
    """Discards all further output to stdout, after its reader has closed the pipe."""
    null_device = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null_device, sys.stdout.fileno())
    os.close(null_device)


def _console(stream: TextIO) -> Console:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # for locales without Chinese or emoji
    return _OpenEndedConsole(file=stream, width=None if stream.isatty() else FILE_WIDTH, emoji=False, markup=False)
