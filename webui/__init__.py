"""Emotion in speech: a web page, a REST API and a command line around Emotion2Vec+ Large.

The layers (imports point down only; ``tests/test_layers.py`` checks it):

* L0 ``errors`` ``labels`` ``results`` ``settings`` ``texts``: the words everything else is written in.
* L1 ``audio`` ``engine`` ``storage``: one thing of the outside world each.
* L2 ``service``: the use cases.
* L3 ``ui`` ``cli``: the surfaces.
* L4 ``server``: the composition.
"""

__version__ = "0.1.0"
