"""Switches off what libraries would report about this machine and its user. Called before any of them is imported."""

import os
from typing import Final

# Whatever the user's environment says is overwritten, even an explicit "on": docs/FAQ.md promises that the network is
# used for weights alone, and a variable set for other programs must not break that. Child processes inherit these.
SWITCHES: Final = {
    # onnxruntime keeps a device ID and a database in ~/.cache/Microsoft, opens $TMPDIR/.ses (through a symbolic link
    # that somebody else put there), and sends events to mobile.events.data.microsoft.com. All of that begins with the
    # import, so its own disable_telemetry_events() comes too late.
    "ORT_DISABLE_TELEMETRY": "1",
    # gradio asks api.gradio.app for its newest version, and tells it about the page. It reads "True" and "False".
    "GRADIO_ANALYTICS_ENABLED": "False",
    # huggingface_hub reports for itself, gradio and gradio_client; transformers names the machine in its requests.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # Ray, where it is installed: sends a report every hour.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Read by many libraries (https://consoledonottrack.com), for those that a later version brings along.
    "DO_NOT_TRACK": "1",
}


def switch_off_telemetry() -> None:
    """Sets the environment variables of ``SWITCHES``."""
    os.environ.update(SWITCHES)
