"""Sizes of the Emotion2vec network, read from a checkpoint's ``config.yaml``."""

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
        mlp_ratio: width of a block's hidden layer, as a multiple of ``embed_dim``.
        norm_eps: number added to the variance in the LayerNorm of blocks.
        num_extra_tokens: number of learnt tokens before the frames.
        conv_layers: ``(channels, kernel, stride)`` of each convolution of the waveform.
        conv_pos_depth: number of positional convolutions.
        conv_pos_width: approximate receptive field of all positional convolutions together, in frames.
        conv_pos_groups: number of groups of channels in a positional convolution.
        labels: number of classes.
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
            CheckpointError: an entry is missing, or describes a network other than Emotion2vec.
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
        """Distance between consecutive frames, in samples: 320."""
        hop = 1
        for _, _, stride in self.conv_layers:
            hop *= stride
        return hop

    @property
    def receptive_samples(self) -> int:
        """Number of samples that one frame depends on, and so the length of the shortest input: 400."""
        samples = 1
        for _, kernel, stride in reversed(self.conv_layers):
            samples = (samples - 1) * stride + kernel
        return samples


def read_conv_spec(spec: str) -> tuple[tuple[int, int, int], ...]:
    """Parses a specification like ``"[(512, 10, 5)] + [(512, 3, 2)] * 4"``, without evaluating it as code.

    Raises:
        ValueError: it contains anything but lists, ``+`` and ``*``.
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
