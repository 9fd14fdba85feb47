"""Compares this project's encoder with transformers' on the real weights: ``python -m training.encoder_check FOLDER``.

``FOLDER`` has the two distributions of ``training/requirements.txt``. Prints the largest difference for each encoder,
relative to the value where the value exceeds 1, and fails if one exceeds 0.0001.
"""

import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from training.pretrained import ENCODERS, load_pretrained
from webui.engine.builtin.encoder import LEVEL, SAMPLE_RATE, EncoderConfig, SpeechEncoder, WhisperMel

TOLERANCE: Final = 1e-4
SECONDS: Final = 4.0


def largest_difference(network: SpeechEncoder) -> float:
    """Returns the largest difference of spectrogram and blocks to transformers', for modulated noise."""
    import transformers
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    config = network.config
    random = np.random.default_rng(1)
    time_s = np.arange(int(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    wave = random.standard_normal(time_s.size) * (1.1 + np.sin(20 * time_s)) + np.sin(900 * time_s)
    wave = (wave * LEVEL / wave.std()).astype(np.float32)
    extractor = transformers.WhisperFeatureExtractor(feature_size=config.mels)  # type: ignore[no-untyped-call]
    features = extractor(wave, sampling_rate=SAMPLE_RATE, padding="longest", return_tensors="np").input_features
    mel = WhisperMel(config.mels)(torch.from_numpy(wave)[None])
    steps = mel.shape[2] // 2
    peer = WhisperEncoder(_peer_config(config, steps)).eval()  # type: ignore[no-untyped-call]
    peer.load_state_dict(_their_tensors(network, steps), strict=False)  # its last norm is not part of our encoder
    with torch.inference_mode():
        hidden = peer(torch.from_numpy(np.array(features)), output_hidden_states=True).hidden_states
        found = network(mel)
        last = peer.layer_norm(found[-1])
    blocks = zip(found[:-1], hidden[:-1], strict=True)
    pairs = [(mel, torch.from_numpy(np.array(features))), *blocks, (last, hidden[-1])]
    return max(float(((mine - yours) / yours.abs().clamp(min=1)).abs().max()) for mine, yours in pairs)


def _peer_config(config: EncoderConfig, steps: int) -> Any:  # noqa: ANN401 - transformers is imported late
    import transformers

    return transformers.WhisperConfig(
        num_mel_bins=config.mels,
        d_model=config.width,
        encoder_layers=config.layers,
        encoder_attention_heads=config.heads,
        encoder_ffn_dim=4 * config.width,
        max_source_positions=steps,
    )


def _their_tensors(network: SpeechEncoder, steps: int) -> dict[str, Tensor]:
    """Returns our tensors under the names of transformers' ``WhisperEncoder``."""
    parts = {"attention_norm": "self_attn_layer_norm", "attention_out": "self_attn.out_proj"}
    parts |= {"forward_norm": "final_layer_norm", "forward_in": "fc1", "forward_out": "fc2"}
    at_end = network.config.positions_at_end
    found = {"embed_positions.weight": network.positions[-steps:] if at_end else network.positions[:steps]}
    for name, tensor in network.state_dict().items():
        if name.startswith("conv"):
            found[name] = tensor
        elif name.startswith("blocks"):
            _, number, part, kind = name.split(".")
            if part == "query_key_value":
                triple = zip("qkv", tensor.chunk(3), strict=True)
                found |= {f"layers.{number}.self_attn.{letter}_proj.{kind}": third for letter, third in triple}
            else:
                found[f"layers.{number}.{parts[part]}.{kind}"] = tensor
    return {name: tensor for name, tensor in found.items() if not name.endswith("k_proj.bias")}


def main(folder: Path) -> int:
    """Checks both encoders and returns the exit status."""
    differences = {name: largest_difference(load_pretrained(encoder, folder)) for name, encoder in ENCODERS.items()}
    for name, difference in differences.items():
        sys.stdout.write(f"{name}: largest difference {difference:.1e}\n")
    return int(max(differences.values()) > TOLERANCE)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
