"""The job tests in full size, which need minutes; the small ones are in test_api_jobs and unit/service."""

import subprocess
import sys

import pytest

from tests.support.cli_process import ROOT

pytestmark = [pytest.mark.long, pytest.mark.server]


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_interactive_requests_have_priority_over_ten_thousand_recordings() -> None:
    ratio = float(run("benchmarks.fair_queue").splitlines()[-1].rpartition(" ")[2])
    assert ratio < 4  # 2 on an idle machine: a request waits for the current window, which is as long as its own


def test_two_hundred_kills_lose_no_result() -> None:
    assert "200 kills" in run("benchmarks.kill_jobs")
