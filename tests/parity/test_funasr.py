"""The native engine gives FunASR's numbers, for each stage and as a whole, with weights that reveal mistakes."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.support.checkpoints import LARGE, TINY, TINY_TWELVE_HEADS, TOKENS, make_checkpoint, make_clip, normalize
from tests.support.parity_pairs import Pair, load_pair, run_stages, softmax, upstream_scores, whole
from webui.engine.emotion2vec.checkpoint import load_network
from webui.engine.emotion2vec.network import Emotion2vec
from webui.engine.emotion2vec.onnx.export import write_graph
from webui.engine.emotion2vec.onnx.model import About, load_onnx
from webui.engine.emotion2vec.torch_model import TorchModel
from webui.engine.protocol import Window
from webui.settings import Precision

STAGE_TOLERANCE = 2e-5
SCORE_TOLERANCE = 1e-5
INT8_TOLERANCE = 0.12  # 0.085 measured; a random checkpoint is far more sensitive than a trained one
TINY_SECONDS = (0.025, 0.1, 0.33, 1.0, 3.3, 10.0)
LARGE_SECONDS = (0.1, 1.0, 3.0, 10.0, 30.0)


@pytest.fixture(scope="module", params=[TINY, TINY_TWELVE_HEADS], ids=["4 heads", "12 heads"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return load_pair(tmp_path_factory.mktemp("tiny"), request.param)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("large")
    yield load_pair(directory, LARGE)
    for path in directory.iterdir():
        path.unlink()


def test_every_stage(tiny: Pair) -> None:
    compared = run_stages(tiny, normalize(make_clip(5, 2.0)))
    assert len(compared) == 7 + 1 + 5 + 1 + tiny.network.config.prenet_depth + tiny.network.config.depth
    for stage, (ours, theirs) in compared.items():
        assert theirs.std() > 0.05, stage
        torch.testing.assert_close(
            ours, theirs, rtol=0, atol=STAGE_TOLERANCE, msg=lambda text, at=stage: f"{at}: {text}"
        )


@pytest.mark.parametrize("seconds", TINY_SECONDS)
def test_tiny_scores(tiny: Pair, seconds: float) -> None:
    for number in range(9):
        clip = make_clip(number, seconds)
        ours = tiny.native.predict([whole(clip)], with_features=True)[0]
        theirs = tiny.reference.predict([whole(clip)], with_features=True)[0]
        np.testing.assert_allclose(ours.features, theirs.features, atol=2e-5)
        assert np.abs(softmax(ours.logits.mean(axis=0)) - upstream_scores(tiny, clip)).max() <= SCORE_TOLERANCE


@pytest.mark.parametrize("seconds", LARGE_SECONDS)
def test_large_scores(large: Pair, seconds: float) -> None:
    clip = make_clip(round(seconds * 7), seconds)
    ours = large.native.predict([whole(clip)], with_features=True)[0]
    theirs = large.reference.predict([whole(clip)], with_features=True)[0]
    assert len(ours.logits) == math.floor((len(clip) - 400) / 320) + 1
    np.testing.assert_allclose(ours.features, theirs.features, atol=1e-4)
    published = upstream_scores(large, clip)
    assert np.abs(softmax(ours.logits.mean(axis=0)) - published).max() <= SCORE_TOLERANCE
    assert np.abs(softmax(theirs.logits.mean(axis=0)) - published).max() <= 1e-6


def test_large_exported(large: Pair, tmp_path: Path) -> None:
    network, info = load_network(large.directory, large.directory / "model.safetensors")
    about = About(
        precision="fp32",
        tokens=TOKENS,
        hop_samples=info.config.hop_samples,
        min_samples=info.config.receptive_samples,
        embed_dim=info.config.embed_dim,
        source_sha256="",
    )
    clips = [make_clip(number, 2.0) for number in range(9)]
    published = [upstream_scores(large, clip) for clip in clips]
    assert len({int(scores.argmax()) for scores in published}) >= 5
    for precision, tolerance in ((Precision.FP32, SCORE_TOLERANCE), (Precision.INT8, INT8_TOLERANCE)):
        path = tmp_path / "model.onnx"
        write_graph(network, precision, about, path, normalize=True)
        model = load_onnx("large", path, license="none")
        ours = [softmax(model.predict([whole(clip)])[0].logits.mean(axis=0)) for clip in clips]
        assert max(np.abs(own - reference).max() for own, reference in zip(ours, published, strict=True)) <= tolerance
        assert [scores.argmax() for scores in ours] == [scores.argmax() for scores in published]


def test_upstream_embeddings(tiny: Pair) -> None:
    clip = make_clip(3, 1.5)
    generate = tiny.reference._pipeline.generate
    per_frame = generate(clip, granularity="frame", extract_embedding=True)[0]["feats"]
    pooled = generate(clip, granularity="utterance", extract_embedding=True)[0]["feats"]
    ours = tiny.native.predict([whole(clip)], with_features=True)[0].features
    assert ours is not None
    np.testing.assert_allclose(ours, per_frame, atol=2e-5)
    np.testing.assert_allclose(ours.mean(axis=0), pooled, atol=2e-5)


def test_both_normalise_a_window_with_statistics_of_its_recording(tiny: Pair) -> None:
    clip = make_clip(6, 2.0)
    piece = Window(clip[4000:20_000], whole(clip).mean, whole(clip).variance)
    ours, theirs = tiny.native.predict([piece])[0], tiny.reference.predict([piece])[0]
    np.testing.assert_allclose(ours.logits, theirs.logits, atol=2e-4)
    alone = tiny.reference.predict([whole(clip[4000:20_000])])[0]
    assert np.abs(alone.logits - theirs.logits).max() > 1e-3


def swap_norms(network: Emotion2vec) -> None:
    for block in network.encoder.blocks:
        block.norm1, block.norm2 = block.norm2, block.norm1


def drop_attention_scale(network: Emotion2vec) -> None:
    with torch.no_grad():
        for block in network.encoder.blocks:
            dim = network.config.embed_dim
            block.qkv.weight[:dim] *= (dim // network.config.num_heads) ** 0.5
            block.qkv.bias[:dim] *= (dim // network.config.num_heads) ** 0.5


def drop_head_scale(network: Emotion2vec) -> None:
    network.alibi.scale = nn.Parameter(torch.ones_like(network.alibi.scale))


def wrong_slope(network: Emotion2vec) -> None:
    network.alibi.slopes = network.alibi.slopes.clone()
    network.alibi.slopes[0] *= 1.05


def unclamped_scale(network: Emotion2vec) -> None:
    scale = network.alibi.scale.detach().clone()
    scale[0, 0, 1] = 0.3  # was negative, which counts as 0
    network.alibi.scale = nn.Parameter(scale)


def biased_extra_tokens(network: Emotion2vec) -> None:
    def biased(_block: nn.Module, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        x, bias = inputs
        bias = bias.clone()
        bias[..., 0] -= 0.5
        return x, bias

    for block in (*network.encoder.context_blocks, *network.encoder.blocks):
        block.register_forward_pre_hook(biased)


def no_context_norm(network: Emotion2vec) -> None:
    network.encoder.norm = nn.Identity()


def wrong_epsilon(network: Emotion2vec) -> None:
    network.wave[3].norm = nn.LayerNorm(network.config.conv_layers[0][0], eps=1e-2)


@pytest.fixture(scope="module")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("mutants"), TINY, training=False)


@pytest.mark.parametrize(
    "mutate",
    [
        swap_norms,
        drop_attention_scale,
        drop_head_scale,
        wrong_slope,
        unclamped_scale,
        biased_extra_tokens,
        no_context_norm,
        wrong_epsilon,
    ],
    ids=lambda mutate: mutate.__name__,
)
def test_mistakes_in_the_network_would_be_detected(mutate: Callable[[Emotion2vec], None], tiny_weights: Path) -> None:
    clip = make_clip(5, 2.0)
    logits = []
    for change in (lambda _network: None, mutate):
        network, info = load_network(tiny_weights.parent, tiny_weights)
        change(network)
        model = TorchModel("mutant", network, info, license="none", device=torch.device("cpu"))
        logits.append(model.predict([whole(clip)])[0].logits)
    before, after = logits
    difference = np.abs(softmax(after.mean(axis=0)) - softmax(before.mean(axis=0))).max()
    assert difference > 10 * SCORE_TOLERANCE, "the parity tests would not fail"
