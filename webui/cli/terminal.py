"""Where a command speaks: answers on stdout, everything else on stderr."""

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

WIDTH_OF_A_FILE = 120


class _OpenEndedConsole(Console):
    """A console whose reader may leave; whoever started the program decides what that means."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Terminal:
    """The two streams of a process, in one language.

    Args:
        language: of everything said through it.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self._out = _console(sys.stdout)
        self._err = _console(sys.stderr)

    def answer(self, content: RenderableType, *, wrap: bool = False) -> None:
        """Writes a part of the answer for people to stdout; a long line stays one line unless ``wrap``."""
        self._out.print(content, soft_wrap=not wrap, highlight=False)

    def answer_json(self, document: str) -> None:
        """Writes one line of JSON to stdout: UTF-8, whatever the locale."""
        sys.stdout.flush()
        sys.stdout.buffer.write(document.encode("utf-8") + b"\n")
        sys.stdout.buffer.flush()

    def say(self, key: str, **values: object) -> None:
        """Says a text of the table on stderr."""
        self._remark(text(key, self.language, **values))

    def note(self, notice: Notice, *, about: str = "") -> None:
        """Says a warning or a line of the log on stderr."""
        self._remark(f"{about}{notice.message(self.language)}", style="" if _is_log(notice) else "yellow")

    def complain(self, error: SpeechEmotionError, *, about: str = "") -> None:
        """Says an error on stderr."""
        sentence = text("cli.error", self.language, message=error.message(self.language))
        self._remark(f"{about}{sentence}", style="red")

    def crash(self, error: Exception, *, about: str = "") -> None:
        """Says on stderr that the program made a mistake, with its traceback."""
        sys.stderr.write("".join(traceback.format_exception(error)))
        sentence = text("cli.unexpected", self.language, kind=type(error).__name__, reason=error)
        self._remark(f"{about}{sentence}", style="red")

    @contextmanager
    def busy(self, label: str) -> Iterator[Status | None]:
        """Shows that work goes on, if somebody watches; its label can be changed through the status it gives."""
        if not self._err.is_terminal:
            yield None
            return
        with self._err.status(Text(label)) as status:
            yield status

    @contextmanager
    def transfer(self, label: str) -> Iterator[Callable[[str, int, int], None]]:
        """Shows how far a transfer is, if somebody watches; else says each new label once.

        Args:
            label: what is shown before anything is known.

        Yields:
            A function that is told a label, the bytes done and the bytes there are (0: not known).
        """
        if not self._err.is_terminal:
            said = {""}

            def say(label: str, _done_bytes: int, _total_bytes: int) -> None:
                if label not in said:
                    said.add(label)
                    self._remark(label)

            say(label, 0, 0)
            yield say
            return
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, TimeRemainingColumn(), console=self._err, transient=True) as bar:
            task = bar.add_task(label, total=None)

            def show(label: str, done_bytes: int, total_bytes: int) -> None:
                bar.update(task, description=label, completed=done_bytes, total=total_bytes or None)

            yield show

    @contextmanager
    def counted(self, label: str) -> Iterator[Callable[[int, int], None]]:
        """Shows how many of how many are done, if somebody watches; yields what is told the two numbers."""
        if not self._err.is_terminal:
            yield lambda _done, _total: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._err, transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def _remark(self, line: str, style: str = "") -> None:
        self._err.print(Text(line, style=style), soft_wrap=True, highlight=False)


def discard_output() -> None:
    """Lets what is still to be written to stdout go nowhere: its reader has left."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _console(stream: TextIO) -> Console:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a locale without Chinese or emoji
    return _OpenEndedConsole(file=stream, width=None if stream.isatty() else WIDTH_OF_A_FILE, emoji=False, markup=False)


def _is_log(notice: Notice) -> bool:
    return notice.code.startswith("log.")
