"""Chromium and fonts for the browser tests: found, installed with apt by root, or requested. apt is a fake."""

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
    """A PATH with only the programs that the test adds and those that the fake apt needs."""
    for name in ("dirname", "chmod"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser_needs, "ON_MACOS", ())
    return tmp_path


def add(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def test_installed_programs_are_used(tools: Path) -> None:
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


def test_other_users_get_instructions(tools: Path) -> None:
    instructions = browser_needs.provide({})
    assert instructions is not None
    assert "sudo apt-get install chromium fonts-noto-cjk fonts-noto-color-emoji" in instructions
    assert "SPEECH_EMOTION_SKIP_BROWSER=1" in instructions
    assert not (tools / "calls").exists()
