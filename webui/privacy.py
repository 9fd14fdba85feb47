"""Switches off the telemetry of libraries; must be called before any of them is imported."""

import os
from typing import Final

# These values replace those of the user's environment, even an explicit "on": docs/FAQ.md promises that the network is
# used only for weights, and a variable that was set for other programs must not break that. Child processes inherit
# them.
SWITCHES: Final = {
    # onnxruntime keeps a device ID and a database in ~/.cache/Microsoft, opens $TMPDIR/.ses (even through a symbolic
    # link that another user created), and sends events to mobile.events.data.microsoft.com. All of this starts when it
    # is imported, so its own disable_telemetry_events() comes too late.
    "ORT_DISABLE_TELEMETRY": "1",
    # gradio queries api.gradio.app for its newest version and reports the page. The values are "True" and "False".
    "GRADIO_ANALYTICS_ENABLED": "False",
    # huggingface_hub reports on itself, gradio and gradio_client; transformers describes the machine in its requests.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # Ray, if it is installed, sends a report every hour.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Many libraries read this (https://consoledonottrack.com); it covers dependencies that are added later.
    "DO_NOT_TRACK": "1",
}


def switch_off_telemetry() -> None:
    """Sets the environment variables of ``SWITCHES``."""
    os.environ.update(SWITCHES)
