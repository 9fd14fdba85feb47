"""Keeps every test away from what the user's own caches hold, and from the network."""

import os
from collections.abc import Iterator

import pytest

import webui  # noqa: F401 - switches telemetry off before a test imports a library that has some


@pytest.fixture(scope="session", autouse=True)
def _no_caches_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Weights that lie in a hub's cache would answer ``auto``, in this process and in those that it starts; where there
    are none, a server would fetch them.
    """
    nowhere = tmp_path_factory.mktemp("caches")
    before = dict(os.environ)
    os.environ["MODELSCOPE_CACHE"] = str(nowhere / "modelscope")
    os.environ["SPEECH_EMOTION_AUTO_DOWNLOAD"] = "false"
    os.environ["HF_HOME"] = str(nowhere / "huggingface")
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        os.environ.pop(name, None)
    yield
    os.environ.clear()
    os.environ.update(before)
