"""The model card: written from ``config.json`` and ``evaluation.json``, so that no figure is typed by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from training.evaluate import EVALUATION_NAME, Answer, Evaluation, Figure
from training.record import TrainingRecord
from training.splits import GROUPS, UNASKED
from training.transfer import TRANSFER_NAME, Transfer
from webui.engine.builtin.checkpoint import BuiltinConfig, read_config

CARD_NAME: Final = "README.md"

_HEAD: Final = """\
{origin}
- Input: 16 kHz mono, normalised over the recording. Output: logits of {labels} classes, 50 times a second, each value
  for 4 frames ({names}).
- Network: log-mel spectrogram and pitch image, 2-D and 1-D convolutions, attentive pooling over a sliding window,
  linear head; {members} trained apart and averaged.{counting} {parameters:.2f} million parameters,
  {size_mb:.1f} MB, fp32. A frame sees {context_s:.1f} s to each side.
- Temperature {temperature}, fitted on what the members say of speakers they never heard.
- Cost on a {machine}: {speed_ms:.0f} ms for 5 s of audio on one core, {load_ms:.0f} ms to load.
- Licence of the weights: {license}, see LICENSE.

## How good it is

{count} clips of {speakers} speakers, **each judged by the members of this file that never heard him or her** ({judges}
of {all_members}). The whole model, as the program runs it, has heard them all: measured on these recordings it looks
far better than it is. On new voices all members answer together, and that was not measured.
Chance is {chance:.3f}. In brackets the 95 % interval when speakers are drawn again, then when clips are drawn again
(bootstrap, 1,000 rounds). With few speakers per corpus the first one is rough: other voices may fare worse.

| unweighted average recall | | |
|---|---|---|
"""

_OWN_ORIGIN: Final = """\
# The built-in model, version {version}

A small network of this project's own, trained from scratch on three corpora of acted speech. **It is not Emotion2Vec+
Large** and is far less accurate. It is here so that the program answers on any machine without a download, and it is
named in every result it gives.
"""

_USER_ORIGIN: Final = """\
# A small model of emotion in speech, version {version}

Trained by the programs of this project on recordings of somebody's own. **It is not Emotion2Vec+ Large.** Copied to
`models/NAME/`, it is a choice on the page and answers `bash run.sh recognize a.wav --model NAME`.
"""

_USE: Final = """
## What it is for, and what not

- To try the program, to test it, and as a fallback when the large model is not on the machine.
- Not for decisions about people (hiring, credit, police, health, schools, insurance, work), and not for watching
  people. A score says what a voice sounds like to a small model, not what a person feels.
- It heard {speakers} speakers. Other voices, other rooms and other ways to speak may fare worse than the figures above.
"""

_OWN_USE: Final = """\
- Not for any commercial use.
- All training speech is acted, read, and recorded in quiet rooms, by adults. Expect less on spontaneous speech, on
  children and old people, on telephone lines and in noise.
- **It heard German, English and Polish, and no other language.** Chinese, Japanese, Korean, Hindi, Arabic, Spanish,
  French, Russian and all others it never heard: nothing is known of how it fares there.
- The figures above are for new speakers of the same corpora. Transfer to a corpus it never heard is much weaker.
- The corpora don't have the same classes (nEMO has no disgust, only EMO-DB has "other", which is boredom there), so the
  sound of a corpus can pull an answer to its classes.

## Data

RAVDESS (English, speech part), EMO-DB (German), nEMO (Polish): credits in LICENSE. `calm` counts as neutral,
`boredom` as other. Split by speaker, always: the sentences are the same for every emotion.
"""

_USER_USE: Final = """
## Data

Recordings of whoever ran the training. Languages, ways to speak and groups of people that are not among them are new to
this model.
"""


def write_card(directory: Path) -> None:
    """Writes ``README.md`` beside the weights in ``directory``."""
    (directory / CARD_NAME).write_text(render_card(directory), encoding="utf-8")


def render_card(directory: Path) -> str:
    """Returns the card of the model in ``directory``."""
    config = read_config(directory)
    found = Evaluation.model_validate_json((directory / EVALUATION_NAME).read_bytes())
    record = TrainingRecord.model_validate(config.training)
    own = set(found.speakers) == {speaker for group in GROUPS for speaker in group}
    parts = [
        _head(config, found, own=own),
        _figures(found),
        _confusion("all clips", found.labels, found.confusion, found.recalls),
        *(_confusion(name, found.labels, matrix) for name, matrix in found.confusions.items()),
        _transfer(directory),
        _hardships(found),
        _answers(found),
        _USE.format(speakers=len(record.heard())),
        _OWN_USE if own else _USER_USE,
        _members(record),
    ]
    return "".join(parts)


def _head(config: BuiltinConfig, found: Evaluation, *, own: bool) -> str:
    sizes = config.network_config()
    return _HEAD.format(
        origin=(_OWN_ORIGIN if own else _USER_ORIGIN).format(version=config.version),
        labels=len(config.labels),
        names=", ".join(config.labels),
        members=sizes.members,
        counting=_counting(config),
        parameters=found.parameters / 1e6,
        size_mb=found.size_bytes / 1e6,
        context_s=sizes.context_frames * config.front_end.hop_samples / config.front_end.sample_rate,
        temperature=config.temperature,
        machine=found.machine,
        speed_ms=found.speed_ms,
        load_ms=found.load_s * 1000,
        license=config.license,
        count=f"{sum(found.clips.values()):,}",
        speakers=len(found.speakers),
        judges=found.judges,
        all_members=sizes.members + sizes.statistics_members,
        chance=1 / len(config.labels),
    )


def _counting(config: BuiltinConfig) -> str:
    network = config.network
    if not network.statistics_members:
        return ""
    return (
        f" Beside them {network.statistics_members} perceptrons on what\n  a voice does on average (means and "
        f"deviations of loudness, pitch and their movement), with {network.statistics_share:.0%} of the answer."
    )


def _figures(found: Evaluation) -> str:
    lines = [_row(f"all clips pooled, {len(found.labels)} classes", found.pooled)]
    lines += [_row(f"{name}, {found.clips[name]} clips", figure) for name, figure in found.corpora.items()]
    lines.append(_row("mean of the corpora", found.mean_of_corpora))
    return (
        "\n".join(lines)
        + f"\n\nAccuracy {found.accuracy:.3f}. Mean confidence {found.mean_confidence:.3f}, expected calibration error "
        + f"{found.calibration_error:.3f} (15 bins).\n{_unasked(found)}\n`{found.command}`, on a {found.machine}.\n"
    )


def _unasked(found: Evaluation) -> str:
    if not found.unasked:
        return ""
    recalls = ", ".join(f"{name} {figure.value:.3f}" for name, figure in found.unasked.items())
    low, high = found.unasked["mean"].over_speakers
    return (
        f"\nThe recipe was settled on the other speakers; {', '.join(UNASKED)}\n"
        f"chose nothing. Those alone: {recalls} [{low:.3f}, {high:.3f}].\n"
    )


def _row(name: str, figure: Figure) -> str:
    speakers, clips = figure.over_speakers, figure.over_clips
    return (
        f"| {name} | **{figure.value:.3f}** "
        f"| [{speakers[0]:.3f}, {speakers[1]:.3f}] · [{clips[0]:.3f}, {clips[1]:.3f}] |"
    )


def _confusion(
    name: str,
    labels: Sequence[str],
    matrix: Sequence[Sequence[int]],
    recalls: Mapping[str, float] | None = None,
) -> str:
    head = "" if recalls is None else " recall |"
    lines = [
        f"\nRows are the truth, columns the answer ({name}):\n",
        "| | " + " | ".join(labels) + f" |{head}",
        "|---" * (len(labels) + (1 if recalls is None else 2)) + "|",
    ]
    for label, counts in zip(labels, matrix, strict=True):
        if recalls is not None or any(counts):
            last = "" if recalls is None else f" {recalls[label]:.2f} |"
            lines.append(f"| {label} | " + " | ".join(str(count) for count in counts) + f" |{last}")
    return "\n".join(lines) + "\n"


def _transfer(directory: Path) -> str:
    path = directory / TRANSFER_NAME
    if not path.is_file():
        return ""
    record = Transfer.model_validate_json(path.read_bytes())
    lines = [
        "\n## A corpus it never heard\n\nNot the weights of this folder: for each line one member of each kind was "
        "trained by the recipe of `training/`\non the other corpora, and both were asked about all of that one, among "
        "the classes they share. Unweighted\naverage recall; intervals as above.\n",
        "| never heard | heard | classes | clips | speakers | chance | recall | | training |",
        "|---" * 9 + "|",
    ]
    for one in record.corpora:
        lines.append(
            f"| {one.corpus} | {', '.join(one.heard)} | {len(one.labels)} | {one.clips} | {one.speakers} "
            f"| {1 / len(one.labels):.3f} {_row('', one.recall)[3:]} seed {one.seed}, {one.epochs} epochs |"
        )
    return "\n".join(lines) + f"\n\n`{record.command}`, on a {record.machine}.\n"


def _hardships(found: Evaluation) -> str:
    if not found.hardships:
        return ""
    lines = [
        f"\n## In worse conditions\n\n{found.hardship_clips} of the clips (up to six of every speaker in every "
        "emotion), spoilt by program:\n",
        "| | recall, pooled | recall, mean of corpora | mean confidence |",
        "|---|---|---|---|",
    ]
    for one in found.hardships:
        lines.append(f"| {one.name} | {one.pooled:.3f} | {one.mean_of_corpora:.3f} | {one.mean_confidence:.3f} |")
    return "\n".join(lines) + "\n"


def _answers(found: Evaluation) -> str:
    said = "\nWhat it says when nobody speaks:\n" + "; ".join(_said(answer) for answer in found.probes) + ".\n"
    if not found.strangers:
        return said
    right = sum(answer.emotion == answer.expected for answer in found.strangers)
    return (
        f"{said}\nA corpus it never heard (Thorsten-Voice, one speaker, {len(found.strangers)} clips): {right} right.\n"
        + "; ".join(_said(answer) for answer in found.strangers)
        + ".\n"
    )


def _said(answer: Answer) -> str:
    return f"{answer.name}: {answer.emotion} {answer.confidence:.2f}"


def _members(record: TrainingRecord) -> str:
    judge = record.calibration
    everybody = {*record.heard(), *judge.speakers}
    rows = [
        f"| {m.seed} | {'counts' if m.counting else 'shapes'} | {m.epochs} | {len(m.speakers)} "
        f"| {', '.join(sorted(everybody - set(m.speakers))) or 'nobody'} |"
        for m in record.members
    ]
    recalls = ", ".join(f"{name} {value:.3f}" for name, value in judge.recalls.items())
    began = "" if record.started_from is None else f"\nThey went on from the members of {record.started_from}."
    taught = "" if record.teacher is None else f"\nThe labels are what the model {record.teacher} said."
    return (
        "\n| seed | member | epochs | speakers heard | never heard |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n\nThe temperature was fitted on all speakers, each with the members that never heard him or her "
        + f"(recall:\n{recalls}; expected calibration error {judge.error:.3f}).{began}{taught}\n\n"
        + "Made by the programs in `training/`; `training/README.md` has the commands.\n"
    )
