"""ShellCheck over every shell script of the project."""

import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

if __name__ == "__main__":
    program = Path(sys.executable).with_name("shellcheck")
    sys.exit(subprocess.run([program, ROOT / "run.sh", ROOT / ".ci" / "run"], check=False).returncode)
