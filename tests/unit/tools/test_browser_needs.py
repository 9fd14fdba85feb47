"""Chromium and fonts for the browser tests: found, installed by root through apt, or asked for. apt is a stand-in."""

import os
from pathlib import Path

import pytest

from tests.support import browser_needs

APT = """#!/bin/sh
here=$(dirname "$0")
echo "$@" >> "$here/calls"
case "$*" in *install*chromium*) echo > "$here/chromium"; chmod +x "$here/chromium" ;; esac
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which nothing is but what the test puts there, and `sh`'s own needs."""
    for name in ("dirname", "chmod"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser_needs, "ON_MACOS", ())
    return tmp_path


def add(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def test_what_is_there_is_taken(tools: Path) -> None:
    add(tools, "google-chrome", "#!/bin/sh\n")
    add(tools, "fc-list", "#!/bin/sh\necho NotoSansCJK\n")
    add(tools, "apt-get", APT)
    environment: dict[str, str] = {}
    assert browser_needs.provide(environment) is None
    assert environment["CHROMIUM"] == str(tools / "google-chrome")
    assert not (tools / "calls").exists()
    named = {"CHROMIUM": "/opt/mine"}
    assert browser_needs.provide(named) is None
    assert named["CHROMIUM"] == "/opt/mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs")
def test_root_installs_what_is_missing(tools: Path) -> None:
    add(tools, "apt-get", APT)
    environment: dict[str, str] = {}
    assert browser_needs.provide(environment) is None
    assert environment["CHROMIUM"] == str(tools / "chromium")
    assert (tools / "calls").read_text().splitlines() == [
        "-q update",
        "-q install -y --no-install-recommends chromium fonts-noto-cjk fonts-noto-color-emoji",
    ]


def test_others_are_told_what_to_install(tools: Path) -> None:
    said = browser_needs.provide({})
    assert said is not None
    assert "sudo apt-get install chromium fonts-noto-cjk fonts-noto-color-emoji" in said
    assert "SPEECH_EMOTION_SKIP_BROWSER=1" in said
    assert not (tools / "calls").exists()
