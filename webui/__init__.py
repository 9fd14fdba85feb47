"""Emotion in speech: a web page, a REST API and a command line around Emotion2Vec+ Large.

The layers (imports point down only; ``tests/test_layers.py`` checks it):

* L0 ``errors`` ``labels`` ``privacy`` ``results`` ``settings`` ``texts``: the words everything else is written in.
* L1 ``audio`` ``engine`` ``storage``: one thing of the outside world each.
* L2 ``service``: the use cases.
* L3 ``ui`` ``cli``: the surfaces.
* L4 ``server``: the composition.
"""

import os

from webui.privacy import switch_off_telemetry

switch_off_telemetry()  # the libraries look at import

# OpenMP's threads otherwise spin while they wait, one team for each thread that ever ran a model, and take the cores
# from the others: with two cores, a call to the built-in model took 41 ms instead of 23 (docs/RELIABILITY.md, Load).
# OpenMP reads this once, when PyTorch is imported; nothing that imports it is imported before this line.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
