"""Heads on cached outputs of encoders: windows, draws, labels, priors, folding, and a head that learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from training.data import Clip, TrainingDataError
from training.encoded import NONSPEECH
from training.head_options import HeadOptions
from training.heads import (
    TrainingHead,
    draw_weights,
    make_draws,
    nonspeech_target,
    soft_label,
    speaker_directions,
    train_head,
)
from training.window_bank import WindowBank, window_statistics
from webui.engine.builtin.pooled import WindowStatistics
from webui.labels import Emotion

LABELS = tuple(Emotion)[:8]
OPTIONS = HeadOptions(widths=(16, 8), epochs=12, clips_per_epoch=512, batch_size=64, dropout=0.1, input_dropout=0.1)
ANGRY, HAPPY, NEUTRAL, SAD = (LABELS.index(Emotion(name)) for name in ("angry", "happy", "neutral", "sad"))


def clip(corpus: str, number: int, emotion: Emotion, perceived: tuple[Emotion, ...] = ()) -> Clip:
    return Clip(corpus, f"{corpus}{number}{emotion}", f"{corpus}_{number % 4}", emotion, "", perceived)


def two_corpora() -> list[Clip]:
    """One corpus has anger and sadness, the other sadness and happiness."""
    pairs = {"one": (Emotion.ANGRY, Emotion.SAD), "two": (Emotion.SAD, Emotion.HAPPY)}
    return [clip(corpus, n, emotion) for corpus, pair in pairs.items() for emotion in pair for n in range(40)]


def bank_of(clips: list[Clip], nonspeech: int = 8) -> WindowBank:
    """Each class has a direction, each corpus an offset, and there are two windows for each recording."""
    random = np.random.default_rng(2)
    directions, offsets = random.standard_normal((8, 12)) * 2, {"one": 1.0, "two": -1.0}
    names = [one.path for one in clips] + [f"{NONSPEECH}{n}" for n in range(nonspeech)]
    values = []
    for one in clips:
        centre = directions[LABELS.index(one.emotion)] + offsets[one.corpus] * np.eye(12)[0]
        values += [centre + 0.5 * random.standard_normal(12) for _ in range(2)]
    values += [20 + random.standard_normal(12) for _ in range(2 * nonspeech)]
    starts = np.arange(0, 2 * len(names) + 1, 2)
    return WindowBank(tuple(names), (np.array(values, dtype=np.float16),), (starts,))


def test_windows_are_those_of_the_network() -> None:
    groups = np.random.default_rng(0).standard_normal((33, 6)).astype(np.float16)
    ours = window_statistics(groups, radius=7, step=5)
    theirs = WindowStatistics(7)(torch.from_numpy(groups.astype(np.float32))[None])[0, ::5]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-3)
    assert len(window_statistics(groups[:1])) == 1


def test_labels_are_mixed_with_what_listeners_heard() -> None:
    options = replace(OPTIONS, votes_share=0.4, label_smoothing=0.0)
    both = soft_label(clip("one", 0, Emotion.ANGRY, (Emotion.SAD, Emotion.NEUTRAL)), LABELS, options)
    assert both[ANGRY] == pytest.approx(0.6)
    assert both[SAD] == both[NEUTRAL] == pytest.approx(0.2)
    agreed = soft_label(clip("one", 0, Emotion.ANGRY, (Emotion.ANGRY,)), LABELS, options)
    assert agreed[ANGRY] == pytest.approx(1.0)
    assert float(soft_label(clip("one", 0, Emotion.SAD), LABELS, OPTIONS).sum()) == pytest.approx(1.0)


def test_draws_are_balanced() -> None:
    clips = [clip("big", n, Emotion.SAD) for n in range(60)] + [clip("big", n, Emotion.HAPPY) for n in range(20)]
    clips += [clip("small", n, Emotion.SAD) for n in range(10)]
    even = draw_weights(clips, replace(OPTIONS, balance=1.0))
    assert even[:60].sum() == pytest.approx(1 / 3)
    assert even[80:].sum() == pytest.approx(1 / 3)
    np.testing.assert_allclose(draw_weights(clips, replace(OPTIONS, balance=0.0)), 1 / 90)
    weak = draw_weights(clips, replace(OPTIONS, balance=1.0, weak_corpora=(("small", 0.5),)))
    assert weak[80:].sum() == pytest.approx(1 / 5)


def test_the_share_of_a_class_that_a_corpus_lacks() -> None:
    clips = two_corpora()
    priors = make_draws(bank_of(clips), clips, LABELS, replace(OPTIONS, uniform_share=0.0)).priors
    assert priors[0, ANGRY] == pytest.approx(0.5)
    assert priors[0, HAPPY] == 0
    mixed = make_draws(bank_of(clips), clips, LABELS, replace(OPTIONS, uniform_share=0.2)).priors
    assert mixed[0, HAPPY] == pytest.approx(0.2 / 8)
    torch.testing.assert_close(mixed.sum(1), torch.ones(len(clips)))
    with pytest.raises(TrainingDataError, match="encoded"):
        make_draws(bank_of(clips), [clip("three", 0, Emotion.SAD)], LABELS, OPTIONS)


def test_signals_without_speech_are_other_or_neutral() -> None:
    target = nonspeech_target(8)
    assert float(target.sum()) == pytest.approx(1.0)
    assert set(target.topk(2).indices.tolist()) == {LABELS.index(Emotion.OTHER), NEUTRAL}


def test_a_folded_head_computes_the_same() -> None:
    torch.manual_seed(0)
    removed = torch.linalg.qr(torch.randn(12, 2)).Q
    head = TrainingHead(torch.randn(12), torch.rand(12) + 0.5, removed, OPTIONS, 8)
    with torch.no_grad():
        for tensor in head.state_dict().values():
            if tensor.dtype.is_floating_point and tensor.ndim == 1:
                tensor.copy_(torch.rand_like(tensor) + 0.5)
    head.eval()
    values = torch.randn(5, 12)
    plain = head.fold()
    torch.testing.assert_close(plain.head(plain(values)), head(head.standardise(values)), atol=1e-4, rtol=1e-4)
    moved = values + (torch.randn(5, 2) @ removed.T) / head.scale  # along the removed directions
    torch.testing.assert_close(plain(moved), plain(values), atol=1e-4, rtol=1e-4)


def test_directions_of_speakers_are_found() -> None:
    clips = two_corpora()
    bank = bank_of(clips, nonspeech=0)
    random = np.random.default_rng(0)
    direction = speaker_directions(bank, clips, torch.zeros(12), torch.ones(12), random, 1)
    assert abs(float(direction[0, 0])) > 0.9  # the offset of the corpora, whose speakers differ
    assert float(direction.square().sum()) == pytest.approx(1.0, abs=1e-4)


def test_a_head_learns_and_does_not_learn_a_missing_class_as_never() -> None:
    clips = two_corpora()
    bank = bank_of(clips)
    head = train_head(bank, clips, LABELS, OPTIONS)
    again = train_head(bank, clips, LABELS, OPTIONS)
    torch.testing.assert_close(head.head.weight, again.head.weight)

    def predict(values: np.ndarray) -> int:
        return int(head.head(head(torch.from_numpy(values).float()).detach()).mean(0).argmax())

    right = [predict(bank.windows(row)) == LABELS.index(one.emotion) for row, one in enumerate(clips)]
    assert np.mean(right) > 0.95
    # happiness with the offset of the corpus that has none
    happy = bank.windows(next(row for row, one in enumerate(clips) if one.emotion is Emotion.HAPPY))
    assert predict(happy + 2 * np.eye(12)[0]) == HAPPY
    silent = [predict(bank.windows(row)) for row in range(len(clips), len(bank.names))]
    assert set(silent) <= {LABELS.index(Emotion.OTHER), NEUTRAL}
