"""Members: folding of batch normalisation, averaging, and the context that a frame depends on."""

from dataclasses import replace

import pytest
import torch

from tests.support.training_corpus import SMALL
from training.members import combine, fold_batch_norm, fold_statistics, make_member
from webui.engine.builtin.checkpoint import STATISTICS_BANDS
from webui.engine.builtin.network import MemberNetwork, NetworkConfig
from webui.engine.builtin.statistics import BANDS, StatisticsMember


def random_member(config: NetworkConfig) -> MemberNetwork:
    """A convolutional member with random values in every tensor, normalisation statistics included."""
    torch.manual_seed(1)
    member = MemberNetwork(config, batch_norm=True).eval()
    for name, tensor in member.state_dict().items():
        if "running_var" in name or name.endswith("norm.weight"):
            tensor.uniform_(0.5, 2.0)
        elif "norm" in name and tensor.dtype.is_floating_point:
            tensor.normal_(0, 0.5)
    return member


def test_folding_batch_norm_changes_nothing() -> None:
    member = random_member(NetworkConfig())
    mel, pitch = torch.randn(2, 1, 64, 60), torch.randn(2, 1, 48, 60)
    plain = fold_batch_norm(member)
    assert not any("norm" in name for name in plain.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(plain(mel, pitch), member(mel, pitch), atol=1e-4, rtol=1e-4)


def random_statistics_mlp(config: NetworkConfig) -> StatisticsMember:
    """A statistics MLP with random values in every tensor."""
    torch.manual_seed(2)
    member = make_member(config, statistics_mlp=True, batch_norm=True).eval()
    assert isinstance(member, StatisticsMember)
    for name, tensor in member.state_dict().items():
        if "running_var" in name or (name.startswith("norms") and name.endswith("weight")):
            tensor.uniform_(0.5, 2.0)
        elif ("norms" in name or name.startswith("scale")) and tensor.dtype.is_floating_point:
            tensor.normal_(0, 0.5)
    return member


def test_folding_the_norms_of_a_statistics_mlp_changes_nothing() -> None:
    member = random_statistics_mlp(NetworkConfig())
    mel, pitch = torch.randn(2, 1, 64, 60), torch.rand(2, 1, 48, 60)
    plain = fold_statistics(member, NetworkConfig())
    assert not any("norm" in name or "scale" in name for name in plain.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(
            plain.group_features(mel, pitch), member.group_features(mel, pitch), atol=1e-4, rtol=1e-4
        )
    assert BANDS == STATISTICS_BANDS


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_statistics_of_very_few_frames_are_finite(frames: int) -> None:
    member = random_statistics_mlp(NetworkConfig())
    with torch.no_grad():
        features = member.group_features(torch.randn(1, 1, 64, frames), torch.rand(1, 1, 48, frames))
    assert features.shape == (1, -(-frames // 4), 128)
    assert features.isfinite().all()


def test_downsampled_layers_equal_the_dense_ones_at_every_fourth_frame() -> None:
    member = fold_batch_norm(random_member(NetworkConfig()))
    mel = torch.randn(2, 1, 64, 61)
    with torch.no_grad():
        dense, downsampled = member.mel(mel, downsample=False), member.mel(mel, downsample=True)
        for block in member.time:
            dense, downsampled = block(dense, 4), block(downsampled, 1)
    assert downsampled.shape == (2, 192, 16)
    torch.testing.assert_close(dense[:, :, ::4], downsampled, atol=1e-4, rtol=1e-4)


def test_members_are_averaged() -> None:
    first, second = random_member(SMALL), random_member(SMALL)
    for tensor in second.head.parameters():
        tensor.data.add_(0.3)
    samples = torch.randn(1, 16_000)
    with torch.no_grad():
        both, features = combine([first, second], SMALL)(samples)
        single = [combine([member], SMALL)(samples)[0] for member in (first, second)]
    torch.testing.assert_close(both, (single[0] + single[1]) / 2, atol=1e-5, rtol=1e-5)
    assert features.shape[2] == 32


def test_statistics_mlps_have_their_share_and_the_head_is_linear() -> None:
    convolutional, statistics = (
        random_member(SMALL),
        [random_statistics_mlp(SMALL), random_statistics_mlp(SMALL)],
    )
    for tensor in statistics[1].head.parameters():
        tensor.data.add_(0.3)
    network = combine([statistics[0], convolutional, statistics[1]], SMALL)
    samples = torch.randn(1, 16_000)
    with torch.no_grad():
        logits, features = network(samples)
        single = [combine([convolutional], replace(SMALL, statistics_share=0.0))(samples)[0]]
        single += [
            combine([convolutional, member], replace(SMALL, statistics_share=1.0))(samples)[0] for member in statistics
        ]
    expected = 0.65 * single[0] + 0.35 * (single[1] + single[2]) / 2
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    assert features.shape[2] == network.config.feature_size == 16 + 2 * 128
    heads = [network.members[0].head, *(member.head for member in network.counting)]
    shares = [0.65, 0.175, 0.175]
    weight = torch.cat([share * head.weight for share, head in zip(shares, heads, strict=True)], dim=1)
    bias = sum(share * head.bias for share, head in zip(shares, heads, strict=True))
    with torch.no_grad():
        torch.testing.assert_close(features.mean(1) @ weight.T + bias, logits.mean(1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("statistics_mlp", [False, True])
def test_a_frame_depends_on_no_more_than_the_stated_context(statistics_mlp: bool) -> None:
    members = [random_member(NetworkConfig()), *([random_statistics_mlp(NetworkConfig())] if statistics_mlp else [])]
    network = combine(members, NetworkConfig())
    config = network.config
    reach = config.context_frames * 320 + config.front_end.reach_samples
    samples = torch.randn(1, 16_000 * 10)
    middle = 251  # the last of the four frames that share a value: its context reaches furthest back
    with torch.no_grad():
        before = network(samples)[0][0, middle]
        outside = samples.clone()
        outside[:, : middle * 320 - reach] += 1
        outside[:, middle * 320 + 400 + reach :] += 1
        torch.testing.assert_close(network(outside)[0][0, middle], before, atol=1e-6, rtol=1e-6)
        inside = samples.clone()
        inside[:, : middle * 320 - reach + 960] += 1e4 * torch.randn(middle * 320 - reach + 960)
        assert (network(inside)[0][0, middle] - before).abs().max() > 1e-6
