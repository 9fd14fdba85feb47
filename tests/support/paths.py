"""Paths that tests read from."""

from typing import Final

from webui.settings import PROJECT_DIR

ROOT: Final = PROJECT_DIR
EXAMPLE: Final = ROOT / "examples" / "example_synthetic.wav"
PATIENT_APP: Final = ROOT / "tests" / "support" / "patient_app.py"
SHARED: Final = (
    ROOT.parent / "shared"
)  # real speech and facts next to the checkout, if present; without them tests are skipped
