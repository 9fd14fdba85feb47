"""The results of separate channels as HTML: for each its emotion, warnings, scores, segments and curve."""

from collections.abc import Collection
from pathlib import Path

from webui.labels import Emotion
from webui.results import ChannelResult, RecognitionResult
from webui.texts import Language, text
from webui.ui.views.answer import scores_html, warnings_html
from webui.ui.views.curve import curve_html
from webui.ui.views.markup import emotion_title_html, escape
from webui.ui.views.segments import segments_html


def channels_html(result: RecognitionResult, folder: Path, language: Language) -> str:
    """Returns the results of all channels, one after another.

    Args:
        result: a result with separate channels.
        folder: its run folder.
        language: language of the labels.
    """
    note = escape(text("page.channels_note", language))
    return f'<p class="se-card se-honest">{note}</p>' + "".join(
        _channel(channel, result.possible, folder, language) for channel in result.channels or ()
    )


def channel_title(channel: ChannelResult, language: Language) -> str:
    """Returns ``Channel 1`` for the first channel, followed by its name if it has one."""
    title = text("page.channel", language, number=channel.index + 1)
    return f"{title} · {channel.name}" if channel.name is not None else title


def _channel(channel: ChannelResult, possible: Collection[Emotion], folder: Path, language: Language) -> str:
    confidence = text("page.confidence", language, confidence=channel.confidence)
    segments = segments_html(channel.segments, language) if channel.segments else ""
    curve = curve_html(channel.frames, folder, language) if channel.frames is not None else ""
    title = escape(channel_title(channel, language))
    return (
        f'<section class="se-channel" data-channel="{channel.index}" aria-label="{title}"><div class="se-card">'
        f'<h2>{title}</h2><div class="se-emotion">{emotion_title_html(channel.emotion, language)}</div>'
        f'<div class="se-confidence">{escape(confidence)}</div>{warnings_html(channel.warnings, language)}</div>'
        f"{scores_html(channel, possible, language)}{segments}{curve}</section>"
    )
