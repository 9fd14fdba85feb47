"""Options that would have no effect: one rule for REST, jobs, the command line and the Python API.

An option that can't have any effect on the requested result is refused. If that depends on the model, as with a
precision, the result has a warning instead (``RecognitionService.ignored_precision``): `auto` may choose any model.
"""

from enum import StrEnum

from webui.audio.options import ChannelMode
from webui.errors import RequestError
from webui.results import Granularity
from webui.service.recognition.options import MAX_SEGMENT_S, AnalysisOptions


class Conflict(StrEnum):
    """Why options would have no effect."""

    NO_FRAMES = "no_frames"
    NO_SEGMENTS = "no_segments"
    RAW_OR_SMOOTH = "raw_or_smooth"
    NOT_SEPARATE = "not_separate"


def find_conflict(options: AnalysisOptions) -> tuple[Conflict, tuple[str, ...]] | None:
    """Returns the names of options that would have no effect, with the reason; None if there are none."""
    smoothing = tuple(name for name in ("window_s", "hop_s") if getattr(options, name) is not None)
    of_frames = (*smoothing, *(("raw_frames",) if options.raw_frames else ()))
    if of_frames and options.granularity is not Granularity.FRAME:
        return Conflict.NO_FRAMES, of_frames
    if options.raw_frames and smoothing:
        return Conflict.RAW_OR_SMOOTH, of_frames
    of_segments: tuple[str, ...] = ("max_segment_s",) if options.max_segment_s != MAX_SEGMENT_S else ()
    of_segments += ("merge_segments",) if options.merge_segments else ()
    if of_segments and options.granularity is not Granularity.SEGMENT:
        return Conflict.NO_SEGMENTS, of_segments
    if options.channel_names is not None and options.channels != ChannelMode.SEPARATE:
        return Conflict.NOT_SEPARATE, ("channel_names",)
    return None


def check_effect(options: AnalysisOptions) -> None:
    """Refuses options that would have no effect; the message has the names of the fields.

    Raises:
        RequestError: frame options without frame scores, segment options without segments, raw frames with a window or
            hop, or names of channels that are not separate.
    """
    conflict = find_conflict(options)
    if conflict is None:
        return
    kind, names = conflict
    found = ", ".join(names)
    match kind:
        case Conflict.NO_FRAMES:
            raise RequestError("api.only_with_frames", found=found)
        case Conflict.RAW_OR_SMOOTH:
            raise RequestError("api.raw_or_smooth", found=found)
        case Conflict.NO_SEGMENTS:
            raise RequestError("api.only_with_segments", found=found)
        case Conflict.NOT_SEPARATE:
            raise RequestError("api.only_with_separate", found=found)
