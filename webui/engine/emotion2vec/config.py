"""Sizes of Emotion2vec, as a checkpoint's ``config.yaml`` states them."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webui.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Emotion2vecConfig:
    """Sizes of the network, named as in ``config.yaml``.

    Attributes:
        embed_dim: length of a feature vector.
        depth: number of transformer blocks after the prenet.
        prenet_depth: number of transformer blocks of the prenet.
        num_heads: attention heads of each block.
        mlp_ratio: width of a block's hidden layer, in ``embed_dim``.
        norm_eps: added to the variance in the blocks' LayerNorm.
        num_extra_tokens: learnt tokens in front of the frames.
        conv_layers: ``(channels, kernel, stride)`` of each convolution of the waveform.
        conv_pos_depth: number of positional convolutions.
        conv_pos_width: frames that all positional convolutions together see, about.
        conv_pos_groups: groups of channels in a positional convolution.
        labels: number of rows of the head.
    """

    embed_dim: int
    depth: int
    prenet_depth: int
    num_heads: int
    mlp_ratio: float
    norm_eps: float
    num_extra_tokens: int
    conv_layers: tuple[tuple[int, int, int], ...]
    conv_pos_depth: int
    conv_pos_width: int
    conv_pos_groups: int
    labels: int

    @classmethod
    def from_model_conf(cls, conf: Mapping[str, Any], *, labels: int) -> "Emotion2vecConfig":
        """Reads the ``model_conf`` of a ``config.yaml``.

        Raises:
            CheckpointError: an entry is missing, or describes a network that is not Emotion2vec's.
        """
        try:
            audio = conf["modalities"]["audio"]
            expected: dict[str, tuple[Mapping[str, Any], object]] = {
                "layer_norm_first": (conf, False),
                "conv_pos_pre_ln": (audio, False),
            }
            expected |= {"extractor_mode": (audio, "layer_norm"), "use_alibi_encoder": (audio, True)}
            for key, (table, value) in expected.items():
                if table[key] != value:
                    raise CheckpointError("checkpoint.config_unsupported", key=key, found=table[key], expected=value)
            return cls(
                embed_dim=int(conf["embed_dim"]),
                depth=int(conf["depth"]),
                prenet_depth=int(audio["prenet_depth"]),
                num_heads=int(conf["num_heads"]),
                mlp_ratio=float(conf["mlp_ratio"]),
                norm_eps=float(conf["norm_eps"]),
                num_extra_tokens=int(audio["num_extra_tokens"]),
                conv_layers=read_conv_spec(audio["feature_encoder_spec"]),
                conv_pos_depth=int(audio["conv_pos_depth"]),
                conv_pos_width=int(audio["conv_pos_width"]),
                conv_pos_groups=int(audio["conv_pos_groups"]),
                labels=labels,
            )
        except (KeyError, TypeError, ValueError, SyntaxError) as err:
            raise CheckpointError(
                "checkpoint.config_unreadable", file="config.yaml", reason=f"{type(err).__name__}: {err}"
            ) from err

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next: 320."""
        hop = 1
        for _, _, stride in self.conv_layers:
            hop *= stride
        return hop

    @property
    def receptive_samples(self) -> int:
        """Samples that one frame depends on, and the fewest that give a frame: 400."""
        samples = 1
        for _, kernel, stride in reversed(self.conv_layers):
            samples = (samples - 1) * stride + kernel
        return samples


def read_conv_spec(spec: str) -> tuple[tuple[int, int, int], ...]:
    """Reads ``"[(512, 10, 5)] + [(512, 3, 2)] * 4"``: lists, ``+`` and ``* n``, and nothing else.

    Raises:
        ValueError: it contains anything else.
        SyntaxError: it can't be parsed.
    """

    def read(node: ast.expr) -> list[tuple[int, int, int]]:
        match node:
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return read(left) + read(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=ast.Constant(value=int(times))):
                return read(left) * times
            case ast.List():
                layers = [tuple(layer) for layer in ast.literal_eval(node)]
                if all(len(layer) == 3 and all(type(size) is int and size > 0 for size in layer) for layer in layers):
                    return layers
        raise ValueError(f"feature_encoder_spec {spec!r} is not a sum of lists of (channels, kernel, stride)")

    return tuple(read(ast.parse(spec.strip(), mode="eval").body))
