"""The check of the sample rate that a model states, common to all families."""

from typing import Final

from webui.errors import CheckpointError

MIN_SAMPLE_RATE: Final = 4_000  # Hz; speech is not intelligible below
MAX_SAMPLE_RATE: Final = 192_000  # Hz; the highest rate of studio recordings


def check_sample_rate(name: str, found: object) -> int:
    """Returns ``found`` if it is a plausible sample rate.

    Args:
        name: the model's name.
        found: the sample rate in Hz according to the model's files or the loaded model.

    Raises:
        CheckpointError: it is not an integer, or out of the range of speech models.
    """
    if isinstance(found, bool) or not isinstance(found, int) or not MIN_SAMPLE_RATE <= found <= MAX_SAMPLE_RATE:
        limits = {"expected_min_hz": MIN_SAMPLE_RATE, "expected_max_hz": MAX_SAMPLE_RATE}
        raise CheckpointError("checkpoint.bad_sample_rate", model=name, found=repr(found)[:40], **limits)
    return found
