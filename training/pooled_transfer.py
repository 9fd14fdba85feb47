"""Each corpus left out in turn: a head is trained on the other corpora and judges that one; nothing is encoded again.

Only the classes that the left-out corpus has in common with the others are compared.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from training.data import labels_in
from training.head_options import HeadOptions
from training.heads import train_head
from training.predict import ClipLogits
from training.record import HeldOutCorpus, Transfer
from training.splits import Plan
from training.transfer import held_out_record, leave_out
from training.window_bank import WindowBank
from webui.engine.builtin.pooled import PooledHead


def measure_pooled_transfer(
    bank: WindowBank, plan: Plan, options: HeadOptions, *, command: str, machine: str
) -> Transfer | None:
    """Returns the recall of every corpus by a head that was trained on the others; None if there is one corpus only.

    Args:
        bank: the windows of all recordings.
        plan: the clips of all speakers.
        options: how to train.
        command: the command that was run, for the record.
        machine: description of the machine, for the record.
    """
    names = sorted({clip.corpus for clip in plan.clips})
    if len(names) < 2:
        return None
    corpora = [_measure(name, bank, plan, options) for name in names]
    return Transfer(command=command, machine=machine, corpora=tuple(corpora))


def _measure(name: str, bank: WindowBank, plan: Plan, options: HeadOptions) -> HeldOutCorpus:
    split, held_out = leave_out(plan, name)
    labels = labels_in(plan.clips)
    head = train_head(bank, split.train, labels, options)
    shared = tuple(label for label in labels_in(split.train) if label in labels_in(held_out))
    clips = [clip for clip in held_out if clip.emotion in shared and clip.path in bank.row_of]
    logits = np.stack([clip_logits(head, bank, bank.row_of[clip.path]) for clip in clips])
    truth = np.array([labels.index(clip.emotion) for clip in clips], dtype=np.int64)
    predicted = ClipLogits(tuple(clips), labels, logits, truth).restrict_to(shared)
    return held_out_record(name, split, predicted, seed=options.seed, epochs=options.epochs)


@torch.inference_mode()
def clip_logits(head: PooledHead, bank: WindowBank, row: int) -> NDArray[np.float64]:
    """Returns the mean logits of the windows of a recording, shape ``(labels,)``."""
    return np.asarray(head.head(head(torch.from_numpy(bank.windows(row)))).mean(0).double().numpy())
