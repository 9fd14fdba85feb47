"""Single windows on an NVIDIA GPU, recorded once per length and replayed.

A short clip is some 200 small kernels, and launching them one by one takes the computer longer than the GPU needs to
run them; a CUDA graph launches all of them at once (docs/BENCHMARKS.md, gpu). A graph is for one shape, so windows are
padded with silence that the network masks, to the next multiple of ``STEP_SAMPLES``.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from webui.errors import first_line
from webui.units import SPEECH_RATE

logger = logging.getLogger(__name__)

Compute = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
STEP_SAMPLES: Final = SPEECH_RATE  # 1 s
MAX_SAMPLES: Final = 30 * SPEECH_RATE  # beyond that the GPU is busy longer than the computer
MAX_GRAPHS: Final = 32


@dataclass(frozen=True, slots=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, Tensor]


class CudaGraphCache:
    """Replays a computation. Its outputs are overwritten by the next replay, in the order of the device's work.

    Args:
        compute: from samples ``(1, S)``, their number ``(1,)`` and statistics ``(2, 1)`` to features and logits.
        place: a CUDA device.
    """

    def __init__(self, compute: Compute, place: torch.device) -> None:
        self._compute = compute
        self._place = place
        self._pool: Any = None  # memory that all graphs share: one runs at a time
        self._graphs: OrderedDict[int, _Recording] = OrderedDict()
        self._met: set[int] = set()
        self._works = True

    def size(self, samples: int) -> int:
        """Returns the length a window of ``samples`` is padded to."""
        if not self._works or samples > MAX_SAMPLES:
            return samples
        return -(-samples // STEP_SAMPLES) * STEP_SAMPLES

    def run(self, *given: Tensor) -> tuple[Tensor, Tensor] | None:
        """Returns features and logits; None where there is no recording, as at the first window of a length."""
        length = given[0].shape[1]
        if not self._works or length > MAX_SAMPLES:
            return None
        if length not in self._met:  # most lengths come once, and the first pass prepares the libraries
            self._met.add(length)
            return None
        try:
            recording = self._graphs.get(length) or self._record(length, given)
        except RuntimeError as err:
            logger.warning("CUDA graphs are left out: %s", first_line(err))
            self._works = False
            self.forget()
            return None
        self._graphs.move_to_end(length)
        for there, here in zip(recording.inputs, given, strict=True):
            there.copy_(here, non_blocking=True)
        recording.graph.replay()
        return recording.outputs

    def forget(self) -> bool:
        """Gives the memory of all recordings back; returns whether there were any."""
        held = bool(self._graphs)
        self._graphs.clear()
        self._pool = None
        return held

    def _record(self, length: int, given: tuple[Tensor, ...]) -> _Recording:
        while len(self._graphs) >= MAX_GRAPHS:
            self._graphs.popitem(last=False)
        inputs = tuple(tensor.to(self._place) for tensor in given)
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.Stream(self._place)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self._place))
        with torch.cuda.stream(stream):
            self._compute(*inputs)  # once more on the stream that is recorded: its libraries prepare themselves
        torch.cuda.current_stream(self._place).wait_stream(stream)
        with torch.cuda.graph(graph, pool=self._pool, stream=stream, capture_error_mode="thread_local"):
            outputs = self._compute(*inputs)
        self._graphs[length] = _Recording(graph, inputs, outputs)
        return self._graphs[length]
