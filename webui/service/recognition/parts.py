"""The parts of a recording that the model runs on: the whole recording, and each of its separate channels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from webui import storage
from webui.audio.decode import StoredRecording
from webui.audio.vad import SpeechSpan
from webui.results import ChannelResult, EmbeddingInfo, Notice, RecognitionResult, by_importance
from webui.service.recognition.result_builder import BuiltPart
from webui.service.recognition.windows import RecordingLogits

WHOLE: Final = -1  # in place of the index of a channel

Scored = TypeVar("Scored", RecognitionResult, ChannelResult)


@dataclass(frozen=True, slots=True)
class Part:
    """The prediction for the whole recording or for one channel.

    Attributes:
        channel: index of the channel; ``WHOLE`` for the whole recording.
        joined: the prediction.
        embedding: the embedding file, if one was requested.
        spans: where there is speech; None if no segments were requested.
        notices: the warning that there is no speech; empty if there is speech.
    """

    channel: int
    joined: RecordingLogits
    embedding: EmbeddingInfo | None
    spans: list[SpeechSpan] | None
    notices: tuple[Notice, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Numbers of frames and windows."""
        return len(self.joined.logits), self.joined.windows


def file_of(file_name: str, channel: int) -> str:
    """Returns the name of a file of a channel, or of the whole recording."""
    return file_name if channel == WHOLE else storage.channel_file(file_name, channel)


def keys_of(part: BuiltPart) -> dict[str, Any]:
    """Returns the keys that the results of recordings and channels have in common."""
    return {name: getattr(part, name) for name in ("emotion", "confidence", "scores", "frames", "segments")}


def channel_results(
    recording: StoredRecording,
    parts: Sequence[Part],
    built: Sequence[BuiltPart],
    *,
    names: Sequence[str] | None,
    audio_kept: bool,
) -> tuple[ChannelResult, ...] | None:
    """Returns the results of the channels; None if they were not requested.

    Args:
        recording: the recording with its channels.
        parts: the whole recording, and each channel if there are several. The only channel of a mono recording has the
            result and the files of the recording.
        built: the scores of the parts.
        names: names of the channels, which are used if there are at least as many channels.
        audio_kept: whether the audio of the channels is in a file.
    """
    channels = recording.channels
    if not channels:
        return None
    first = 0 if len(channels) == 1 else 1
    names = names if names is not None and len(names) <= len(channels) else ()
    return tuple(
        ChannelResult(
            index=index,
            name=names[index] if index < len(names) else None,
            **keys_of(scored),
            audio_file=file_of(storage.AUDIO_FILE, part.channel) if audio_kept else None,
            embedding=part.embedding,
            warnings=by_importance((*channel.warnings, *part.notices)),
        )
        for index, (channel, part, scored) in enumerate(zip(channels, parts[first:], built[first:], strict=True))
    )


def without_files(part: Scored) -> Scored:
    """Returns the result without the names of its files, for results whose files are not kept."""
    frames = part.frames.model_copy(update={"file": None}) if part.frames is not None else None
    return part.model_copy(update={"frames": frames, "embedding": None})
