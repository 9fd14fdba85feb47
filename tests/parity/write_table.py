"""Writes docs/PARITY.md: ``python -m tests.parity.write_table``. Takes minutes, and 2 GB of disk space temporarily."""

import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from tests.support.checkpoints import BASE, LARGE, TINY, TINY_TWELVE_HEADS, Sizes, make_clip, normalize
from tests.support.parity_pairs import Pair, load_pair, run_stages, softmax, upstream_scores, whole
from tests.support.paths import ROOT

PAGE: Final = ROOT / "docs" / "PARITY.md"
SECONDS: Final = (0.025, 0.1, 0.5, 1.0, 3.0, 10.0, 30.0)
STAGE_CLIP_S: Final = 2.0

HEAD: Final = """# Parity with FunASR · 与 FunASR 的一致性

Written by `python -m tests.parity.write_table`; the same comparisons run as tests (`bash run.sh test parity`).

The published weights cannot be part of a test, so the checkpoints here are random, in a way that makes errors visible:
every tensor is random (norm weights and biases, all biases, extra tokens, ALiBi scales per head with some negative),
and the head is fitted until all nine classes occur with a median top score near 0.8. With the published weights,
`bash run.sh verify emotion2vec_plus_large` makes the same comparison on your machine and stores the outcome
next to the weights.

"difference" is the largest absolute difference between the native engine and `funasr.AutoModel.generate` on the same
samples; scores are utterance scores, features are per frame. "pooling" is the largest difference between
softmax(mean of our frame logits) and FunASR's utterance scores computed from its own features.
"""


def stage_table(name: str, pair: Pair) -> list[str]:
    rows = [f"\n## Stage by stage: {name}, {STAGE_CLIP_S:g} s\n", "| stage | difference | spread of values (std) |"]
    rows.append("|---|---|---|")
    for stage, (ours, theirs) in run_stages(pair, normalize(make_clip(5, STAGE_CLIP_S))).items():
        rows.append(f"| {stage} | {(ours - theirs).abs().max().item():.1e} | {theirs.std().item():.2f} |")
    return rows


def length_table(name: str, pair: Pair) -> list[str]:
    rows = [f"\n## Whole clips: {name}\n", "| clip | frames | features | scores | pooling | FunASR's top score |"]
    rows.append("|---|---|---|---|---|---|")
    for seconds in SECONDS:
        clip = make_clip(round(seconds * 7), seconds)
        ours, theirs = (model.predict([whole(clip)], with_features=True)[0] for model in (pair.native, pair.reference))
        assert ours.features is not None
        assert theirs.features is not None
        published = upstream_scores(pair, clip)
        score = np.abs(softmax(ours.logits.mean(axis=0)) - published).max()
        pooling = np.abs(softmax(theirs.logits.mean(axis=0)) - published).max()
        features = np.abs(ours.features - theirs.features).max()
        cells = (f"{seconds:g} s", str(len(ours.logits)), f"{features:.1e}", f"{score:.1e}", f"{pooling:.1e}")
        rows.append(f"| {' | '.join(cells)} | {published.max():.2f} |")
    return rows


def describe(name: str, sizes: Sizes) -> str:
    return f"{name} ({sizes.embed_dim} wide, {sizes.num_heads} heads, {sizes.prenet_depth} + {sizes.depth} blocks)"


def main() -> None:
    lines = [HEAD]
    versions = ", ".join(f"{package} {version(package)}" for package in ("torch", "funasr", "numpy"))
    lines.append(f"Machine: {platform.machine()} CPU; Python {platform.python_version()}, {versions}.")
    for name, sizes in (("tiny", TINY), ("tiny, 12 heads", TINY_TWELVE_HEADS)):
        with tempfile.TemporaryDirectory() as folder:
            pair = load_pair(Path(folder), sizes)
            lines += stage_table(describe(name, sizes), pair)
    for name, sizes in (("plus_base's sizes", BASE), ("plus_large's sizes", LARGE)):
        with tempfile.TemporaryDirectory() as folder:
            pair = load_pair(Path(folder), sizes)
            lines += length_table(describe(name, sizes), pair)
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{PAGE.name} written")  # noqa: T201


if __name__ == "__main__":
    main()
