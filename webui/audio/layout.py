"""Examines a file before it is decoded: tags in front, recordings joined into one file, protection."""

from dataclasses import dataclass
from typing import Final

from webui.audio.containers.encoded_pcm import encoded_kind
from webui.audio.containers.joined import split_joined
from webui.audio.containers.not_audio import TEXT, reject_other_formats
from webui.audio.containers.protection import reject_protected
from webui.audio.containers.raw import RAW, reject_headerless, with_header
from webui.audio.containers.short_format import with_complete_format
from webui.audio.containers.sniff import WITHOUT_MAGIC, detect_container
from webui.audio.containers.stated_size import without_rest
from webui.audio.containers.tags import without_inner_tags, without_leading_tags
from webui.audio.options import Headerless
from webui.audio.source import Source
from webui.errors import AudioDecodeError

_TAGGED_AT_END: Final = frozenset({None, "flac", "amr", "wv", "tta", "ac3", "dts", "gsm"})


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a file.

    Attributes:
        file: the whole file.
        container: short name of the detected container; None if none was detected.
        parts: the recordings that are read one after the other, each as a separate file.
        unused_bytes: number of bytes after the last recording that are neither a tag nor padding.
        encoded_kind: codec of the data of a WAV whose header says PCM; None for real PCM and other files.
    """

    file: Source
    container: str | None
    parts: tuple[Source, ...]
    unused_bytes: int
    encoded_kind: str | None


def examine(file: Source, headerless: Headerless | None = None) -> Layout:
    """Returns the parts of a file.

    Args:
        file: the whole file.
        headerless: format of the samples, used if the file has no known header.

    Raises:
        AudioDecodeError: the file is not audio, or it is protected, or fields of its header contradict each other.
    """
    source = without_leading_tags(file)
    container = detect_container(source.head)
    if headerless is not None and source is file and (container is None or container in WITHOUT_MAGIC):
        return Layout(file, RAW, (with_header(file, headerless),), 0, None)
    try:
        reject_other_formats(source.head, file.file_name)
    except AudioDecodeError as err:
        if err.code == TEXT:  # the bytes of silent A-law are also Chinese characters
            reject_headerless(source)
        raise
    reject_protected(source, container)
    if container in _TAGGED_AT_END:
        source = without_inner_tags(source)
    joined = split_joined(source, container)
    parts = tuple(with_complete_format(without_rest(part, container)) for part in joined.parts)
    return Layout(file, container, parts, joined.unused_bytes, encoded_kind(parts[0]))
