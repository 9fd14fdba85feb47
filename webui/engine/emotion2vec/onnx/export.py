"""Exports a checkpoint as one ONNX file (fp32, fp16 or int8) or as slim safetensors, for programs without PyTorch.

The graph contains all steps from the raw waveform on: normalisation, encoder, head.

Inputs: ``waveforms (B, S)``, zero-padded at the end; their true lengths ``samples (B,)``; ``mean (B,)`` and
``variance (B,)`` of each whole recording.

Outputs: ``logits (B, T, L)`` and ``features (B, T, D)`` of each frame; ``embedding (B, D)``, the mean of a waveform's
features.
"""

import logging
import tempfile
from functools import partial
from pathlib import Path

import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import save_file

from webui.engine.emotion2vec.checkpoint import CheckpointInfo, load_network, read_safetensors
from webui.engine.emotion2vec.convert import LOCK_FILE, SPARE_BYTES, check_space, source_hash
from webui.engine.emotion2vec.files import SOURCE_HASH, TOKENS_FILE, exported_name, half_name
from webui.engine.emotion2vec.network import Emotion2vec
from webui.engine.emotion2vec.onnx.int8_calibration import calibrate_shifts
from webui.engine.emotion2vec.onnx.model import ABOUT_KEY, About
from webui.errors import CheckpointError, OutputError, RequestError, first_line
from webui.files import replace_file
from webui.settings import Precision

logger = logging.getLogger(__name__)


def export_onnx(directory: Path, weights: Path, target: Path, precision: Precision) -> Path:
    """Writes ``model.<precision>.onnx`` into ``target``, atomically, and returns its path.

    Args:
        directory: folder of the checkpoint's small files.
        weights: slim or published weights.
        target: folder of the new file; it is created if it doesn't exist.
        precision: precision of the file's weights.

    Raises:
        CheckpointError: the weights are damaged or invalid.
        OutputError: the disk is full, or the folder can't be written.
    """
    path = target / exported_name(precision)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with FileLock(target / LOCK_FILE), tempfile.TemporaryDirectory(dir=target, prefix=".export") as folder:
            check_space(target, 2 * weights.stat().st_size + SPARE_BYTES)
            network, info = load_network(directory, weights)
            about = _about(directory, info, source_hash(weights), precision)
            draft = Path(folder) / path.name
            write_graph(network, precision, about, draft, normalize=info.normalize)
            replace_file(path, draft.rename)
    except OSError as err:
        raise OutputError("checkpoint.not_written", folder=str(target), reason=str(err)) from err
    logger.info("checkpoint: %s exported as %s", weights.name, path.name)
    return path


def export_safetensors(weights: Path, target: Path, precision: Precision) -> Path:
    """Writes the slim weights as fp16 into ``target`` and returns the path of the file.

    For fp32 nothing is written and ``weights`` is returned.

    Args:
        weights: the slim fp32 weights.
        target: folder of the new file.
        precision: fp32 or fp16.

    Raises:
        RequestError: another precision was requested.
        OutputError: the disk is full, or the folder can't be written.
    """
    if precision is Precision.FP32:
        return weights
    if precision is not Precision.FP16:
        raise RequestError("engine.no_such_weights", found=precision.value)
    tensors = {name: tensor.to(torch.float16) for name, tensor in read_safetensors(weights).items()}
    path = target / half_name()
    try:
        target.mkdir(parents=True, exist_ok=True)
        with FileLock(target / LOCK_FILE):
            check_space(target, weights.stat().st_size // 2 + SPARE_BYTES)
            metadata = {"format": "pt", SOURCE_HASH: source_hash(weights)}
            replace_file(path, partial(save_file, tensors, metadata=metadata))
    except (OSError, SafetensorError) as err:
        raise OutputError("checkpoint.not_written", folder=str(target), reason=str(err)) from err
    return path


def write_graph(network: Emotion2vec, precision: Precision, about: About, path: Path, *, normalize: bool) -> None:
    """Writes a network as an ONNX file.

    Args:
        network: the network, on the CPU and in fp32.
        precision: precision of the file's weights.
        about: metadata of the file.
        path: path of the file.
        normalize: whether waveforms are normalised over their whole length.

    Raises:
        CheckpointError: the network can't be written as ONNX.
    """
    import onnx  # imported late: it is only needed to export

    from webui.engine.emotion2vec.onnx.graph import Emotion2vecGraph
    from webui.engine.emotion2vec.onnx.weights import halve_weights

    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    shifts = calibrate_shifts(network) if precision is Precision.INT8 else None
    try:
        model = Emotion2vecGraph(network.config, weights, normalize=normalize, shifts=shifts).build()
        if precision is Precision.FP16:
            halve_weights(model)
        onnx.helper.set_model_props(model, {ABOUT_KEY: about.as_metadata()})
        onnx.save(model, str(path))
    except (onnx.checker.ValidationError, ValueError) as err:
        raise CheckpointError("checkpoint.not_exported", file=path.name, reason=first_line(err)) from err


def _about(directory: Path, info: CheckpointInfo, digest: str, precision: Precision) -> About:
    tokens = (directory / TOKENS_FILE).read_text(encoding="utf-8").splitlines()
    return About(
        precision=precision.value,
        tokens=tuple(tokens),
        hop_samples=info.config.hop_samples,
        min_samples=info.config.receptive_samples,
        embed_dim=info.config.embed_dim,
        source_sha256=digest,
    )
