"""The two hubs that publish Emotion2Vec: where they are, and whether they answer from here."""

import os
import queue
import threading
import time
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from webui.engine.weights import KnownModel, Peer

REACH_S: Final = 3.0  # a hub that hasn't answered by then counts as out of reach
_FALSE: Final = frozenset({"", "0", "no", "off", "false"})


class Hub(StrEnum):
    """A hub, in the order in which they are asked."""

    MODELSCOPE = "modelscope"
    HUGGINGFACE = "huggingface"

    @property
    def shown(self) -> str:
        """Its name as people write it."""
        return "ModelScope" if self is Hub.MODELSCOPE else "Hugging Face"

    @property
    def endpoint(self) -> str:
        """Its address: ``MODELSCOPE_ENDPOINT`` or ``HF_ENDPOINT`` (a mirror, say), else the public one."""
        if self is Hub.MODELSCOPE:
            address = os.environ.get("MODELSCOPE_ENDPOINT") or "https://modelscope.cn"
        else:
            address = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        return address.rstrip("/")

    def repository(self, model: KnownModel | Peer) -> str:
        """Returns what ``model`` is called there."""
        return model.modelscope_id if self is Hub.MODELSCOPE else model.huggingface_id


def reachable_hubs(*, timeout_s: float = REACH_S) -> tuple[list[Hub], dict[Hub, str]]:
    """Returns the hubs that answer, in order, and why the others don't; decided within ``timeout_s`` seconds.

    Any answer will do, an error too: the hub's client says better than we could what is wrong.
    """
    answers: queue.Queue[tuple[Hub, str]] = queue.Queue()
    for hub in Hub:  # a lookup of a name can hang longer than any timeout: these threads may outlive the wait
        threading.Thread(target=_knock, args=(hub, timeout_s, answers), name=f"knock-{hub}", daemon=True).start()
    problems = dict.fromkeys(Hub, f"no answer within {timeout_s:g} s")
    for hub, problem in _gather(answers, time.monotonic() + timeout_s):
        problems[hub] = problem
    return [hub for hub in Hub if not problems[hub]], {hub: why for hub, why in problems.items() if why}


def _gather(answers: queue.Queue[tuple[Hub, str]], deadline: float) -> Iterator[tuple[Hub, str]]:
    for _hub in Hub:
        try:
            yield answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return


def _knock(hub: Hub, timeout_s: float, answers: queue.Queue[tuple[Hub, str]]) -> None:
    if hub is Hub.HUGGINGFACE and os.environ.get("HF_HUB_OFFLINE", "").strip().lower() not in _FALSE:
        answers.put((hub, "HF_HUB_OFFLINE is set"))
        return
    import httpx  # imported late: most starts find their weights and never ask a hub

    try:
        httpx.head(hub.endpoint, timeout=timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as err:
        answers.put((hub, f"{type(err).__name__}: {err}"))
    else:
        answers.put((hub, ""))
