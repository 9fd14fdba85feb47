"""The two files of the built-in model: ``config.json`` describes it, ``model.safetensors`` contains the weights.

There are two kinds of networks, told apart by the version in ``format``: convolutional ones (1), and those on top of
pretrained speech encoders (2).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from webui.errors import CheckpointError, ModelNotFoundError
from webui.labels import Emotion, LabelSet
from webui.results import Document

if TYPE_CHECKING:
    from torch import Tensor, nn

    from webui.engine.builtin.network import NetworkConfig
    from webui.engine.builtin.pooled import PooledConfig

CONFIG_NAME: Final = "config.json"
WEIGHTS_NAME: Final = "model.safetensors"
MAX_NAMES_SHOWN: Final = 3
STATISTICS_BANDS: Final = 8  # the same as statistics.BANDS, which can't be imported without PyTorch
FORMATS: Final = ("speech-emotion-builtin/1", "speech-emotion-builtin/2")
SCALE_SUFFIX: Final = "_scale"  # a tensor in int8 has another one with the scale of each of its rows
ENCODER_SAMPLE_RATE: Final = 16_000  # the same as encoder.SAMPLE_RATE


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


class EncoderSizes(Document):
    """Sizes of a pretrained encoder; ``encoder.EncoderConfig`` explains each."""

    mels: int = Field(gt=0)
    width: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    positions: int = Field(gt=0)
    positions_at_end: bool

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.width % self.heads:
            raise ValueError("width must be a multiple of heads")
        return self


class PooledSizes(Document):
    """Sizes of a network on top of pretrained encoders; ``pooled.PooledConfig`` explains each."""

    encoders: tuple[EncoderSizes, ...] = Field(min_length=1)
    heads: int = Field(gt=0)
    widths: tuple[int, ...] = Field(min_length=1)
    group_frames: int = Field(gt=0)
    radius: int = Field(ge=0)

    @model_validator(mode="after")
    def _same_spectrogram(self) -> Self:
        if len({encoder.mels for encoder in self.encoders}) > 1:
            raise ValueError("all encoders must have the same number of mels")
        return self


class ModelConfig(Document):
    """What ``config.json`` contains for any kind of network."""

    format: str
    version: str
    license: str
    labels: tuple[Emotion, ...] = Field(min_length=2)
    temperature: float = Field(gt=0, description="Frame logits are divided by it, so that scores are calibrated.")
    training: dict[str, object] = Field(description="How the weights were made, for human readers.")

    @field_validator("labels")
    @classmethod
    def _each_once(cls, labels: tuple[Emotion, ...]) -> tuple[Emotion, ...]:
        if len(set(labels)) != len(labels):
            raise ValueError("a label occurs twice")
        return labels

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


class BuiltinConfig(ModelConfig):
    """The content of ``config.json`` for convolutional networks, which ``bash run.sh train`` makes."""

    format: Literal["speech-emotion-builtin/1"]
    front_end: FrontEndSizes
    network: NetworkSizes

    @model_validator(mode="after")
    def _bands_fit_statistics(self) -> Self:
        if self.network.statistics_members and self.front_end.mels % STATISTICS_BANDS:
            raise ValueError(f"mels must be a multiple of {STATISTICS_BANDS} for statistics MLPs")
        return self

    @property
    def sample_rate(self) -> int:
        """Sampling rate of the input, in Hz."""
        return self.front_end.sample_rate

    def network_config(self) -> "NetworkConfig":
        """Returns the sizes in the form that the network takes."""
        from webui.engine.builtin.frontend import FrontEndConfig  # imported late: torch takes seconds
        from webui.engine.builtin.network import NetworkConfig
        from webui.engine.builtin.statistics import StatisticsConfig

        front_end = FrontEndConfig(**self.front_end.model_dump())
        sizes = self.network.model_dump() | {"statistics": StatisticsConfig(**self.network.statistics.model_dump())}
        return NetworkConfig(front_end=front_end, labels=len(self.labels), **sizes)

    def make_network(self) -> "nn.Module":
        """Returns the network, with random weights."""
        from webui.engine.builtin.network import BuiltinNetwork

        return BuiltinNetwork(self.network_config())


class PooledModelConfig(ModelConfig):
    """The content of ``config.json`` for networks on top of pretrained speech encoders."""

    format: Literal["speech-emotion-builtin/2"]
    network: PooledSizes

    @property
    def sample_rate(self) -> int:
        """Sampling rate of the input, in Hz."""
        return ENCODER_SAMPLE_RATE

    def network_config(self) -> "PooledConfig":
        """Returns the sizes in the form that the network takes."""
        from webui.engine.builtin.encoder import EncoderConfig
        from webui.engine.builtin.pooled import PooledConfig

        encoders = tuple(EncoderConfig(**encoder.model_dump()) for encoder in self.network.encoders)
        return PooledConfig(labels=len(self.labels), **{**self.network.model_dump(), "encoders": encoders})

    def make_network(self) -> "nn.Module":
        """Returns the network, with random weights."""
        from webui.engine.builtin.pooled import PooledNetwork

        return PooledNetwork(self.network_config())


AnyModelConfig = BuiltinConfig | PooledModelConfig
_ADAPTER: Final[TypeAdapter[AnyModelConfig]] = TypeAdapter(Annotated[AnyModelConfig, Field(discriminator="format")])


def read_config(directory: Path) -> AnyModelConfig:
    """Reads ``config.json`` in ``directory``.

    Raises:
        ModelNotFoundError: the file does not exist.
        CheckpointError: the file can't be read, or its content is invalid.
    """
    path = _existing(directory, CONFIG_NAME)
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except ValidationError as err:
        first = err.errors()[0]
        steps = [str(step) for step in first["loc"] if step not in FORMATS]  # the union starts the path with the format
        location = ".".join(steps) or ("format" if first["type"].startswith("union_tag") else "JSON")
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


def fill_network(network: "nn.Module", tensors: "dict[str, Tensor]", path: Path) -> None:
    """Copies ``tensors`` into ``network``; their names and shapes must be exactly those of the network.

    The tensors may be in half precision, which halves the size of the file and changes scores by less than 0.001, or in
    int8 with a scale for each row in a tensor of the same name plus ``SCALE_SUFFIX``. The network computes in single
    precision.

    Args:
        network: the network to fill.
        tensors: the weights by name.
        path: path of the weights' file, for error messages.

    Raises:
        CheckpointError: a tensor is missing, unexpected, not finite, or of the wrong shape or number format.
    """
    import torch

    expected = network.state_dict()
    tensors = _scale_integers(tensors)
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


def _scale_integers(tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """Returns the tensors with each one in int8 multiplied by the scale of its rows, if there is one."""
    import torch

    found = {}
    for name, tensor in tensors.items():
        scale = tensors.get(f"{name}{SCALE_SUFFIX}")
        if tensor.dtype == torch.int8 and scale is not None and scale.shape == tensor.shape[:1]:
            found[name] = tensor.float() * scale.float().view(-1, *[1] * (tensor.ndim - 1))
        elif name.removesuffix(SCALE_SUFFIX) not in tensors or not name.endswith(SCALE_SUFFIX):
            found[name] = tensor
    return found


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
