"""The two files of the built-in model: ``config.json`` describes it, ``model.safetensors`` contains the weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from webui.errors import CheckpointError, ModelNotFoundError
from webui.labels import Emotion, LabelSet
from webui.results import Document

if TYPE_CHECKING:
    from torch import Tensor

    from webui.engine.builtin.network import BuiltinNetwork, NetworkConfig

CONFIG_NAME: Final = "config.json"
WEIGHTS_NAME: Final = "model.safetensors"
MAX_NAMES_SHOWN: Final = 3
STATISTICS_BANDS: Final = 8  # the same as statistics.BANDS, which can't be imported without PyTorch


class FrontEndSizes(Document):
    """Sizes of the front end; ``frontend.FrontEndConfig`` explains each."""

    sample_rate: int = Field(gt=0)
    frame_samples: int = Field(gt=0)
    hop_samples: int = Field(gt=0)
    window_samples: int = Field(gt=0)
    fft_samples: int = Field(gt=0)
    mels: int = Field(gt=0)
    lags: int = Field(gt=0)
    lowest_pitch_hz: float = Field(gt=0)
    highest_pitch_hz: float = Field(gt=0)


class StatisticsSizes(Document):
    """Sizes of the statistics MLPs; ``statistics.StatisticsConfig`` explains each."""

    widths: tuple[int, ...] = Field(min_length=1)
    radius: int = Field(ge=0)


class NetworkSizes(Document):
    """Sizes of the network; ``network.NetworkConfig`` explains each."""

    members: int = Field(gt=0)
    mel_channels: tuple[int, ...] = Field(min_length=1)
    pitch_channels: tuple[int, ...] = Field(min_length=1)
    time_strides: tuple[int, ...] = Field(min_length=1)
    width: int = Field(gt=0)
    dilations: tuple[int, ...]
    heads: int = Field(gt=0)
    radius: int = Field(ge=0)
    statistics_members: int = Field(default=0, ge=0)
    statistics_share: float = Field(default=0.0, ge=0, le=1)
    statistics: StatisticsSizes = StatisticsSizes(widths=(256, 128), radius=26)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if not len(self.mel_channels) == len(self.pitch_channels) == len(self.time_strides):
            raise ValueError("mel_channels, pitch_channels and time_strides must have the same length")
        if self.width % self.heads:
            raise ValueError("width must be a multiple of heads")
        return self


class BuiltinConfig(Document):
    """The content of ``config.json``."""

    format: Literal["speech-emotion-builtin/1"]
    version: str
    license: str
    labels: tuple[Emotion, ...] = Field(min_length=2)
    temperature: float = Field(gt=0, description="Frame logits are divided by it, so that scores are calibrated.")
    front_end: FrontEndSizes
    network: NetworkSizes
    training: dict[str, object] = Field(description="How the weights were made, for human readers.")

    @field_validator("labels")
    @classmethod
    def _each_once(cls, labels: tuple[Emotion, ...]) -> tuple[Emotion, ...]:
        if len(set(labels)) != len(labels):
            raise ValueError("a label occurs twice")
        return labels

    @model_validator(mode="after")
    def _bands_fit_statistics(self) -> Self:
        if self.network.statistics_members and self.front_end.mels % STATISTICS_BANDS:
            raise ValueError(f"mels must be a multiple of {STATISTICS_BANDS} for statistics MLPs")
        return self

    def training_speakers(self) -> frozenset[str]:
        """Returns the speakers that at least one member was trained on; empty if they are not stated."""
        members = self.training.get("members")
        stated = (
            [member.get("speakers") for member in members if isinstance(member, dict)]
            if isinstance(members, list)
            else []
        )
        return frozenset(name for speakers in stated if isinstance(speakers, list) for name in map(str, speakers))

    def label_set(self) -> LabelSet:
        """Returns the classes in the order of the logits."""
        return LabelSet.from_emotions(self.labels)

    def network_config(self) -> "NetworkConfig":
        """Returns the sizes in the form that the network takes."""
        from webui.engine.builtin.frontend import FrontEndConfig  # imported late: torch takes seconds
        from webui.engine.builtin.network import NetworkConfig
        from webui.engine.builtin.statistics import StatisticsConfig

        front_end = FrontEndConfig(**self.front_end.model_dump())
        sizes = self.network.model_dump() | {"statistics": StatisticsConfig(**self.network.statistics.model_dump())}
        return NetworkConfig(front_end=front_end, labels=len(self.labels), **sizes)


def read_config(directory: Path) -> BuiltinConfig:
    """Reads ``config.json`` in ``directory``.

    Raises:
        ModelNotFoundError: the file does not exist.
        CheckpointError: the file can't be read, or its content is invalid.
    """
    path = _existing(directory, CONFIG_NAME)
    try:
        return BuiltinConfig.model_validate_json(path.read_bytes())
    except ValidationError as err:
        first = err.errors()[0]
        location = ".".join(str(step) for step in first["loc"]) or "JSON"
        raise CheckpointError("engine.bad_config", path=path, place=location, reason=first["msg"]) from err
    except OSError as err:
        raise CheckpointError("engine.unreadable", path=path, reason=err.strerror or str(err)) from err


def read_weights(directory: Path) -> "dict[str, Tensor]":
    """Reads all tensors of ``model.safetensors`` in ``directory`` into CPU memory.

    Raises:
        ModelNotFoundError: the file does not exist.
        CheckpointError: the file can't be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = _existing(directory, WEIGHTS_NAME)
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError) as err:
        raise CheckpointError("engine.unreadable", path=path, reason=str(err)) from err
    return tensors


def fill_network(network: "BuiltinNetwork", tensors: "dict[str, Tensor]", path: Path) -> None:
    """Copies ``tensors`` into ``network``; their names and shapes must be exactly those of the network.

    The tensors may be in half precision, which halves the size of the file and changes scores by less than 0.001. The
    network computes in single precision.

    Args:
        network: the network to fill.
        tensors: the weights by name.
        path: path of the weights' file, for error messages.

    Raises:
        CheckpointError: a tensor is missing, unexpected, not finite, or of the wrong shape or number format.
    """
    import torch

    expected = network.state_dict()
    missing = expected.keys() - tensors.keys()
    if missing:
        raise CheckpointError("engine.missing_tensors", path=path, count=len(missing), names=_shorten(missing))
    extra = tensors.keys() - expected.keys()
    if extra:
        raise CheckpointError("engine.extra_tensors", path=path, count=len(extra), names=_shorten(extra))
    for name, wanted in expected.items():
        found = tensors[name]
        if found.shape != wanted.shape or found.dtype not in (wanted.dtype, torch.float16):
            raise CheckpointError(
                "engine.bad_tensor", path=path, name=name, found=_shape(found), expected=_shape(wanted)
            )
        if not bool(found.isfinite().all()):
            raise CheckpointError("engine.not_finite", path=path, name=name)
    network.load_state_dict(tensors, strict=True)


def _existing(directory: Path, name: str) -> Path:
    path = directory / name
    if not path.is_file():
        raise ModelNotFoundError("engine.not_found", path=path)
    return path


def _shorten(names: set[str]) -> str:
    listed = sorted(names)
    rest = ", ..." if len(listed) > MAX_NAMES_SHOWN else ""
    return ", ".join(listed[:MAX_NAMES_SHOWN]) + rest


def _shape(tensor: "Tensor") -> str:
    """Returns shape and number format in words."""
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
