"""The members of a model: creating them for training, folding their batch normalisation, combining them."""

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from webui.engine.builtin.network import BuiltinNetwork, MemberNetwork, NetworkConfig
from webui.engine.builtin.network import statistics_mlp as build_statistics_mlp
from webui.engine.builtin.pooled import PooledNetwork
from webui.engine.builtin.statistics import StatisticsMember

Member = MemberNetwork | StatisticsMember


def make_member(
    config: NetworkConfig, *, statistics_mlp: bool, batch_norm: bool = False, dropout: float = 0.0
) -> Member:
    """Returns an untrained member: a statistics MLP, or else a convolutional network."""
    make = build_statistics_mlp if statistics_mlp else MemberNetwork
    return make(config, batch_norm=batch_norm, dropout=dropout)


@torch.no_grad()
def fold_batch_norm(trained: MemberNetwork) -> MemberNetwork:
    """Returns a network that computes the same without batch normalisation.

    Every normalisation follows a linear layer, so it can be folded into that layer's weight and bias. The normalisation
    after the sum of the two branches is folded into both of them: the scale into each, the shift into the first.
    """
    plain = MemberNetwork(trained.config)
    tensors = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    folded = {name: tensor for name, tensor in tensors.items() if ".norm." not in name and "join_norm" not in name}
    for name, module in trained.named_modules():
        if not isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            continue
        scale, shift = scale_and_shift(module)
        if name == "join_norm":
            targets = [("mel.project", shift), ("pitch.project", torch.zeros_like(shift))]
        else:
            stem = name.removesuffix(".norm")
            targets = [(f"{stem}.mix" if f"{stem}.mix.weight" in folded else f"{stem}.conv", shift)]
        for target, added in targets:
            weight, bias = folded[f"{target}.weight"], folded[f"{target}.bias"]
            folded[f"{target}.weight"] = weight * scale.view(-1, *[1] * (weight.ndim - 1))
            folded[f"{target}.bias"] = bias * scale + added
    plain.load_state_dict(folded, strict=True)
    return plain.eval()


def scale_and_shift(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Returns scale and shift of a normalisation with running statistics, shape ``(channels,)`` each."""
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("batch normalisation without running statistics can't be folded")
    scale = 1 / torch.sqrt(variance + norm.eps)
    if not norm.affine:
        return scale, -mean * scale
    scale = norm.weight * scale
    return scale, norm.bias - mean * scale


@torch.no_grad()
def fold_statistics(trained: StatisticsMember, config: NetworkConfig) -> StatisticsMember:
    """Returns a statistics MLP that computes the same without batch normalisation; see ``fold_batch_norm``.

    The normalisation of the input, which scales the statistics, is folded into the first layer.
    """
    plain = build_statistics_mlp(config)
    plain.head.load_state_dict(trained.head.state_dict())
    tensors = {name: tensor.clone() for name, tensor in trained.state_dict().items() if name.startswith("layers")}
    for number, norm in enumerate((trained.scale, *trained.norms)):
        if not isinstance(norm, nn.BatchNorm1d):
            continue
        scale, shift = scale_and_shift(norm)
        names = f"layers.{max(0, number - 1)}.weight", f"layers.{max(0, number - 1)}.bias"
        weight, bias = (tensors[name] for name in names)
        if number == 0:  # the first normalisation precedes its layer, the others follow theirs
            folded = weight * scale, bias + weight @ shift
        else:
            folded = weight * scale.unsqueeze(1), bias * scale + shift
        tensors |= dict(zip(names, folded, strict=True))
    plain.layers.load_state_dict({name.removeprefix("layers."): tensor for name, tensor in tensors.items()})
    return plain.eval()


def combine(members: Sequence[Member], config: NetworkConfig) -> BuiltinNetwork:
    """Folds the ``members`` and returns a network that averages their logits, for each kind separately."""
    convolutional = [member for member in members if isinstance(member, MemberNetwork)]
    statistics = [member for member in members if isinstance(member, StatisticsMember)]
    network = BuiltinNetwork(replace(config, members=len(convolutional), statistics_members=len(statistics)))
    for target, source in zip(network.members, convolutional, strict=True):
        target.load_state_dict(fold_batch_norm(source).state_dict())
    for target, mlp in zip(network.counting, statistics, strict=True):
        target.load_state_dict(fold_statistics(mlp, config).state_dict())
    return network.eval()


def part_of(network: BuiltinNetwork, convolutional: Sequence[int], statistics: Sequence[int]) -> BuiltinNetwork:
    """Returns a network with some of the members of ``network``, selected by their positions within their kind."""
    config = replace(network.config, members=len(convolutional), statistics_members=len(statistics))
    part = BuiltinNetwork(config)
    part.front_end = network.front_end
    part.members = nn.ModuleList(network.members[number] for number in convolutional)
    part.counting = nn.ModuleList(network.counting[number] for number in statistics)
    return part.eval()


def heads_of(network: PooledNetwork, numbers: Sequence[int]) -> PooledNetwork:
    """Returns a network with some of the heads of ``network`` and with the same encoders, which are not copied."""
    part = copy.copy(network)
    part.__dict__["_modules"] = network.__dict__["_modules"].copy()  # a module's copy shares this dictionary
    part.heads = nn.ModuleList(network.heads[number] for number in numbers)
    return part.eval()
