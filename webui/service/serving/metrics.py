"""Numbers about this process: for Prometheus under ``/metrics``, and for the page. Each service has its own."""

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
    """What the page shows of the numbers; None where there is none.

    Attributes:
        under_way: recognitions being done or waiting.
        waiting: of them, those that wait for a place.
        recognitions: done since the start.
        rejects: requests refused since the start.
        audio_s: seconds of audio heard.
        decode_s: seconds spent decoding.
        inference_s: seconds spent in models.
        rss_bytes: memory of the process.
        gpu_bytes: memory of it on all GPUs.
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
    """Counts; safe to use from several threads."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{PREFIX}_http_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._latency = Histogram(
            f"{PREFIX}_http_request_seconds", "Seconds until a request was answered.", ("route",), buckets=SECONDS,
            registry=registry,
        )  # fmt: skip
        self._rejects = Counter(f"{PREFIX}_rejects", "Requests refused, by the code of the error.", ("reason",),
            registry=registry)  # fmt: skip
        self._audio = Counter(f"{PREFIX}_audio_seconds", "Seconds of audio recognized.", registry=registry)
        self._decode = self._seconds("decode", "Seconds that decoding a recording took.")
        self._inference = self._seconds("inference", "Seconds that a model took for a recording, waiting included.")
        self._batch = Histogram(
            f"{PREFIX}_batch_size", "Windows that a model was given at a time.", buckets=BATCHES, registry=registry
        )
        self._waiting = Gauge(f"{PREFIX}_queue_depth", "Requests that wait for a place.", registry=registry)
        self._under_way = Gauge(f"{PREFIX}_under_way", "Recognitions under way, waiting included.", registry=registry)
        ProcessCollector(registry=registry)
        registry.register(_GpuMemory())

    def _seconds(self, name: str, help_text: str) -> Histogram:
        return Histogram(f"{PREFIX}_{name}_seconds", help_text, buckets=SECONDS, registry=self._registry)

    def watch(self, *, waiting: Callable[[], int], under_way: Callable[[], int]) -> None:
        """Tells where to look for what goes up and down."""
        self._waiting.set_function(waiting)
        self._under_way.set_function(under_way)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._latency.labels(route).observe(seconds)

    def rejected(self, reason: str) -> None:
        """Counts a refusal."""
        self._rejects.labels(reason).inc()

    def recognized(self, result: RecognitionResult) -> None:
        """Counts a recognition."""
        self._audio.inc(result.source.duration_s)
        self._decode.observe(result.timing.decode_s)
        self._inference.observe(result.timing.inference_s)

    def batch(self, size: int) -> None:
        """Counts a batch of ``size`` windows."""
        self._batch.observe(size)

    def exposition(self) -> bytes:
        """Returns everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def snapshot(self) -> Snapshot:
        """Returns the numbers of the page."""
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
    """Memory that PyTorch holds on each GPU; nothing where there is none, or PyTorch isn't loaded yet."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        cuda = sys.modules.get("torch.cuda")
        initialized = getattr(cuda, "is_initialized", None)  # missing while another thread still imports it
        if cuda is None or initialized is None or not initialized():
            return
        family = GaugeMetricFamily(f"{PREFIX}_gpu_memory_bytes", "Memory reserved on a GPU.", labels=("device",))
        for number in range(cuda.device_count()):
            family.add_metric((str(number),), cuda.memory_reserved(number))
        yield family
