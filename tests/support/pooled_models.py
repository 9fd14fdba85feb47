"""A small model on top of two encoders, with random weights and the same files as a shipped one."""

from pathlib import Path

import torch

from training.pooled_export import write_pooled
from training.record import Record
from webui.engine.builtin.encoder import CHUNK_FRAMES, EncoderConfig
from webui.engine.builtin.pooled import PooledConfig, PooledNetwork
from webui.labels import Emotion

LABELS = tuple(Emotion)[:8]
SMALL_ENCODER = EncoderConfig(width=24, layers=2, heads=2, positions=CHUNK_FRAMES)
SMALL_POOLED = PooledConfig(
    encoders=(SMALL_ENCODER, EncoderConfig(width=24, layers=1, heads=2, positions=CHUNK_FRAMES, positions_at_end=True)),
    heads=2,
    widths=(16, 8),
)


def random_pooled(config: PooledConfig = SMALL_POOLED, seed: int = 1) -> PooledNetwork:
    """Returns a network in which every tensor is random, norms and biases too."""
    torch.manual_seed(seed)
    network = PooledNetwork(config).eval().requires_grad_(False)
    for name, tensor in network.state_dict().items():
        mean = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        scale = 0.3 if tensor.ndim == 1 else tensor[0].numel() ** -0.5
        tensor.copy_(mean + scale * torch.randn_like(tensor))
    return network


def write_random_pooled(directory: Path, network: PooledNetwork | None = None) -> Path:
    """Writes the files of a random model into ``directory``."""
    write_pooled(
        network if network is not None else random_pooled(),
        directory,
        labels=LABELS,
        temperature=0.8,
        version="0",
        record=Record(),
        license="none",
    )
    return directory
