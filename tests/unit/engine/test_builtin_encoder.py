"""The speech encoder computes what transformers' Whisper computes, and encodes any length."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import transformers
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from tests.support.checkpoints import make_clip
from training.pretrained import rename_transformers
from webui.engine.builtin.encoder import (
    CHUNK_FRAMES,
    OVERLAP_FRAMES,
    EncoderConfig,
    SpeechEncoder,
    WhisperMel,
    chunk_plan,
)

SMALL = EncoderConfig(mels=80, width=48, layers=3, heads=4, positions=CHUNK_FRAMES)


def random_weights(network: torch.nn.Module) -> None:
    """Draws every tensor, norms and biases too: a default initialisation would hide mistakes."""
    torch.manual_seed(3)
    for name, tensor in network.state_dict().items():
        mean = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        scale = 0.3 if tensor.ndim == 1 else tensor[0].numel() ** -0.5
        tensor.copy_(mean + scale * torch.randn_like(tensor))


def filled(config: EncoderConfig) -> SpeechEncoder:
    network = SpeechEncoder(config).eval().requires_grad_(False)
    random_weights(network)
    return network


@pytest.mark.parametrize("seconds", [0.025, 0.34, 3.21])
def test_the_spectrogram_equals_that_of_transformers(seconds: float) -> None:
    clip = 0.1 * make_clip(2, seconds)
    extractor = transformers.WhisperFeatureExtractor(feature_size=80)
    theirs = extractor(clip, sampling_rate=16_000, padding="longest", return_tensors="np").input_features
    ours = WhisperMel()(torch.from_numpy(clip)[None])
    np.testing.assert_allclose(ours.numpy(), np.array(theirs), atol=1e-5)


@pytest.mark.parametrize("frames", [1, 37, 400])
def test_the_blocks_equal_those_of_transformers(frames: int) -> None:
    config = transformers.WhisperConfig(
        num_mel_bins=80,
        d_model=SMALL.width,
        encoder_layers=SMALL.layers,
        encoder_attention_heads=SMALL.heads,
        encoder_ffn_dim=4 * SMALL.width,
        max_source_positions=frames,
    )
    peer = WhisperEncoder(config).eval().requires_grad_(False)
    random_weights(peer)
    ours = SpeechEncoder(EncoderConfig(width=48, layers=3, heads=4, positions=frames)).eval()
    ours.load_state_dict(rename_transformers(peer.state_dict()))
    mel = torch.randn(2, 80, 2 * frames)
    with torch.inference_mode():
        theirs = peer(mel, output_hidden_states=True).hidden_states
        found = ours(mel)
    assert len(found) == SMALL.layers + 1
    for mine, yours in zip(found[:-1], theirs[:-1], strict=True):
        torch.testing.assert_close(mine, yours, atol=1e-4, rtol=0)
    torch.testing.assert_close(peer.layer_norm(found[-1]), theirs[-1], atol=1e-4, rtol=0)


def test_positions_are_counted_from_either_end() -> None:
    mel = torch.randn(1, 80, 60)
    first = filled(SMALL)
    last = filled(EncoderConfig(width=48, layers=3, heads=4, positions=CHUNK_FRAMES, positions_at_end=True))
    torch.testing.assert_close(first(mel)[0], first.convolve(mel) + first.positions[:30])
    torch.testing.assert_close(last(mel)[0], last.convolve(mel) + last.positions[-30:])


@pytest.mark.parametrize("frames", [1, 400, 401, 699, 700, 701, 1500, 3001])
def test_chunks_cover_each_frame_once(frames: int) -> None:
    plan = chunk_plan(frames)
    assert [first for _, first, _ in plan] == [0, *(stop for _, _, stop in plan[:-1])]
    assert plan[-1][2] == frames
    longest = min(frames, CHUNK_FRAMES)
    assert all(start <= first < stop <= start + longest for start, first, stop in plan)
    for (_, _, stop), (start, _, _) in pairwise(plan):
        assert stop - start >= OVERLAP_FRAMES // 2


def test_long_audio_is_encoded_in_chunks() -> None:
    network = filled(SMALL)
    mel = torch.randn(2, 80, 2 * 950)
    whole = network.encode(mel)
    assert [tuple(out.shape) for out in whole] == [(2, 950, 48)] * 4
    start, first, stop = chunk_plan(950)[1]
    alone = network.run_blocks(network.convolve(mel)[:, start : start + CHUNK_FRAMES])
    torch.testing.assert_close(whole[-1][:, first:stop], alone[-1][:, first - start : stop - start])
