from pathlib import Path

import pytest

from tests.support.cli_process import CommandLine


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "outputs")
