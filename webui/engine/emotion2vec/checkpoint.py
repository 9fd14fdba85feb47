"""Reads the weights of the network from a published ``model.pt``, without executing code from the file.

The published file is a torch pickle of 1.95 GB, two thirds of which are optimizer state. It is read once, every tensor
is checked, and the network's tensors are written as safetensors (the slim file, 649 MB), which later starts map into
memory. The slim file keeps the published tensor names, so that other programs can use it as an Emotion2vec checkpoint.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
import yaml
from safetensors import SafetensorError, safe_open
from torch import Tensor

from webui.engine.emotion2vec.config import Emotion2vecConfig
from webui.engine.emotion2vec.files import CONFIG_FILE, TOKENS_FILE
from webui.engine.emotion2vec.network import Emotion2vec
from webui.engine.emotion2vec.unpickle import read_pickle
from webui.errors import CheckpointError
from webui.labels import LabelSet

logger = logging.getLogger(__name__)

SMALL_FILES: Final = (CONFIG_FILE, TOKENS_FILE, "configuration.json")
MAX_NAMES_SHOWN: Final = 5  # in error messages

_AUDIO: Final = r"(?:d2v_model\.)?modality_encoders\.AUDIO"
_BLOCK: Final = {
    "attn.qkv": "qkv",
    "attn.proj": "proj",
    "norm1": "norm1",
    "mlp.fc1": "fc1",
    "mlp.fc2": "fc2",
    "norm2": "norm2",
}
_PART: Final = "|".join(re.escape(name) for name in _BLOCK)
# published name -> name in webui.engine.emotion2vec.network
_RENAMES: Final = tuple(
    (re.compile(pattern), network_name)
    for pattern, network_name in (
        (rf"{_AUDIO}\.local_encoder\.conv_layers\.(\d+)\.0\.weight", "wave.{}.conv.weight".format),
        (rf"{_AUDIO}\.local_encoder\.conv_layers\.(\d+)\.2\.1\.(weight|bias)", "wave.{}.norm.{}".format),
        (rf"{_AUDIO}\.project_features\.1\.(weight|bias)", "project_norm.{}".format),
        (rf"{_AUDIO}\.project_features\.2\.(weight|bias)", "project.{}".format),
        (
            rf"{_AUDIO}\.relative_positional_encoder\.(\d+)\.0\.(weight|bias)",
            lambda number, part: f"positions.{int(number) - 1}.conv.{part}",  # layer 0 is a transposition
        ),
        (rf"{_AUDIO}\.(extra_tokens)", "{}".format),
        (rf"{_AUDIO}\.alibi_(scale)", "alibi.{}".format),
        (rf"{_AUDIO}\.context_encoder\.norm\.(weight|bias)", "encoder.norm.{}".format),
        (
            rf"{_AUDIO}\.context_encoder\.blocks\.(\d+)\.({_PART})\.(weight|bias)",
            lambda number, part, kind: f"encoder.context_blocks.{number}.{_BLOCK[part]}.{kind}",
        ),
        (
            rf"(?:d2v_model\.)?blocks\.(\d+)\.({_PART})\.(weight|bias)",
            lambda number, part, kind: f"encoder.blocks.{number}.{_BLOCK[part]}.{kind}",
        ),
        (r"proj\.(weight|bias)", "head.{}".format),
    )
)
# tensors that only training needs; they are dropped, which is logged
_TRAINING: Final = re.compile(rf"{_AUDIO}\.decoder\..+|(?:d2v_model\.)?(?:_ema|ema|recon_proj)(?:\.|$).*")
_WRAPPERS: Final = ("model", "state_dict", "model_state_dict")


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """The content of ``config.yaml`` and ``tokens.txt``.

    Attributes:
        config: sizes of the network.
        labels: classes of the network, from ``tokens.txt``.
        normalize: whether waveforms are normalised over their whole length.
    """

    config: Emotion2vecConfig
    labels: LabelSet
    normalize: bool


def read_info(directory: Path) -> CheckpointInfo:
    """Reads ``config.yaml`` and ``tokens.txt``.

    Raises:
        CheckpointError: one of them is missing, unreadable or invalid.
    """
    tokens = _read_text(directory / TOKENS_FILE).splitlines()
    labels = LabelSet.from_tokens(tokens)
    try:
        document = yaml.safe_load(_read_text(directory / CONFIG_FILE))
        conf = document["model_conf"]
        normalize = bool(conf.get("normalize", True))
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as err:
        raise CheckpointError(
            "checkpoint.config_unreadable", file="config.yaml", reason=f"{type(err).__name__}: {err}"
        ) from err
    return CheckpointInfo(Emotion2vecConfig.from_model_conf(conf, labels=len(labels)), labels, normalize)


def load_network(directory: Path, weights: Path) -> tuple[Emotion2vec, CheckpointInfo]:
    """Builds the network and loads the weights. Tensors of a safetensors file are memory-mapped, not copied.

    Args:
        directory: folder of ``config.yaml`` and ``tokens.txt``.
        weights: a safetensors file or a torch pickle.

    Raises:
        CheckpointError: a file is missing or damaged, or the weights do not fit the configuration.
    """
    info = read_info(directory)
    tensors = read_safetensors(weights) if weights.suffix == ".safetensors" else read_published(weights)
    with torch.device("meta"):  # allocate and initialise no weights, since they are replaced at once
        network = Emotion2vec(info.config)
    network.load_state_dict(match_tensors(tensors, network, file_name=weights.name), assign=True)
    return network.eval().requires_grad_(False), info


def read_published(path: Path) -> dict[str, Tensor]:
    """Returns the tensors of a published ``model.pt`` under their published names.

    Raises:
        CheckpointError: the file is damaged, or it is not a torch pickle of tensors.
    """
    content = read_pickle(path)
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping):
        raise CheckpointError("checkpoint.no_weights", file=path.name, found=type(content).__name__)
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError("checkpoint.no_weights", file=path.name, found="0 tensors")
    return tensors


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Returns the tensors of a safetensors file, memory-mapped.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as err:
        raise CheckpointError("checkpoint.damaged", file=path.name, reason=str(err)) from err


def match_tensors(tensors: Mapping[str, Tensor], network: Emotion2vec, *, file_name: str) -> dict[str, Tensor]:
    """Returns the network's state dict, made from published tensors. All names and shapes are checked.

    Args:
        tensors: the tensors by their published names.
        network: the network that they are for.
        file_name: name of the file, for error messages.

    Raises:
        CheckpointError: a tensor is missing, has a wrong shape, or is not part of the network.
    """
    expected = network.state_dict()
    found: dict[str, Tensor] = {}
    unexpected: list[str] = []
    dropped: list[str] = []
    for name, tensor in tensors.items():
        network_name = rename(name)
        if network_name in expected:
            found[network_name] = tensor
        else:
            (dropped if _TRAINING.fullmatch(name) else unexpected).append(name)
    missing = [name for name in expected if name not in found]
    shapes = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in found
        if found[name].shape != expected[name].shape
    ]
    problems = (
        ("checkpoint.missing", missing),
        ("checkpoint.unexpected", unexpected),
        ("checkpoint.misshapen", shapes),
    )
    for code, names in problems:
        if names:
            raise CheckpointError(code, file=file_name, count=len(names), names=_shorten(names))
    if dropped:
        logger.info("checkpoint: %d tensors of training state dropped (%s)", len(dropped), _shorten(dropped))
    return {name: tensor.to(torch.float32) for name, tensor in found.items()}


def rename(published: str) -> str:
    """Returns the name in the network for a published tensor name; unknown names are returned unchanged."""
    for pattern, network_name in _RENAMES:
        match = pattern.fullmatch(published)
        if match:
            return network_name(*match.groups())
    return published


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise CheckpointError("checkpoint.damaged", file=path.name, reason=str(err)) from err


def _shorten(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:MAX_NAMES_SHOWN])
    return shown if len(names) <= MAX_NAMES_SHOWN else f"{shown}, ..."
