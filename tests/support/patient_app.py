"""``app.py`` with a longer timeout for hubs, for busy machines; a hub usually counts as unreachable after 3 s."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from webui.cli import main
from webui.engine.hub import hubs

HUBS_S = 60.0

if __name__ == "__main__":
    hubs.reachable_hubs.__kwdefaults__["timeout_s"] = HUBS_S  # type: ignore[index]
    raise SystemExit(main())
