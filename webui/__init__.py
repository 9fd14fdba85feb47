"""Emotion recognition in speech: a web page, a REST API and a command line around Emotion2Vec+ Large.

Layers, from the lowest; a module imports modules of lower layers and of its own folder (``tests/test_layers.py``):

* L0 ``results`` ``labels`` ``settings`` ``errors`` ``texts`` and small modules: what all layers share.
* L1 ``audio`` ``engine`` ``storage``: decode files, run models, write results. None of them imports another.
* L2 ``service``: the use cases, without HTTP and without Gradio.
* L3 ``http``: access control, limits and error responses for the page and the API.
* L4 ``ui`` ``api``: the page and the REST API.
* L5 ``server``: the app, its listening socket, start-up and shutdown.
* L6 ``cli``: the command line.
"""

import os
from typing import TYPE_CHECKING

from webui.privacy import switch_off_telemetry

switch_off_telemetry()  # libraries read these variables when they are imported

# By default OpenMP's threads spin while they wait, one team for each thread that ever ran a model, and take CPU time
# from threads with work: on two cores, a call to the built-in model took 41 ms instead of 23 (docs/RELIABILITY.md,
# Load). OpenMP reads this once, when PyTorch is imported, so this line must run before any import of PyTorch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

if TYPE_CHECKING:
    from webui.library import Recognized as Recognized
    from webui.library import recognize as recognize

__all__ = ["Recognized", "__version__", "recognize"]


def __getattr__(name: str) -> object:
    """Imports the Python API at its first use, so that ``import webui`` stays fast."""
    if name not in {"Recognized", "recognize"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from webui import library

    return getattr(library, name)
