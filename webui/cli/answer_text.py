"""A result as lines of text for the terminal."""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from rich.text import Text

from webui.files import printable_name
from webui.labels import NO_SCORE, Emotion
from webui.results import ChannelResult, FrameScores, RecognitionResult
from webui.service import Recognition
from webui.texts import Language, text
from webui.texts.duration import MINUTE_S, clock_time

BAR_CELLS: Final = 30
NAME_CELLS: Final = 12
MAX_SPANS: Final = 20


def answer_lines(recognition: Recognition, given: str, language: Language) -> Iterator[Text]:
    """Yields the lines: file, main emotion, nine scores, frame scores and segments, separate channels, run folder.

    Args:
        recognition: the recognition.
        given: the file as given on the command line.
        language: language of the labels.
    """
    result = recognition.result
    yield Text(printable_name(given), style="bold")
    confidence = text("page.confidence", language, confidence=result.confidence)
    yield Text.assemble("  ", (_title(result.emotion, language), "bold green"), f"  {confidence}")
    for emotion in Emotion:
        score = result.scores[emotion]
        name = Text(f"  {emotion.emoji} {emotion.display_name(language)}")
        name.align("left", NAME_CELLS + 6)
        bar = "█" * round(score * BAR_CELLS)
        number = f"{score:7.1%}" if emotion in result.possible else f"{NO_SCORE:>7}"
        yield Text.assemble(name, f"{number} ", (bar, "green" if emotion is result.emotion else "cyan"))
    yield from _details(result, language)
    for channel in result.channels or ():
        confidence = text("page.confidence", language, confidence=channel.confidence)
        title = text("cli.channel", language, channel=channel.label)
        yield Text.assemble("  ", (title, "bold"), f"  {_title(channel.emotion, language)}  {confidence}")
        for warning in channel.warnings:
            yield Text(f"    {warning.short(language) or warning.message(language)}", style="yellow")
        yield from _details(channel, language)
    yield Text(
        "  "
        + text(
            "cli.saved", language, folder=printable_name(str(recognition.folder.absolute())), files=_names(recognition)
        )
    )
    yield Text()


def _details(part: RecognitionResult | ChannelResult, language: Language) -> Iterator[Text]:
    if part.frames is not None:
        yield from _emotions_over_time(part.frames, language)
    for segment in part.segments or ():
        line = f"{_span(segment.start_s, segment.end_s)}  {_title(segment.emotion, language)}"
        yield Text.assemble("  ", line, f"  {segment.confidence:.1%}")


def _span(start_s: float, end_s: float) -> str:
    """Returns a part of a recording in seconds, and from a minute on also in minutes and seconds."""
    seconds = f"{start_s:8.2f} – {end_s:8.2f} s"
    return f"{seconds} ({clock_time(start_s)} – {clock_time(end_s)})" if end_s >= MINUTE_S else seconds


def _title(emotion: Emotion, language: Language) -> str:
    english = emotion.display_name(Language.EN)
    name = english if language is Language.EN else f"{emotion.display_name(language)} ({english})"
    return f"{emotion.emoji} {name}"


def _emotions_over_time(frames: FrameScores, language: Language) -> Iterator[Text]:
    if frames.scores is None or frames.start_s is None or frames.end_s is None:
        yield Text("  " + text("cli.course_in_file", language, rows=frames.rows, file=frames.file))
        return
    scores = frames.scores
    leaders = [max(Emotion, key=lambda emotion: scores[emotion][row]) for row in range(frames.rows)]
    spans = [list(rows) for _, rows in groupby(range(frames.rows), key=leaders.__getitem__)]
    yield Text("  " + text("cli.course", language, rows=frames.rows, window_s=frames.window_s, hop_s=frames.hop_s))
    for rows in spans[:MAX_SPANS]:
        leader = leaders[rows[0]]
        peak = max(scores[leader][row] for row in rows)
        start_s, end_s = frames.start_s[rows[0]], frames.start_s[rows[-1] + 1 :][:1] or frames.end_s[rows[-1] :][:1]
        line = f"{_span(start_s, end_s[0])}  {_title(leader, language)}"
        yield Text.assemble("  ", line, f"  {peak:.1%}")
    if len(spans) > MAX_SPANS:
        yield Text("  " + text("cli.course_more", language, more=len(spans) - MAX_SPANS))


def _names(recognition: Recognition) -> str:
    return ", ".join(file.name for file in recognition.files)
