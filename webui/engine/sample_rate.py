"""Whether the sample rate that a model states makes sense: decided here for all families."""

from typing import Final

from webui.errors import CheckpointError

MIN_SAMPLE_RATE: Final = 4_000  # Hz; below it no speech is left
MAX_SAMPLE_RATE: Final = 192_000  # Hz; the highest that studios record at


def check_sample_rate(name: str, found: object) -> int:
    """Returns the sample rate that a model states, in Hz.

    Args:
        name: the model's name.
        found: what its files or the loaded model state.

    Raises:
        CheckpointError: not an integer, or one that no model of speech has.
    """
    if isinstance(found, bool) or not isinstance(found, int) or not MIN_SAMPLE_RATE <= found <= MAX_SAMPLE_RATE:
        limits = {"expected_min_hz": MIN_SAMPLE_RATE, "expected_max_hz": MAX_SAMPLE_RATE}
        raise CheckpointError("checkpoint.bad_sample_rate", model=name, found=repr(found)[:40], **limits)
    return found
