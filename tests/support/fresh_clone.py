"""A copy of ``run.sh`` in its own folder, and stand-ins for the programs that it calls.

The stand-ins are shell scripts that record their arguments; they replace CUDA, package indexes and other operating
systems. Virtual environments, locks, signals and full disks are real.
"""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.paths import ROOT

SYSTEM_PATH: Final = "/usr/bin:/bin"
REQUIREMENTS: Final = "torch==2.13.0\nnumpy\n"
LOCK: Final = "numpy==2.4.6 --hash=sha256:00\nsetuptools==84.2.1 ; python_version >= '3' --hash=sha256:00\n"

# A Python whose `venv`, `pip` and `uv` record their arguments. FAIL contains patterns of calls that fail; RESOLVED is
# the output of `uv pip compile`.
STAND_IN: Final = r"""#!/bin/bash
call="$*"
case "$call" in
    *sys.version_info*) echo "${VERSION:-3.12}" ; exit 0 ;;
    *"import ensurepip"*) [ -z "${NO_VENV:-}" ] ; exit ;;
    *flock*) exec "$REAL_PYTHON" "$@" ;;
    *'version("torch")'*) cat "$(dirname "$0")/torch-version" 2>/dev/null ; exit ;;
    "-m pip --version" | "-m uv --version") exit 0 ;;
    "-m pip config"*) [ -n "${PIP_MIRROR:-}" ] && echo "$PIP_MIRROR" ; exit ;;
esac
index=${UV_DEFAULT_INDEX:+" index=$UV_DEFAULT_INDEX"}
echo "${call#"$CLONE/"}$index" | sed "s#$CLONE#.#g" >>"$CALLS"
for pattern in $FAIL; do case "$call" in *"$pattern"*) echo "stand-in fails: $call" >&2 ; exit 1 ;; esac; done
case "$call" in
    *"pip compile"*) while [ "$1" != --output-file ]; do shift; done ; printf "$RESOLVED" >"$2" ;;
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    *install*torch==2.13.0+cpu) echo 2.13.0+cpu >"$(dirname "$0")/torch-version" ;;
    *install*torch==2.13.0) echo 2.13.0 >"$(dirname "$0")/torch-version" ;;
    *install*) [ -z "${SLOW:-}" ] || sleep "$SLOW" ;;
    *app.py*) [ -z "${READ_STDIN:-}" ] || cat ; echo "$CLONE serves" ;;
esac
"""


@dataclass(frozen=True)
class Clone:
    """A clone before set-up."""

    folder: Path
    environment: dict[str, str]

    @property
    def made(self) -> str:
        return (self.folder / ".venv" / "made").read_text()

    def calls(self) -> list[str]:
        """Returns the calls of the stand-ins since this method was last called."""
        record = Path(self.environment["CALLS"])
        lines = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        return lines

    def start(self, *arguments: str, script: Path | None = None, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", script or self.folder / "run.sh", *arguments],
            env=self.environment | environment,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # the parent process may ignore it
        )

    def run(
        self, *arguments: str, script: Path | None = None, given: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, script=script, **environment)
        out, err = process.communicate(given, timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def make_clone(
    folder: Path, *, programs: dict[str, str] | None = None, requirements: str = REQUIREMENTS, lock: str = LOCK
) -> Clone:
    """Makes a clone with stand-ins on PATH.

    Args:
        folder: folder of the clone; may have any name.
        programs: more stand-ins by name, as shell scripts.
        requirements: content of requirements.txt.
        lock: content of requirements.lock.
    """
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "run.sh", folder)
    (folder / "requirements.txt").write_text(requirements)
    (folder / "requirements-dev.txt").write_text("-r requirements.txt\npytest\n")
    (folder / "requirements.lock").write_text(lock)
    (folder / "requirements-dev.lock").write_text(lock + "pytest==9.2.0 --hash=sha256:00\n")
    tools = folder.parent / "tools"
    tools.mkdir()
    scripts = {"python3.12": STAND_IN, "uname": "#!/bin/sh\necho ${SYSTEM:-Linux}\n"} | (programs or {})
    for name, script in scripts.items():
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    environment = {
        "PATH": f"{tools}:{SYSTEM_PATH}",
        "HOME": str(folder.parent),
        "LANG": "C.UTF-8",
        "CLONE": str(folder),
        "CALLS": str(folder.parent / "calls"),
        "REAL_PYTHON": sys.executable,
    }
    return Clone(folder, environment)


def make_real_clone(folder: Path, requirements: str = "", lock: str = "") -> Clone:
    """Makes a clone that uses the Python of this test, without the network."""
    clone = make_clone(folder, requirements=requirements, lock=lock)
    (folder / "requirements-dev.lock").write_text(lock)
    python = folder.parent / "tools" / "python3.12"
    python.unlink()
    python.symlink_to(os.path.realpath(sys.executable))
    (folder / "app.py").write_text("import sys; print(sys.prefix, *sys.argv[1:], sep='|')\n")
    return Clone(folder, clone.environment | {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1"})
