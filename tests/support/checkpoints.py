"""Checkpoints like the published one, with random weights that reveal mistakes.

A default initialisation proves nothing: norms have no effect, biases are zero, and every clip gets the same class.
Here every tensor is random, a few ALiBi scales are negative (the network clamps them), and the head is fitted on the
features of synthetic clips until all nine classes occur with scores like a trained model's.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import yaml
from torch import Tensor

from webui.engine.emotion2vec.checkpoint import match_tensors, read_info
from webui.engine.emotion2vec.files import CONFIG_FILE, PICKLE_FILE, TOKENS_FILE
from webui.engine.emotion2vec.network import Emotion2vec

TOKENS: Final = (
    "生气/angry", "厌恶/disgusted", "恐惧/fearful", "开心/happy", "中立/neutral", "其他/other", "难过/sad",
    "吃惊/surprised", "<unk>",
)  # fmt: skip
AUDIO: Final = "d2v_model.modality_encoders.AUDIO"
SAMPLE_RATE: Final = 16_000
TOP_SCORE: Final = 0.8  # the head is scaled to this median score of the top class


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Sizes that differ between the models of the family."""

    embed_dim: int
    num_heads: int
    depth: int = 8
    prenet_depth: int = 4
    channels: int = 512
    conv_pos_groups: int = 16
    num_extra_tokens: int = 10
    decoder_dim: int = 768


LARGE: Final = Sizes(embed_dim=1024, num_heads=16)
BASE: Final = Sizes(embed_dim=768, num_heads=12)
TINY: Final = Sizes(
    embed_dim=48, num_heads=4, depth=2, prenet_depth=2, channels=24, conv_pos_groups=4, num_extra_tokens=3,
    decoder_dim=16,
)  # fmt: skip
TINY_TWELVE_HEADS: Final = Sizes(
    embed_dim=48, num_heads=12, depth=2, prenet_depth=1, channels=24, conv_pos_groups=4, num_extra_tokens=3,
    decoder_dim=16,
)  # fmt: skip


def make_config(sizes: Sizes) -> dict[str, Any]:
    """The entries of ``config.yaml`` that the network and FunASR read, with the published values."""
    convolutions = (
        f"[({sizes.channels}, 10, 5)] + [({sizes.channels}, 3, 2)] * 4 + [({sizes.channels},2,2)]"
        f" + [({sizes.channels},2,2)]"
    )
    audio = {
        "type": "AUDIO", "add_masks": False, "alibi_max_pos": None, "alibi_scale": 1.0, "conv_pos_depth": 5,
        "conv_pos_groups": sizes.conv_pos_groups, "conv_pos_pre_ln": False, "conv_pos_width": 95,
        "decoder": {
            "add_positions_all": False, "add_positions_masked": False, "decoder_dim": sizes.decoder_dim,
            "decoder_groups": 16, "decoder_kernel": 7, "decoder_layers": 4, "decoder_residual": True,
            "input_dropout": 0.1, "projection_layers": 1, "projection_ratio": 2.0,
        },
        "ema_local_encoder": False, "encoder_zero_mask": True, "end_drop_path_rate": 0.0,
        "extractor_mode": "layer_norm", "feature_encoder_spec": convolutions, "init_extra_token_zero": True,
        "inverse_mask": False, "keep_masked_pct": 0.0, "learned_alibi": False, "learned_alibi_scale": True,
        "learned_alibi_scale_per_head": True, "learned_alibi_scale_per_layer": False, "local_grad_mult": 1.0,
        "mask_channel_length": 64, "mask_channel_prob": 0.0, "mask_dropout": 0.0, "mask_length": 5,
        "mask_noise_std": 0.01, "mask_prob": 0.55, "mask_prob_adjust": 0.1, "mask_prob_min": None,
        "model_depth": sizes.depth, "num_alibi_heads": sizes.num_heads,
        "num_extra_tokens": sizes.num_extra_tokens, "prenet_depth": sizes.prenet_depth, "prenet_dropout": 0.1,
        "prenet_layerdrop": 0.0, "remove_masks": False, "start_drop_path_rate": 0.0, "use_alibi_encoder": True,
    }  # fmt: skip
    conf = {
        "_name": "data2vec_multi", "activation_dropout": 0.0, "attention_dropout": 0.1, "average_top_k_layers": 16,
        "clone_batch": 12, "decoder_group": False, "depth": sizes.depth, "dropout_input": 0.0,
        "embed_dim": sizes.embed_dim, "encoder_dropout": 0.1, "end_drop_path_rate": 0.0,
        "end_of_block_targets": False, "layer_norm_first": False, "layerdrop": 0.0, "loss_beta": 0.0,
        "loss_scale": None, "mlp_ratio": 4.0, "modalities": {"_name": None, "audio": audio}, "norm_affine": True,
        "norm_eps": 1.0e-05, "normalize": True, "num_heads": sizes.num_heads, "post_mlp_drop": 0.1,
        "shared_decoder": None, "skip_ema": False, "start_drop_path_rate": 0.0, "supported_modality": "AUDIO",
    }  # fmt: skip
    return {
        "model": "Emotion2vec",
        "model_conf": conf,
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": "<unk>", "split_with_space": True},
        "scope_map": ["d2v_model.", "none"],
    }


def draw_tensors(sizes: Sizes, *, seed: int, labels: int = len(TOKENS)) -> dict[str, Tensor]:
    """Returns every tensor of the published checkpoint under its published name, including the decoder."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}

    def put(name: str, *shape: int, scale: float, mean: float = 0.0) -> None:
        tensors[name] = mean + scale * torch.randn(*shape, generator=generator)

    def put_norm(name: str, dim: int) -> None:
        put(f"{name}.weight", dim, scale=0.2, mean=1.0)
        put(f"{name}.bias", dim, scale=0.2)

    def put_linear(name: str, outputs: int, *inputs: int) -> None:
        fan_in = int(np.prod(inputs))
        put(f"{name}.weight", outputs, *inputs, scale=fan_in**-0.5)
        put(f"{name}.bias", outputs, scale=0.1)

    def put_block(name: str) -> None:
        dim = sizes.embed_dim
        put_norm(f"{name}.norm1", dim)
        put_linear(f"{name}.attn.qkv", 3 * dim, dim)
        put_linear(f"{name}.attn.proj", dim, dim)
        put_norm(f"{name}.norm2", dim)
        put_linear(f"{name}.mlp.fc1", 4 * dim, dim)
        put_linear(f"{name}.mlp.fc2", dim, 4 * dim)

    channels, dim = sizes.channels, sizes.embed_dim
    for index, (inputs, kernel) in enumerate([(1, 10), *[(channels, 3)] * 4, *[(channels, 2)] * 2]):
        name = f"{AUDIO}.local_encoder.conv_layers.{index}"
        put(f"{name}.0.weight", channels, inputs, kernel, scale=(2.0 / (inputs * kernel)) ** 0.5)
        put_norm(f"{name}.2.1", channels)
    put_norm(f"{AUDIO}.project_features.1", channels)
    put_linear(f"{AUDIO}.project_features.2", dim, channels)
    for index in range(1, 6):
        name = f"{AUDIO}.relative_positional_encoder.{index}.0"
        put_linear(name, dim, dim // sizes.conv_pos_groups, 95 // 5)
    put(f"{AUDIO}.extra_tokens", 1, sizes.num_extra_tokens, dim, scale=1.0)
    put(f"{AUDIO}.alibi_scale", 1, 1, sizes.num_heads, 1, 1, scale=1.0, mean=0.8)
    tensors[f"{AUDIO}.alibi_scale"][0, 0, 1] = -0.7
    put_norm(f"{AUDIO}.context_encoder.norm", dim)
    for index in range(sizes.prenet_depth):
        put_block(f"{AUDIO}.context_encoder.blocks.{index}")
    for index in range(sizes.depth):
        put_block(f"d2v_model.blocks.{index}")
    for index in range(4):
        inputs = dim if index == 0 else sizes.decoder_dim
        put_linear(f"{AUDIO}.decoder.blocks.{index}.0", sizes.decoder_dim, inputs // 16, 7)
    put_linear(f"{AUDIO}.decoder.proj", dim, sizes.decoder_dim)
    put_linear("proj", labels, dim)
    return tensors


def make_clip(number: int, seconds: float) -> np.ndarray:
    """A synthetic clip ``(samples,)`` at 16 kHz: pulse trains, noises and glides that depend on ``number``."""
    generator = np.random.default_rng(number)
    samples = round(seconds * SAMPLE_RATE)
    times = np.arange(samples) / SAMPLE_RATE
    pitch = 90 + 35 * (number % 9) + (10 + 5 * (number % 4)) * np.sin(2 * np.pi * (1 + number % 5) * times)
    buzz = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE)) * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * times))
    noise = np.convolve(generator.normal(size=samples + 16), np.hanning(1 + number % 17 + 1), mode="full")[:samples]
    mix = (number % 7) / 6
    clip = (1 - mix) * buzz + mix * noise / (np.abs(noise).max() + 1e-9) + 0.01 * generator.normal(size=samples)
    return (0.3 * clip / np.abs(clip).max() + 0.01 * (number % 3)).astype(np.float32)


def normalize(clip: np.ndarray) -> Tensor:
    """Normalises a waveform as upstream does before the network; returns ``(1, samples)``."""
    waveform = torch.from_numpy(clip)
    return torch.nn.functional.layer_norm(waveform, waveform.shape)[None]


def fit_head(tensors: dict[str, Tensor], directory: Path, *, clips: int, seconds: float) -> None:
    """Fits ``proj`` so that clip i tends to class i modulo 9, with the median top score at ``TOP_SCORE``."""
    info = read_info(directory)
    with torch.device("meta"):
        network = Emotion2vec(info.config)
    network.load_state_dict(match_tensors(tensors, network, file_name="drawn"), assign=True)
    network.eval()
    with torch.inference_mode():
        pooled = torch.cat([network(normalize(make_clip(i, seconds)))[0].mean(dim=1) for i in range(clips)])  # (N, D)
    labels = len(info.labels)
    targets = torch.eye(labels)[torch.arange(clips) % labels]  # (N, L)
    mean = pooled.mean(dim=0)
    centered = (pooled - mean).double()
    gram = centered @ centered.T  # (N, N): ridge regression in its dual form, since D is larger than N
    ridge = 0.05 * gram.diagonal().mean() * torch.eye(clips, dtype=torch.float64)
    weight = (centered.T @ torch.linalg.solve(gram + ridge, (targets - targets.mean(dim=0)).double())).T  # (L, D)
    logits = centered @ weight.T
    scale = _scale_for(logits, TOP_SCORE)
    tensors["proj.weight"] = (scale * weight).float().contiguous()
    tensors["proj.bias"] = -(tensors["proj.weight"] @ mean)


def _scale_for(logits: Tensor, top: float) -> float:
    low, high = 1e-3, 1e4
    for _ in range(60):
        middle = (low * high) ** 0.5
        score = torch.softmax(middle * logits, dim=1).max(dim=1).values.median().item()
        low, high = (middle, high) if score < top else (low, middle)
    return low


def make_checkpoint(
    directory: Path, sizes: Sizes = TINY, *, seed: int = 1, clips: int = 27, seconds: float = 1.0, training: bool = True
) -> Path:
    """Writes ``config.yaml``, ``tokens.txt``, ``configuration.json`` and ``model.pt`` as they are published.

    Args:
        directory: folder of the checkpoint; created if necessary.
        sizes: sizes of the network.
        seed: seed of the weights.
        clips: number of synthetic clips that the head is fitted on.
        seconds: length of these clips.
        training: whether the file has optimizer state and training arguments, like the published one.

    Returns:
        The path of ``model.pt``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / CONFIG_FILE).write_text(yaml.safe_dump(make_config(sizes)), encoding="utf-8")
    (directory / TOKENS_FILE).write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    (directory / "configuration.json").write_text(
        '{"framework": "pytorch", "task": "emotion-recognition", "model": {"type": "funasr"}, "file_path_metas": '
        '{"init_param": "model.pt", "tokenizer_conf": {"token_list": "tokens.txt"}, "config": "config.yaml"}}',
        encoding="utf-8",
    )
    tensors = draw_tensors(sizes, seed=seed)
    fit_head(tensors, directory, clips=clips, seconds=seconds)
    content: dict[str, Any] = {"model": tensors}
    if training:
        state = {
            i: {"exp_avg": torch.zeros_like(t), "exp_avg_sq": torch.zeros_like(t)}
            for i, t in enumerate(tensors.values())
        }
        content |= {"last_optimizer_state": {"state": state}, "args": argparse.Namespace(lr=1e-4), "epoch": 3}
    torch.save(content, directory / PICKLE_FILE)
    return directory / PICKLE_FILE
