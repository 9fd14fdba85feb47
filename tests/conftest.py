"""Keeps tests away from the user's caches and the network, and selects the part of the tests that runs."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import webui  # noqa: F401 - switches telemetry off before a test imports a library with telemetry
from tests.support.marks import HEAVY, LONG, marks_of

PARTS = ("quick", "heavy", "long")
NOT_IN_QUICK = "torch"  # loading it takes seconds
HTTP_S = 120.0  # httpx's 5 s are too short for a busy machine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--part",
        choices=PARTS,
        help="quick: tests without a model, a server or a browser; heavy: the others; long: only the long "
        "tests, in full size. By default: all except the long ones.",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """In a quick run, does not even import the files that need a model, a server or a browser."""
    is_test = collection_path.suffix == ".py" and collection_path.name.startswith("test_")
    if config.getoption("--part") == "quick" and is_test and marks_of(collection_path):
        return True
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for mark in marks_of(item.path):
            item.add_marker(mark)
    part = config.getoption("--part")
    chosen = [item for item in items if _is_in(part, {mark.name for mark in item.iter_markers()})]
    if len(chosen) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
        items[:] = chosen


def _is_in(part: str | None, marks: set[str]) -> bool:
    if part is None or LONG in marks:
        return (part == "long") == (LONG in marks)
    return part != "long" and (part == "heavy") == bool(marks & HEAVY)


_reported: list[str] = []  # the tests of this process that failed because PyTorch was loaded: one is enough


@pytest.fixture(autouse=True)
def _no_torch(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--part") != "quick":
        yield
        return
    loaded = NOT_IN_QUICK in sys.modules
    if loaded and not _reported:
        _reported.append(request.node.nodeid)
        pytest.fail(f"a file of quick tests imports {NOT_IN_QUICK}; see tests/support/marks.py")
    yield
    if not loaded and NOT_IN_QUICK in sys.modules:
        _reported.append(request.node.nodeid)
        pytest.fail(f"this test loads {NOT_IN_QUICK}: it needs @pytest.mark.model")


@pytest.fixture(scope="session", autouse=True)
def _empty_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Empty caches for this process and its children, because ``auto`` would choose weights found in a hub's cache.

    Automatic downloads are off, because servers without weights would start one.
    """
    empty = tmp_path_factory.mktemp("caches")
    before = dict(os.environ)
    os.environ["MODELSCOPE_CACHE"] = str(empty / "modelscope")
    os.environ["SPEECH_EMOTION_AUTO_DOWNLOAD"] = "false"
    os.environ["HF_HOME"] = str(empty / "huggingface")
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        os.environ.pop(name, None)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session", autouse=True)
def _patient_http() -> None:
    for name in ("connect", "read", "write", "pool"):
        setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, name, HTTP_S)
