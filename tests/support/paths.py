"""Places that tests read from."""

from typing import Final

from webui.settings import PROJECT_DIR

ROOT: Final = PROJECT_DIR
EXAMPLE: Final = ROOT / "examples" / "example_synthetic.wav"
SHARED: Final = ROOT.parent / "shared"  # real speech and facts, where they lie beside the project; tests skip without
