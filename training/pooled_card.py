"""The parts of the model card that differ for a model on top of pretrained encoders."""

from typing import Final

from training.corpora import BY_NAME, Corpus
from training.record import Evaluation, TrainingRecord
from webui.engine.builtin.checkpoint import PooledModelConfig
from webui.engine.builtin.encoder import CHUNK_FRAMES, FRAME_SAMPLES, SAMPLE_RATE

LANGUAGES: Final = {"bn": "Bangla", "de": "German", "en": "English", "hi": "Hindi", "id": "Indonesian", "pl": "Polish"}

HEAD: Final = """\
# {title}, version {version}

A small network of this project on top of {encoders} pretrained speech encoders. **It is not Emotion2Vec+ Large** and
is less accurate. It exists so that the program works on any machine without a download, and every result names it.

- Input: 16 kHz mono, normalised over the recording. Output: logits of {labels} classes, 50 times a second, each value
  for {group} frames ({names}).
- Network: the first {layers} blocks of each encoder, which are not trained further; means and deviations of their
  outputs over {window_s:.1f} s around each moment; {heads} multilayer perceptrons on these, trained separately and
  averaged. Longer audio than {chunk_s:.0f} s is encoded in overlapping chunks.
- {parameters:.2f} million parameters; {size_mb:.1f} MB on disk (matrices of the encoders in int8, the rest in half
  precision), computed in fp32.
- Temperature {temperature}, fitted on the logits for speakers that the perceptrons were not trained on.
- Cost on a {machine}: {speed_ms:.0f} ms for 5 s of audio on one core, {load_ms:.0f} ms to load.
- Licence of the weights: {license}, see LICENSE.

## How good it is

{count} clips of {speakers} speakers. **Each speaker is evaluated only with the perceptron of this file that was not
trained on that speaker** ({members_per_speaker} of {heads}). The whole model, as the program runs it, was trained on
all of these speakers: measured on these recordings it would look far better than it is. For new speakers all of them
are averaged, which could not be measured here.
Chance level is {chance:.3f}. In brackets: 95 % confidence intervals, first when speakers are resampled, then when clips
are resampled (bootstrap, 1,000 rounds).

| unweighted average recall | | |
|---|---|---|
"""

DATA: Final = """\
- {use}
- Almost all training speech is acted, read, and recorded in quiet rooms, by adults. Expect less on spontaneous speech,
  on children and old people, on telephone lines and in noise.
- **The perceptrons were trained on {languages}, and on no other language.** The encoders were trained on more
  languages, but not on emotions. How well the model does in Chinese, Japanese, Korean, Arabic, Spanish, French, Russian
  or any other language is unknown.
- The figures above are for new speakers of the same corpora. On other corpora the model is weaker.
- The corpora do not have the same classes, so a recording that sounds like one corpus may be assigned to its classes.

## Data

`calm` counts as neutral; boredom, disappointment and the like as other. Splits are always made by speaker: the
sentences are the same for every emotion. Credits are in LICENSE.

| corpus | speech | licence | stated by | free for any use |
|---|---|---|---|---|
{corpora}

The encoders, which are the only initial weights; no other model taught this one:

| encoder | package | licence | what it is |
|---|---|---|---|
{encoders}

"""
POOLED_TRANSFER: Final = """
## Held-out corpora

These figures are not of the weights in this folder. For each line one perceptron was trained by the same recipe on
the other corpora and evaluated on all clips of the held-out corpus, among the classes that it has in common with the
others: the honest figure for a stranger's recording. Unweighted average recall; intervals as above.
"""
NONCOMMERCIAL_USE: Final = "Not for any commercial use."
FREE_USE: Final = "For any use that gives the credits in LICENSE, as far as the licences of corpora and encoders say."


def render_head(config: PooledModelConfig, evaluation: Evaluation, record: TrainingRecord) -> str:
    """Returns the card up to the table of recalls."""
    network = config.network
    if not record.corpora:
        title = "A model of emotion in speech"
    elif all(corpus.any_use for corpus in _corpora(record)):
        title = "The free built-in model"
    else:
        title = "The built-in model"
    reach_s = (network.radius + 0.5) * network.group_frames * FRAME_SAMPLES / SAMPLE_RATE
    return HEAD.format(
        title=title,
        version=config.version,
        encoders={1: "one", 2: "two"}.get(len(network.encoders), str(len(network.encoders))),
        labels=len(config.labels),
        names=", ".join(config.labels),
        group=network.group_frames,
        layers=network.encoders[0].layers,
        window_s=2 * reach_s,
        heads=network.heads,
        chunk_s=CHUNK_FRAMES * FRAME_SAMPLES / SAMPLE_RATE,
        parameters=evaluation.parameters / 1e6,
        size_mb=evaluation.size_bytes / 1e6,
        temperature=config.temperature,
        machine=evaluation.machine,
        speed_ms=evaluation.speed_ms,
        load_ms=evaluation.load_s * 1000,
        license=config.license,
        count=f"{sum(evaluation.clips.values()):,}",
        speakers=len(evaluation.speakers),
        members_per_speaker=evaluation.members_per_speaker,
        chance=1 / len(config.labels),
    )


def render_groups(evaluation: Evaluation) -> str:
    """Returns the recalls per language and per sex, and how well the embedding tells emotions apart."""
    names = {"f": "women", "m": "men"}
    rows = [(LANGUAGES.get(code, code), figure) for code, figure in evaluation.languages.items()]
    rows += [(names.get(sex, sex), figure) for sex, figure in evaluation.sexes.items()]
    lines = [
        f"| {name} | **{one.value:.3f}** | [{one.over_speakers[0]:.3f}, {one.over_speakers[1]:.3f}] |"
        for name, one in rows
    ]
    table = (
        "\n| unweighted average recall | | over speakers |\n|---|---|---|\n" + "\n".join(lines) + "\n" if lines else ""
    )
    if evaluation.neighbours is None:
        return table
    return (
        f"{table}\nEmbedding: the nearest neighbour among other speakers of all corpora has the same emotion for "
        f"{evaluation.neighbours:.1%} of the clips\n(speakers that the perceptron was not trained on).\n"
    )


def render_data(record: TrainingRecord) -> str:
    """Returns the card's part about use and data."""
    corpora = _corpora(record)
    languages = sorted({LANGUAGES.get(corpus.language, corpus.language) for corpus in corpora})
    return DATA.format(
        use=FREE_USE if all(corpus.any_use for corpus in corpora) else NONCOMMERCIAL_USE,
        languages=f"{', '.join(languages[:-1])} and {languages[-1]}" if len(languages) > 1 else languages[0],
        corpora="\n".join(
            f"| {one.title} | {one.spoken} | {one.license} | {one.evidence} | {'yes' if one.any_use else 'no'} |"
            for one in corpora
        ),
        encoders="\n".join(f"| {one.name} | {one.package} | {one.license} | {one.origin} |" for one in record.encoders),
    )


def _corpora(record: TrainingRecord) -> list[Corpus]:
    return [BY_NAME[name] for name in record.corpora if name in BY_NAME]
