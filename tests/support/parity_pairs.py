"""A checkpoint loaded by both engines, and comparisons between them; used by the tests and by ``write_table``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

from tests.support.checkpoints import LARGE, Sizes, make_checkpoint
from webui.engine.emotion2vec.convert import convert_checkpoint
from webui.engine.emotion2vec.funasr_model import FunasrModel, load_funasr_model
from webui.engine.emotion2vec.network import Emotion2vec
from webui.engine.emotion2vec.torch_model import TorchModel, load_torch_model
from webui.engine.protocol import Window
from webui.settings import Device


@dataclass(frozen=True, slots=True)
class Pair:
    """A checkpoint loaded by both engines."""

    native: TorchModel
    reference: FunasrModel
    directory: Path

    @property
    def network(self) -> Emotion2vec:
        return self.native._runner.network

    @property
    def upstream(self) -> nn.Module:
        module: nn.Module = self.reference._pipeline.model
        return module


def load_pair(directory: Path, sizes: Sizes, *, clips: int = 27) -> Pair:
    """Creates a random checkpoint in ``directory`` and loads it with both engines."""
    training = sizes is not LARGE  # its training state would be 1.3 GB
    published = make_checkpoint(directory, sizes, clips=clips, seconds=1.0, training=training)
    slim = convert_checkpoint(directory, published, directory)
    published.unlink()
    native = load_torch_model("pair", directory, slim, license="none", device=Device.CPU)
    reference = load_funasr_model("pair", directory, slim, license="none", device=Device.CPU)
    assert isinstance(native, TorchModel)
    assert isinstance(reference, FunasrModel)
    return Pair(native, reference, directory)


def whole(clip: np.ndarray) -> Window:
    """A whole recording as one window."""
    return Window(clip, float(clip.mean(dtype=np.float64)), float(clip.var(dtype=np.float64)))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return powers / powers.sum()


def upstream_scores(pair: Pair, clip: np.ndarray) -> np.ndarray:
    """Scores from FunASR's public API, without this project's code."""
    answer = pair.reference._pipeline.generate(clip, granularity="utterance", extract_embedding=False)
    return np.array(answer[0]["scores"])


def record_stages(module: nn.Module, named: dict[str, str]) -> tuple[dict[str, Tensor], list[Any]]:
    """Hooks that record the outputs of the submodules ``named`` (stage -> path)."""
    outputs: dict[str, Tensor] = {}

    def keep(stage: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: object, output: Any) -> None:  # noqa: ANN401
            outputs[stage] = (output[0] if isinstance(output, tuple) else output).detach()

        return hook

    return outputs, [module.get_submodule(path).register_forward_hook(keep(stage)) for stage, path in named.items()]


def run_stages(pair: Pair, waveform: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Returns the native and the upstream output of each stage in order, time before channels."""
    config = pair.network.config
    audio = "modality_encoders.AUDIO"
    theirs = {f"conv {i}": f"{audio}.local_encoder.conv_layers.{i}" for i in range(7)}
    ours = {f"conv {i}": f"wave.{i}" for i in range(7)}
    theirs["projection"], ours["projection"] = f"{audio}.project_features", "project"
    for i in range(config.conv_pos_depth):
        theirs[f"position {i}"] = f"{audio}.relative_positional_encoder.{i + 1}"
        ours[f"position {i}"] = f"positions.{i}"
    theirs["context norm"], ours["context norm"] = f"{audio}.context_encoder.norm", "encoder.norm"
    for i in range(config.prenet_depth):
        theirs[f"context {i}"] = f"{audio}.context_encoder.blocks.{i}"
        ours[f"context {i}"] = f"encoder.context_blocks.{i}"
    for i in range(config.depth):
        theirs[f"block {i}"], ours[f"block {i}"] = f"blocks.{i}", f"encoder.blocks.{i}"
    their_stages, their_hooks = record_stages(pair.upstream, theirs)
    our_stages, our_hooks = record_stages(pair.network, ours)
    try:
        one_piece = patch.object(pair.network.wave, "piece_frames", None)
        no_spare_rows = patch("webui.engine.emotion2vec.prepack.GRIDS", ((0, 1),))
        with torch.inference_mode(), one_piece, no_spare_rows:  # so that each layer has one output for all frames
            pair.upstream.extract_features(waveform)  # type: ignore[operator]
            pair.network(waveform)
    finally:
        for hook in (*their_hooks, *our_hooks):
            hook.remove()
    for stage in (*(f"conv {i}" for i in range(7)), *(f"position {i}" for i in range(config.conv_pos_depth))):
        theirs_last = their_stages[stage].transpose(1, 2)  # upstream keeps channels first there
        their_stages[stage] = theirs_last[:, : our_stages[stage].shape[1]]  # and includes samples after the last frame
    return {stage: (our_stages[stage], their_stages[stage]) for stage in theirs}
