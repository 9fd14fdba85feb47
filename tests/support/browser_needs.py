"""Finds Chromium and fonts for Chinese and emoji for the browser tests, or installs them where that is possible."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_MACOS: Final = (
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
)
PACKAGES: Final = {"browser": "chromium", "zh": "fonts-noto-cjk", "und-zsye": "fonts-noto-color-emoji"}
LANGUAGES: Final = ("zh", "und-zsye")  # Chinese, and fontconfig's name for emoji


def provide(environment: dict[str, str]) -> str | None:
    """Puts the browser's path into ``environment["CHROMIUM"]``; without a browser, returns instructions."""
    if missing := _missing(environment):
        _install(missing)
    missing = _missing(environment)
    if "browser" in missing:
        return (
            "Chromium was not found; it is installed automatically only for root on Debian or Ubuntu. Install it "
            f"(`sudo apt-get install {' '.join(PACKAGES.values())}`; macOS: `brew install --cask chromium`), set "
            "CHROMIUM=/path, or skip these tests with SPEECH_EMOTION_SKIP_BROWSER=1."
        )
    return None


def _missing(environment: dict[str, str]) -> list[str]:
    found = _browser(environment)
    if found is not None:
        environment["CHROMIUM"] = found
    return [*(["browser"] if found is None else []), *(name for name in LANGUAGES if not _has_font(name))]


def _browser(environment: dict[str, str]) -> str | None:
    if named := environment.get("CHROMIUM"):
        return named
    on_path = (shutil.which(name) for name in NAMES)
    return next((path for path in on_path if path), None) or next((str(p) for p in ON_MACOS if p.exists()), None)


def _has_font(language: str) -> bool:
    if shutil.which("fc-list") is None:
        return shutil.which("apt-get") is None  # macOS includes such fonts
    return bool(subprocess.run(["fc-list", f":lang={language}"], capture_output=True, check=False).stdout.strip())


def _install(missing: list[str]) -> None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wanted = [PACKAGES[name] for name in missing]
    for command in ([apt, "-q", "update"], [apt, "-q", "install", "-y", "--no-install-recommends", *wanted]):
        subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False, timeout=600)
