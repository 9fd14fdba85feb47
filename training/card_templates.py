"""Texts of the model card, with placeholders for the figures."""

from typing import Final

HEAD: Final = """\
{origin}
- Input: 16 kHz mono, normalised over the recording. Output: logits of {labels} classes, 50 times a second, each value
  for 4 frames ({names}).
- Network: log-mel spectrogram and pitch image, 2-D and 1-D convolutions, attentive pooling over a sliding window,
  linear head; members of this kind: {members}, trained separately and averaged.{statistics}
- {parameters:.2f} million parameters; {size_mb:.1f} MB on disk in half precision, computed in fp32. A frame depends on
  {context_s:.1f} s of audio on either side.
- Temperature {temperature}, fitted on the members' logits for speakers they were not trained on.
- Cost on a {machine}: {speed_ms:.0f} ms for 5 s of audio on one core, {load_ms:.0f} ms to load.
- Licence of the weights: {license}, see LICENSE.

## How good it is

{count} clips of {speakers} speakers. **Each speaker is evaluated only with the members of this file that were not
trained on that speaker** ({members_per_speaker} of {all_members}). {whole_model}
Chance level is {chance:.3f}. In brackets: 95 % confidence intervals, first when speakers are resampled, then when clips
are resampled (bootstrap, 1,000 rounds). {few_speakers}

| unweighted average recall | | |
|---|---|---|
"""

WHOLE_MODEL_TRAINED: Final = """\
The whole model, as the program runs it, was trained
on all of these speakers: measured on these recordings it would look far better than it is. For new speakers all members
are averaged, which could not be measured here."""

WHOLE_MODEL_PARTLY_TRAINED: Final = """\
The whole model, as the program runs it, was trained
on {trained} of these speakers: measured on their recordings it would look far better than it is."""

WHOLE_MODEL_NOT_TRAINED: Final = """\
The model was not trained on any of these speakers."""

OWN_FEW_SPEAKERS: Final = """\
With so few speakers per corpus the first interval is rough: the figures for other
speakers may be lower."""

USER_FEW_SPEAKERS: Final = """\
The fewer speakers there are, the rougher the first interval is: the
figures for other speakers may be lower."""

OWN_ORIGIN: Final = """\
# The built-in model, version {version}

A small network of this project, trained from scratch on three corpora of acted speech. **It is not Emotion2Vec+ Large**
and is far less accurate. It exists so that the program works on any machine without a download, and every result
names it.
"""

USER_ORIGIN: Final = """\
# A small model of emotion in speech, version {version}

Trained by the programs of this project on a user's own recordings. **It is not Emotion2Vec+ Large.** Copied to
`models/NAME/`, it can be selected on the page and with `bash run.sh recognize a.wav --model NAME`.
"""

USE: Final = """
## Intended use

{purpose}\
- Not for decisions about people (hiring, credit, police, health, schools, insurance, work), and not for watching
  people. A score says what a voice sounds like to a small model, not what a person feels.
- It was trained on {speakers} speakers. With other speakers, rooms and speaking styles the figures may be lower.
"""

OWN_PURPOSE: Final = """\
- To try the program, to test it, and as a fallback when the large model is not on the machine.
"""

OWN_USE: Final = """\
- Not for any commercial use.
- All training speech is acted, read, and recorded in quiet rooms, by adults. Expect less on spontaneous speech, on
  children and old people, on telephone lines and in noise.
- **It was trained on German, English and Polish, and on no other language.** How well it does in Chinese, Japanese,
  Korean, Hindi, Arabic, Spanish, French, Russian or any other language is unknown.
- The figures above are for new speakers of the same corpora. On other corpora the model is much weaker.
- The corpora do not have the same classes (nEMO has no disgust; only EMO-DB has "other", which is boredom there), so
  a recording that sounds like one corpus may be assigned to the classes of that corpus.

## Data

RAVDESS (English, speech part), EMO-DB (German), nEMO (Polish): credits in LICENSE. `calm` counts as neutral,
`boredom` as other. Splits are always made by speaker: the sentences are the same for every emotion.
"""

USER_USE: Final = """
## Data

Recordings supplied by the user who ran the training. The model has not been trained on other languages, speaking styles
or groups of people.
"""

TRANSFER_INTRODUCTION: Final = """
## Held-out corpora

These figures are not of the weights in this folder. For each line one member of each kind was trained by the recipe of
`training/` on the other corpora, and this pair was evaluated on all clips of the held-out corpus, among the classes
that it has in common with the others. Unweighted average recall; intervals as above.
"""
