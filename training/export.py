"""From trained members to the files that ship: batch normalisation folded away, one safetensors file, one config."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from webui.engine.builtin_checkpoint import CONFIG_NAME, WEIGHTS_NAME, BuiltinConfig
from webui.engine.builtin_network import BuiltinNetwork, MemberNetwork, NetworkConfig
from webui.labels import Emotion

FORMAT: Final = "speech-emotion-builtin/1"
LICENSE_NAME: Final = "CC BY-NC-SA 4.0"


@torch.no_grad()
def fold_batch_norm(trained: MemberNetwork) -> MemberNetwork:
    """Returns the same function without batch normalisation.

    Every normalisation follows a linear layer, so it goes into that layer's weight and bias. The one after the two
    branches are added goes into both of them: its scale into each, its shift into the first.
    """
    plain = MemberNetwork(trained.config)
    tensors = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    folded = {name: tensor for name, tensor in tensors.items() if ".norm." not in name and "join_norm" not in name}
    for name, module in trained.named_modules():
        if not isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            continue
        scale, shift = _scale_and_shift(module)
        if name == "join_norm":
            targets = [("mel.project", shift), ("pitch.project", torch.zeros_like(shift))]
        else:
            stem = name.removesuffix(".norm")
            targets = [(f"{stem}.mix" if f"{stem}.mix.weight" in folded else f"{stem}.conv", shift)]
        for target, moved in targets:
            weight, bias = folded[f"{target}.weight"], folded[f"{target}.bias"]
            folded[f"{target}.weight"] = weight * scale.view(-1, *[1] * (weight.ndim - 1))
            folded[f"{target}.bias"] = bias * scale + moved
    plain.load_state_dict(folded, strict=True)
    return plain.eval()


def _scale_and_shift(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = norm.weight / torch.sqrt(variance + norm.eps)
    return scale, norm.bias - mean * scale


def combine(members: Sequence[MemberNetwork], config: NetworkConfig) -> BuiltinNetwork:
    """Returns one network that averages the logits of the folded ``members``."""
    network = BuiltinNetwork(replace(config, members=len(members)))
    for slot, member in zip(network.members, members, strict=True):
        slot.load_state_dict(fold_batch_norm(member).state_dict())
    return network.eval()


def write_model(
    network: BuiltinNetwork,
    directory: Path,
    *,
    labels: Sequence[Emotion],
    temperature: float,
    version: str,
    training: Mapping[str, object],
) -> None:
    """Writes the weights and the config into ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    sizes = asdict(network.config)
    front_end = sizes.pop("front_end")
    sizes.pop("labels")
    config = BuiltinConfig(
        format=FORMAT,
        version=version,
        license=LICENSE_NAME,
        labels=tuple(labels),
        temperature=temperature,
        front_end=front_end,
        network=sizes,
        training=dict(training),
    )
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, directory / WEIGHTS_NAME, metadata={"format": "pt"})
    (directory / WEIGHTS_NAME).chmod(0o644)  # safetensors writes for the owner alone
    (directory / CONFIG_NAME).write_text(
        json.dumps(config.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
