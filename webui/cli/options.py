"""Options that several commands have, and the settings made from them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from webui.cli.exit_codes import ExitCode
from webui.cli.terminal import Terminal
from webui.errors import RequestError
from webui.results import Granularity
from webui.service.recognition.effect import Conflict, find_conflict
from webui.service.recognition.options import AnalysisOptions
from webui.settings import ENV_PREFIX, Device, Engine, Precision, Settings

CommandAction = Callable[[Terminal], ExitCode]  # runs a parsed command

ModelOption = Annotated[str | None, typer.Option("--model", "-m", metavar="auto|NAME", help="cli.option_model")]
DeviceOption = Annotated[Device | None, typer.Option("--device", "-d", help="cli.option_device")]
EngineOption = Annotated[Engine | None, typer.Option("--engine", metavar="NAME", help="cli.option_engine")]
PrecisionOption = Annotated[Precision | None, typer.Option("--precision", metavar="NAME", help="cli.option_precision")]
ModelDirOption = Annotated[Path | None, typer.Option("--model-dir", metavar="DIR", help="cli.option_model_dir")]
OutputsOption = Annotated[
    Path | None, typer.Option("--outputs-dir", "-o", metavar="DIR", help="cli.option_outputs_dir")
]
JsonOption = Annotated[bool, typer.Option("--json", help="cli.option_json")]

# The options of a recognition, one for each field of ``RecognizeOptions``.
GranularityOption = Annotated[
    Granularity, typer.Option("--granularity", "-g", metavar="KIND", help="cli.option_granularity")
]
EmbeddingOption = Annotated[bool, typer.Option("--embedding", "-e", help="cli.option_embedding")]
WindowOption = Annotated[float | None, typer.Option("--window", metavar="SECONDS", min=0, help="cli.option_window")]
HopOption = Annotated[float | None, typer.Option("--hop", metavar="SECONDS", min=0, help="cli.option_hop")]
RawOption = Annotated[bool, typer.Option("--raw", help="cli.option_raw")]
LabelsOption = Annotated[list[str] | None, typer.Option("--labels", metavar="NAMES", help="cli.option_labels")]
SegmentOption = Annotated[float | None, typer.Option("--max-segment", metavar="SECONDS", help="cli.option_max_segment")]
MergeOption = Annotated[bool, typer.Option("--merge", help="cli.option_merge_segments")]
TrackOption = Annotated[str | None, typer.Option("--track", metavar="auto|N", help="cli.option_track")]
HeaderlessOption = Annotated[
    str | None, typer.Option("--headerless", metavar="CODEC,HZ,CHANNELS", help="cli.option_headerless")
]
ChannelsOption = Annotated[str, typer.Option("--channels", metavar="KIND|N", help="cli.option_channels")]
ChannelNamesOption = Annotated[
    str | None, typer.Option("--channel-names", metavar="NAMES", help="cli.option_channel_names")
]
TitleOption = Annotated[str | None, typer.Option("--title", metavar="TEXT", help="cli.option_title")]
FLAGS: Final[Mapping[str, str]] = {  # flag of each field of ``RecognizeOptions``
    "granularity": "--granularity",
    "model": "--model",
    "precision": "--precision",
    "window_s": "--window",
    "hop_s": "--hop",
    "raw_frames": "--raw",
    "labels": "--labels",
    "max_segment_s": "--max-segment",
    "merge_segments": "--merge",
    "track": "--track",
    "headerless": "--headerless",
    "channels": "--channels",
    "channel_names": "--channel-names",
    "extract_embedding": "--embedding",
    "title": "--title",
}


def check_effect(options: AnalysisOptions) -> None:
    """Refuses options that would have no effect, as the service does, but the message has the flags of the options.

    Raises:
        RequestError: see ``webui.service.recognition.effect.check_effect``.
    """
    conflict = find_conflict(options)
    if conflict is None:
        return
    kind, names = conflict
    found = ", ".join(FLAGS[name] for name in names)
    match kind:
        case Conflict.NO_FRAMES:
            raise RequestError("cli.only_with_frames", found=found)
        case Conflict.RAW_OR_SMOOTH:
            raise RequestError("cli.raw_or_smooth", found=found)
        case Conflict.NO_SEGMENTS:
            raise RequestError("request.only_with_segments", found=found)
        case Conflict.NOT_SEPARATE:
            raise RequestError("request.only_with_separate", found=found)


def load_settings(**given: object) -> Settings:
    """Returns the settings: from ``given`` except for None, then from the environment, then the defaults.

    Raises:
        RequestError: a value is not valid.
    """
    overrides: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**overrides)
    except ValidationError as err:
        first = err.errors()[0]
        name = str(first["loc"][0])
        raise RequestError(
            "cli.bad_setting",
            name=name,
            variable=f"{ENV_PREFIX}{name.upper()}",
            found=repr(first["input"]),
            reason=first["msg"],
        ) from err
