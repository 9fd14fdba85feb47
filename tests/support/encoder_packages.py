"""A distribution like the one that carries whisper-tiny.en, with a small random encoder in CTranslate2's format."""

import hashlib
import io
import re
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from training.pretrained import CTRANSLATE2_FLOAT16, TINY_EN, Pretrained
from webui.engine.builtin.encoder import EncoderConfig, SpeechEncoder

SMALL = EncoderConfig(width=24, layers=4, heads=2, positions=450)
NAMES = {
    "attention_norm": "self_attention/layer_norm",
    "query_key_value": "self_attention/linear_0",
    "attention_out": "self_attention/linear_1",
    "forward_norm": "ffn/layer_norm",
    "forward_in": "ffn/linear_0",
    "forward_out": "ffn/linear_1",
}


def write_package(folder: Path) -> tuple[Pretrained, SpeechEncoder]:
    """Writes the distribution into ``folder`` and returns its description and the encoder with the same weights."""
    torch.manual_seed(4)
    network = SpeechEncoder(SMALL).eval().requires_grad_(False)
    for name, tensor in network.state_dict().items():
        mean = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        scale = 0.3 if tensor.ndim == 1 else tensor[0].numel() ** -0.5
        tensor.copy_((mean + scale * torch.randn_like(tensor)).half())
    content = _ctranslate2({_their_name(name): tensor.numpy() for name, tensor in network.state_dict().items()})
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / TINY_EN.wheel, "w") as archive:
        archive.writestr(TINY_EN.member, content)
    return replace(TINY_EN, name="small", config=SMALL, sha256=hashlib.sha256(content).hexdigest()), network


def _their_name(name: str) -> str:
    if name == "positions":
        return "encoder/position_encodings/encodings"
    if match := re.fullmatch(r"blocks\.(\d+)\.(\w+)\.(\w+)", name):
        kind = {"weight": "gamma", "bias": "beta"}[match[3]] if "norm" in match[2] else match[3]
        return f"encoder/layer_{match[1]}/{NAMES[match[2]]}/{kind}"
    return "encoder/" + name.replace(".", "/")


def _ctranslate2(tensors: dict[str, np.ndarray]) -> bytes:
    stream = io.BytesIO()

    def text(words: str) -> None:
        stream.write(struct.pack("<H", len(words) + 1) + words.encode() + b"\0")

    stream.write(struct.pack("<I", 6))
    text("WhisperSpec")
    stream.write(struct.pack("<I", 3))
    stream.write(struct.pack("<I", len(tensors) + 1))
    for name, array in {"decoder/ignored": np.zeros((2, 2)), **tensors}.items():
        data = array.astype(np.float16).tobytes()
        text(name)
        stream.write(struct.pack("<B", array.ndim) + b"".join(struct.pack("<I", size) for size in array.shape))
        stream.write(struct.pack("<BI", CTRANSLATE2_FLOAT16, len(data)) + data)
    return stream.getvalue()
