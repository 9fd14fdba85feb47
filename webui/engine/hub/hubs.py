"""The two hubs that publish models: their addresses, and whether they can be reached from this machine."""

import os
import queue
import threading
import time
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from webui.engine.catalog import ModelCard

REACH_S: Final = 3.0  # a hub that takes longer to respond counts as unreachable
_FALSE: Final = frozenset({"", "0", "no", "off", "false"})


class Hub(StrEnum):
    """A hub. Downloads try the hubs in this order."""

    MODELSCOPE = "modelscope"
    HUGGINGFACE = "huggingface"

    @property
    def display_name(self) -> str:
        """The name as the hub itself spells it."""
        return "ModelScope" if self is Hub.MODELSCOPE else "Hugging Face"

    @property
    def endpoint(self) -> str:
        """The hub's address: ``MODELSCOPE_ENDPOINT`` or ``HF_ENDPOINT`` (for a mirror), else the public one."""
        if self is Hub.MODELSCOPE:
            address = os.environ.get("MODELSCOPE_ENDPOINT") or "https://modelscope.cn"
        else:
            address = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        return address.rstrip("/")

    def repository(self, card: ModelCard) -> str:
        """Returns the name of a model's repository on this hub."""
        return card.modelscope_id if self is Hub.MODELSCOPE else card.huggingface_id


def reachable_hubs(*, timeout_s: float = REACH_S) -> tuple[list[Hub], dict[Hub, str]]:
    """Returns the hubs that respond within ``timeout_s`` seconds, in order, and for each of the others the reason.

    Every response counts, even an HTTP error: the hub's own client will report that error in more detail.
    """
    answers: queue.Queue[tuple[Hub, str]] = queue.Queue()
    for hub in Hub:  # in threads, because a DNS lookup can take longer than the timeout and outlive this call
        threading.Thread(target=_probe, args=(hub, timeout_s, answers), name=f"probe-{hub}", daemon=True).start()
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


def _probe(hub: Hub, timeout_s: float, answers: queue.Queue[tuple[Hub, str]]) -> None:
    if hub is Hub.HUGGINGFACE and os.environ.get("HF_HUB_OFFLINE", "").strip().lower() not in _FALSE:
        answers.put((hub, "HF_HUB_OFFLINE is set"))
        return
    import httpx  # imported late: usually the weights are on this machine and no hub is needed

    try:
        httpx.head(hub.endpoint, timeout=timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as err:
        answers.put((hub, f"{type(err).__name__}: {err}"))
    else:
        answers.put((hub, ""))
