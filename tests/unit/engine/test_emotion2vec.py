"""The network: sizes, slopes, padding. Comparisons with upstream are in tests/parity."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.checkpoints import (
    LARGE,
    TINY,
    TINY_TWELVE_HEADS,
    Sizes,
    make_checkpoint,
    make_clip,
    make_config,
    normalize,
)
from tests.support.paths import SHARED
from webui.engine.emotion2vec.checkpoint import load_network
from webui.engine.emotion2vec.config import Emotion2vecConfig, read_conv_spec
from webui.engine.emotion2vec.network import Emotion2vec, alibi_slopes
from webui.engine.emotion2vec.prepack import can_prepack, grid_length, prepack_for_cpu, prepack_for_gpu
from webui.errors import CheckpointError

PUBLISHED_SPEC = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]"
PUBLISHED_CONFIG = SHARED / "facts" / "plus_large" / "config.yaml"


@pytest.fixture(scope="module", params=[TINY, TINY_TWELVE_HEADS], ids=["4 heads", "12 heads"])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Emotion2vec:
    directory = tmp_path_factory.mktemp("checkpoint")
    weights = make_checkpoint(directory, request.param, clips=9, seconds=0.5, training=False)
    return load_network(directory, weights)[0]


def test_convolution_spec_is_read_without_eval() -> None:
    assert read_conv_spec(PUBLISHED_SPEC) == ((512, 10, 5), *[(512, 3, 2)] * 4, *[(512, 2, 2)] * 2)


@pytest.mark.parametrize(
    "spec",
    [
        "__import__('os').system('true')",
        "[(512, 10, 5)] * 2 + open('x')",
        "[(512, 10)]",
        "[(512, 10, 5.0)]",
        "[(512, -10, 5)]",
        "(512, 10, 5)",
        "[(512, 10, 5)] - [(512, 3, 2)]",
        "[(512, 10, 5)",
        "",
    ],
)
def test_anything_else_in_the_spec_is_refused(spec: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        read_conv_spec(spec)


def test_sizes_of_the_published_network() -> None:
    config = Emotion2vecConfig.from_model_conf(make_config(LARGE)["model_conf"], labels=9)
    assert (config.hop_samples, config.receptive_samples) == (320, 400)
    with torch.device("meta"):
        network = Emotion2vec(config)
    assert sum(parameter.numel() for parameter in network.parameters()) == 162_140_185


@pytest.mark.skipif(not PUBLISHED_CONFIG.is_file(), reason="the published config.yaml is not next to this checkout")
def test_the_published_config_is_the_tests_config() -> None:
    import yaml

    published = yaml.safe_load(PUBLISHED_CONFIG.read_text(encoding="utf-8"))["model_conf"]
    ours = make_config(LARGE)["model_conf"]
    assert Emotion2vecConfig.from_model_conf(published, labels=9) == Emotion2vecConfig.from_model_conf(ours, labels=9)
    audio, our_audio = published["modalities"]["audio"], ours["modalities"]["audio"]
    differing = {key for key in our_audio if key not in audio or audio[key] != our_audio[key]}
    assert differing <= {"feature_encoder_spec"}  # written differently


@pytest.mark.parametrize(("key", "value"), [("layer_norm_first", True), ("embed_dim", None), ("modalities", {})])
def test_another_architecture_is_refused(key: str, value: object) -> None:
    conf = make_config(TINY)["model_conf"] | {key: value}
    with pytest.raises(CheckpointError):
        Emotion2vecConfig.from_model_conf(conf, labels=9)


def test_slopes() -> None:
    np.testing.assert_allclose(alibi_slopes(8), [2.0**-i for i in range(1, 9)])
    np.testing.assert_allclose(alibi_slopes(16), [2.0 ** (-i / 2) for i in range(1, 17)])
    np.testing.assert_allclose(alibi_slopes(12), [*alibi_slopes(8), *(2.0 ** -(i + 0.5) for i in range(4))])


def test_bias_is_zero_from_and_to_the_extra_tokens(network: Emotion2vec) -> None:
    extra = network.config.num_extra_tokens
    bias = network.alibi(5)
    assert bias.shape == (1, network.config.num_heads, extra + 5, extra + 5)
    assert torch.all(bias[:, :, :extra] == 0)
    assert torch.all(bias[:, :, :, :extra] == 0)
    scale = network.alibi.scale.view(-1)
    slopes = torch.tensor(alibi_slopes(network.config.num_heads))
    torch.testing.assert_close(bias[0, :, extra, extra + 3], -3 * slopes * scale.clamp(min=0))
    assert torch.all(bias[0, 1] == 0)  # a negative scale counts as zero


@pytest.mark.parametrize("samples", [400, 719, 720, 1600, 16_000, 16_239, 16_240])
def test_number_of_frames(network: Emotion2vec, samples: int) -> None:
    features, logits = network(torch.randn(1, samples))
    assert features.shape[1] == logits.shape[1] == (samples - 400) // 320 + 1
    assert network.count_frames(torch.tensor([samples])).item() == features.shape[1]


def test_the_head_is_linear_so_pooling_commutes(network: Emotion2vec) -> None:
    features, logits = network(normalize(make_clip(4, 2.0)))
    pooled = network.head(features.mean(dim=1))
    torch.testing.assert_close(logits.mean(dim=1), pooled, rtol=0, atol=2e-5)


@pytest.mark.parametrize("lengths", [(0.025, 0.1), (0.5, 1.37, 2.2), (3.0, 0.3, 0.31, 2.99)])
def test_a_padded_batch_gives_the_same_as_its_members(network: Emotion2vec, lengths: tuple[float, ...]) -> None:
    clips = [normalize(make_clip(number, seconds))[0] for number, seconds in enumerate(lengths)]
    samples = torch.tensor([len(clip) for clip in clips])
    batch = torch.zeros(len(clips), int(samples.max()))
    for row, clip in zip(batch, clips, strict=True):
        row[: len(clip)] = clip
    together, _ = network(batch, samples)
    for row, clip in zip(together, clips, strict=True):
        single, _ = network(clip[None])
        torch.testing.assert_close(row[: single.shape[1]], single[0], rtol=0, atol=2e-5)


def test_undeclared_padding_would_change_the_result(network: Emotion2vec) -> None:
    clip = normalize(make_clip(2, 1.0))
    padded = torch.nn.functional.pad(clip, (0, 16_000))
    single, _ = network(clip)
    naive, _ = network(padded)
    assert (naive[:, : single.shape[1]] - single).abs().max() > 1e-2


@pytest.mark.parametrize("sizes", [TINY])
def test_the_random_checkpoint_has_all_classes(sizes: Sizes, tmp_path: Path) -> None:
    network, _ = load_network(tmp_path, make_checkpoint(tmp_path, sizes, training=False))
    clips = [make_clip(number, 1.0) for number in range(45)]
    with torch.inference_mode():
        scores = torch.cat([network(normalize(clip))[1].mean(dim=1).softmax(dim=1) for clip in clips])
    top, classes = scores.max(dim=1)
    assert set(classes.tolist()) == set(range(9))
    assert 0.6 <= top.median().item() <= 0.95


def two_clips() -> torch.Tensor:
    return torch.cat([normalize(make_clip(seed, 5.0)) for seed in (1, 2)])  # (2, S), 249 frames


def test_prepacked_weights_and_pieces_change_only_rounding(tmp_path: Path) -> None:
    weights = make_checkpoint(tmp_path, TINY, training=False)
    plain, _ = load_network(tmp_path, weights)
    prepacked, _ = load_network(tmp_path, weights)
    prepack_for_cpu(prepacked)
    assert can_prepack()
    assert [name for name, module in prepacked.named_modules() if isinstance(module, nn.Linear)] == ["head"]
    with torch.inference_mode():
        features, logits = plain(two_clips())
    for frames in (7, 100, 1_000_000):  # many pieces; three pieces, the last one shorter; a single piece
        prepacked.wave.piece_frames = frames
        with torch.inference_mode():
            ours, scores = prepacked(two_clips())
        torch.testing.assert_close(ours, features, rtol=0, atol=2e-5)
        torch.testing.assert_close(
            scores, logits, rtol=0, atol=2e-5 * float(logits.std())
        )  # their standard deviation is above 1


def test_without_onednn_and_on_a_gpu_the_numbers_are_the_same(
    network: Emotion2vec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui.engine.emotion2vec.prepack.can_prepack", lambda: False)
    samples = torch.tensor([80_000, 30_123])
    with torch.inference_mode():
        expected = network(two_clips(), samples)
        for prepack in (prepack_for_cpu, prepack_for_gpu):
            prepacked = deepcopy(network)
            prepack(prepacked)
            assert all(type(new) is not type(old) for new, old in zip(prepacked.wave, network.wave, strict=True))
            for ours, plain in zip(prepacked(two_clips(), samples), expected, strict=True):
                atol = 2e-5 * max(1.0, float(plain.std()))  # the standard deviation of logits is above 1
                torch.testing.assert_close(ours[0], plain[0], rtol=0, atol=atol)
                torch.testing.assert_close(ours[1, :93], plain[1, :93], rtol=0, atol=atol)


def test_prepacked_networks_use_few_lengths() -> None:
    lengths = {grid_length(frames) for frames in range(1, 1_500)}
    assert len(lengths) == 74
    assert all(0 <= grid_length(frames) - frames < 50 for frames in range(1, 1_500))
