"""Writes the files of a model on top of pretrained encoders."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save_file
from torch import Tensor

from training.record import Record
from webui.engine.builtin.checkpoint import CONFIG_NAME, SCALE_SUFFIX, WEIGHTS_NAME, PooledModelConfig
from webui.engine.builtin.pooled import PooledNetwork
from webui.files import replace_file
from webui.labels import Emotion

FORMAT: Final = "speech-emotion-builtin/2"
LARGEST_INT8: Final = 127


def write_pooled(
    network: PooledNetwork,
    directory: Path,
    *,
    labels: Sequence[Emotion],
    temperature: float,
    version: str,
    record: Record,
    license: str,
) -> None:
    """Writes weights and config into ``directory``; see ``pack_tensors``."""
    directory.mkdir(parents=True, exist_ok=True)
    sizes = asdict(network.config)
    sizes.pop("labels")
    config = PooledModelConfig(
        format=FORMAT,
        version=version,
        license=license,
        labels=tuple(labels),
        temperature=temperature,
        network=sizes,
        training=record.model_dump(mode="json"),
    )
    tensors = pack_tensors(network)
    replace_file(directory / WEIGHTS_NAME, partial(save_file, tensors, metadata={"format": "pt"}))
    (directory / CONFIG_NAME).write_text(
        json.dumps(config.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def pack_tensors(network: PooledNetwork) -> dict[str, Tensor]:
    """Returns the tensors for the file: matrices of the encoders in int8 with scales of rows, others in half precision.

    The matrices of Smart Turn are published in this form, so for them nothing is lost.
    """
    packed: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if name.startswith("encoders.") and name.endswith(".weight") and tensor.ndim > 1:
            packed[name], packed[f"{name}{SCALE_SUFFIX}"] = quantise_rows(tensor)
        else:
            packed[name] = tensor.half().contiguous()
    return packed


def quantise_rows(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """Returns a matrix ``(rows, ...)`` in int8, and the scale of each row ``(rows,)`` in fp32."""
    largest = tensor.flatten(1).abs().amax(1)
    scale = torch.where(largest > 0, largest / LARGEST_INT8, torch.ones_like(largest))
    whole = torch.round(tensor / scale.view(-1, *[1] * (tensor.ndim - 1)))
    return whole.to(torch.int8).contiguous(), scale.float().contiguous()
