"""Asks several models the same, in turn: every round meets the same machine."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from webui.service.evaluate.manifest import LabelledClip
from webui.settings import PROJECT_DIR, Device

LENGTHS_S: Final = (3.0, 10.0, 30.0)
QUIT_S: Final = 10.0
TIMES_FILE: Final = "times.json"
OnStep = Callable[[int, int], None]


@dataclass(slots=True)
class Measured:
    """What was seen of one model.

    Attributes:
        name: of the row: the model's, or the model's and where it ran.
        model: the model's name.
        timed_only: whether it is there for its times alone, because another row has its answers.
        about: what it is, and what loading it took; see ``child.py``.
        warm_start_s: process start to loaded, the second time.
        times: seconds of each round, by length in seconds.
        memory: its highest resident memory, and the graphics card's.
        answers: by clip, scores ``(9,)``, embedding and seconds, or the reason why there is none.
        error: why it failed; None if it didn't.
    """

    name: str
    model: str = ""
    timed_only: bool = False
    about: dict[str, Any] = field(default_factory=dict)
    warm_start_s: float | None = None
    times: dict[float, list[float]] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: str | None = None


class Child:
    """A model in its own process; see ``child.py``."""

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        command = [sys.executable, "-m", "webui.service.compare.child"]
        self._process = subprocess.Popen(
            command,
            cwd=PROJECT_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.about = self.ask({"name": name, "settings": settings})

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Returns the answer; one with ``error`` if the process has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            return {"error": f"its process ended with code {self._process.wait(QUIT_S)}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(QUIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def compare(
    names: Sequence[str],
    settings: dict[str, Any],
    clips: Sequence[LabelledClip],
    *,
    kept: Path,
    lengths_s: Sequence[float] = LENGTHS_S,
    rounds: int = 5,
    also_cpu: bool = False,
    on_step: OnStep = lambda _done, _all: None,
) -> list[Measured]:
    """Returns what was measured of each model, in the order of ``names``; one that fails stops no other.

    Args:
        names: of the models.
        settings: as plain values, for the processes.
        clips: recordings to answer; none: only speed, memory and the like.
        kept: folder of the times and answers so far; what is in it is not asked again. Only whole rounds count, so
            that every model was asked as often in each of them.
        lengths_s: of the clips whose answers are timed.
        rounds: how often each length is timed.
        also_cpu: whether each model is timed on the CPU too, in rows of their own.
        on_step: told how many steps of how many are done.
    """
    found = [Measured(name, name) for name in names]
    if also_cpu:
        found += [Measured(f"{name} ({Device.CPU.value})", name, timed_only=True) for name in names]
    steps = _Steps(len(found) * (2 + len(lengths_s) * rounds) + len(names) * len(clips), on_step)
    children: dict[str, Child] = {}
    try:
        for one in found:
            own = {**settings, "device": Device.CPU.value} if one.timed_only else settings
            cold = Child(one.model, own)
            cold.end()
            steps.add()
            children[one.name] = warm = Child(one.model, own)
            one.about, one.error = cold.about, warm.about.get("error")
            one.warm_start_s = warm.about.get("start_s")
            steps.add()
        alive = [one for one in found if one.error is None]
        _time_in_turn(alive, children, lengths_s, rounds, steps, kept)
        for one in alive:
            if not one.timed_only:
                _answer_all(one, children[one.name], clips, kept, steps)
            one.memory = children[one.name].ask({"do": "memory"})
    finally:
        for child in children.values():
            child.end()
    return found


class _Steps:
    def __init__(self, total: int, on_step: OnStep) -> None:
        self._total, self._on_step, self._done = total, on_step, 0

    def add(self, count: int = 1) -> None:
        self._done += count
        self._on_step(min(self._done, self._total), self._total)


def _time_in_turn(
    models: Sequence[Measured],
    children: dict[str, Child],
    lengths_s: Sequence[float],
    rounds: int,
    steps: _Steps,
    kept: Path,
) -> None:
    known = read_times(kept)
    for seconds in lengths_s:
        rows = [known.get(one.name, {}).get(seconds, []) for one in models]
        done = min(rounds, *(len(row) for row in rows)) if rows else 0
        for one, row in zip(models, rows, strict=True):
            if done:
                one.times[seconds] = row[:done]
        steps.add(done * len(models))
        if done == rounds:
            continue
        for number in range(done, rounds + 1):
            warm_up = number == done  # the first of a process is never typical
            for one in models:
                answer = children[one.name].ask({"do": "time", "seconds": seconds})
                if "error" in answer:
                    one.error = one.error or answer["error"]
                elif not warm_up:
                    one.times.setdefault(seconds, []).append(answer["seconds"])
                    steps.add()
            _write_times(kept, models)


def read_times(kept: Path) -> dict[str, dict[float, list[float]]]:
    """Returns the seconds of each round, by model and length; nothing if there is no such file."""
    try:
        found = json.loads((kept / TIMES_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: {float(length): row for length, row in rows.items()} for name, rows in found.items()}


def _write_times(kept: Path, models: Sequence[Measured]) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    beside = kept / f"{TIMES_FILE}.new"
    beside.write_text(json.dumps({one.name: one.times for one in models}) + "\n", "utf-8")
    beside.replace(kept / TIMES_FILE)


def _answer_all(one: Measured, child: Child, clips: Sequence[LabelledClip], kept: Path, steps: _Steps) -> None:
    """Answers clip by clip; each answer is in the file before the next is asked."""
    if not clips:
        return
    kept.mkdir(parents=True, exist_ok=True)
    path = kept / f"{one.name}.jsonl"
    one.answers = read_answers(path)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" if one.answers else "")  # the last line may have been cut short
        for clip in clips:
            key = str(clip.path)
            if key not in one.answers:
                one.answers[key] = child.ask({"do": "answer", "path": str(clip.path.absolute())})
                file.write(json.dumps({"path": key, **one.answers[key]}) + "\n")
                file.flush()
            steps.add()


def read_answers(path: Path) -> dict[str, dict[str, Any]]:
    """Returns what a file holds; a last line that was cut short is left out."""
    answers = {}
    if path.is_file():
        for line in path.read_text("utf-8").splitlines():
            try:
                row = json.loads(line)
                answers[row.pop("path")] = row
            except (ValueError, KeyError):
                continue
    return answers
