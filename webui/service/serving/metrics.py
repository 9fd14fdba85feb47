"""Metrics of this process, for Prometheus (``/metrics``) and for the page. Each service has its own registry."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from webui.results import RecognitionResult

PREFIX: Final = "speech_emotion"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
BATCHES: Final = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The metrics that the page shows, at one moment.

    Attributes:
        under_way: number of recognitions that are running or waiting.
        waiting: number of these that wait for a slot.
        recognitions: number of recognitions finished since the start.
        rejects: number of requests refused since the start.
        audio_s: seconds of audio recognized since the start.
        decode_s: seconds spent on decoding since the start.
        inference_s: seconds spent on inference since the start.
        rss_bytes: resident memory of the process; None if the system does not report it.
        gpu_bytes: memory that the process has reserved on all GPUs; None without a GPU.
    """

    under_way: int
    waiting: int
    recognitions: int
    rejects: int
    audio_s: float
    decode_s: float
    inference_s: float
    rss_bytes: float | None
    gpu_bytes: float | None


class Metrics:
    """Counts and measures; safe to use from several threads."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{PREFIX}_http_requests", "Requests handled.", ("method", "route", "status"), registry=registry
        )
        self._latency = Histogram(
            f"{PREFIX}_http_request_seconds", "Time to handle a request, in seconds.", ("route",), buckets=SECONDS,
            registry=registry,
        )  # fmt: skip
        self._rejects = Counter(f"{PREFIX}_rejects", "Requests refused, by error code.", ("reason",),
            registry=registry)  # fmt: skip
        self._audio = Counter(f"{PREFIX}_audio_seconds", "Seconds of audio recognized.", registry=registry)
        self._decode = self._seconds("decode", "Time to decode a recording, in seconds.")
        self._inference = self._seconds("inference", "Time for inference, including waiting, in seconds.")
        self._batch = Histogram(
            f"{PREFIX}_batch_size", "Number of windows in a batch.", buckets=BATCHES, registry=registry
        )
        self._waiting = Gauge(f"{PREFIX}_queue_depth", "Requests waiting for a slot.", registry=registry)
        self._under_way = Gauge(f"{PREFIX}_under_way", "Recognitions running or waiting.", registry=registry)
        ProcessCollector(registry=registry)
        registry.register(_GpuMemory())

    def _seconds(self, name: str, help_text: str) -> Histogram:
        return Histogram(f"{PREFIX}_{name}_seconds", help_text, buckets=SECONDS, registry=self._registry)

    def watch(self, *, waiting: Callable[[], int], under_way: Callable[[], int]) -> None:
        """Sets the functions that return the current number of waiting and of running requests."""
        self._waiting.set_function(waiting)
        self._under_way.set_function(under_way)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a handled request."""
        self._requests.labels(method, route, str(status)).inc()
        self._latency.labels(route).observe(seconds)

    def rejected(self, reason: str) -> None:
        """Counts a refused request."""
        self._rejects.labels(reason).inc()

    def recognized(self, result: RecognitionResult) -> None:
        """Counts a finished recognition."""
        self._audio.inc(result.source.duration_s)
        self._decode.observe(result.timing.decode_s)
        self._inference.observe(result.timing.inference_s)

    def batch(self, size: int) -> None:
        """Counts a batch of ``size`` windows."""
        self._batch.observe(size)

    def exposition(self) -> bytes:
        """Returns all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)

    def snapshot(self) -> Snapshot:
        """Returns the metrics that the page shows."""
        sums: dict[str, float] = {}
        for family in self._registry.collect():
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
        return Snapshot(
            under_way=int(sums[f"{PREFIX}_under_way"]),
            waiting=int(sums[f"{PREFIX}_queue_depth"]),
            recognitions=int(sums[f"{PREFIX}_inference_seconds_count"]),
            rejects=int(sums.get(f"{PREFIX}_rejects_total", 0)),
            audio_s=sums[f"{PREFIX}_audio_seconds_total"],
            decode_s=sums[f"{PREFIX}_decode_seconds_sum"],
            inference_s=sums[f"{PREFIX}_inference_seconds_sum"],
            rss_bytes=sums.get("process_resident_memory_bytes"),
            gpu_bytes=sums.get(f"{PREFIX}_gpu_memory_bytes"),
        )


class _GpuMemory(Collector):
    """Memory that PyTorch has reserved on each GPU; no samples without a GPU or before PyTorch is imported."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        cuda = sys.modules.get("torch.cuda")
        initialized = getattr(cuda, "is_initialized", None)  # missing while another thread is still importing it
        if cuda is None or initialized is None or not initialized():
            return
        family = GaugeMetricFamily(f"{PREFIX}_gpu_memory_bytes", "Memory reserved on a GPU.", labels=("device",))
        for number in range(cuda.device_count()):
            family.add_metric((str(number),), cuda.memory_reserved(number))
        yield family
