"""The native engine on a GPU, as users run it: numerical accuracy, speed, and behaviour when memory runs out."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from benchmarks.batch import scores
from benchmarks.contenders import FUNASR_THREADS, load_funasr, whole
from benchmarks.gpu_network import CPU, LIMITS, TYPES
from benchmarks.tables import Table
from tests.support.checkpoints import LARGE, TINY, make_checkpoint, make_clip
from webui.engine.emotion2vec.checkpoint import load_network
from webui.engine.emotion2vec.convert import convert_checkpoint
from webui.engine.emotion2vec.runner import DeviceRunner
from webui.engine.emotion2vec.torch_model import TorchModel
from webui.engine.protocol import Prediction, Window
from webui.settings import Precision
from webui.units import SPEECH_RATE

UNEQUAL_S: Final = (3.3, 0.5, 10.0, 1.0, 7.7, 2.0, 5.0, 0.025)
BATCHES_S: Final = (120.0, 240.0, 480.0, 960.0)
PICKLED: Final = "model.pt"


def make_folder(directory: Path, *, tiny: bool) -> None:
    """Writes a converted random checkpoint with the sizes of emotion2vec_plus_large, or with tiny ones."""
    published = make_checkpoint(directory, TINY if tiny else LARGE, training=False)
    convert_checkpoint(directory, published, directory)
    published.unlink()


def load(directory: Path, device: torch.device, precision: str, *, record: bool = True) -> TorchModel:
    """Loads the checkpoint; ``record`` enables CUDA graphs."""
    network, info = load_network(directory, directory / "model.safetensors")
    model = TorchModel("drawn", network, info, license="none", device=device, precision=Precision(precision))
    if not record and device.type == "cuda":
        model._runner = DeviceRunner(network, device, TYPES[precision], normalize=info.normalize, cuda_graphs=False)
    return model


def clips(seconds: Sequence[float]) -> list[Window]:
    """Returns synthetic clips of these lengths in seconds, with twelve different contents."""
    made: dict[tuple[int, float], Window] = {}
    windows = []
    for number, length in enumerate(seconds):
        key = (number % 12, length)
        if key not in made:
            made[key] = whole(make_clip(*key))
        windows.append(made[key])
    return windows


def correctness(directory: Path, device: torch.device) -> tuple[Table, bool]:
    """Returns how much ``predict`` differs from fp32 on the CPU: one clip or many, at the first call and later ones."""
    windows = clips(UNEQUAL_S)
    exact = load(directory, CPU, "fp32").predict(windows, with_features=True)
    rows, all_passed = [], True
    for name, limit in LIMITS.items():
        model = load(directory, device, name)
        ways: dict[str, list[Prediction]] = {"predict(all)": model.predict(windows, with_features=True)}
        for turn in ("first", "second", "third"):
            ways[f"one by one, {turn} time"] = [model.predict([window])[0] for window in windows]
        for what, predictions in ways.items():
            shapes = [one.logits.shape for one in predictions] == [one.logits.shape for one in exact]
            worst = max(float(np.abs(scores(a) - scores(b)).max()) for a, b in zip(predictions, exact, strict=True))
            passed = shapes and worst <= limit and model.info.device == str(device)
            all_passed &= passed
            rows.append((f"{name}, {what}", f"{worst:.1e}", f"{limit:.0e}", "ok" if passed else "WRONG"))
    columns = ("what", "largest score difference", "allowed", "")
    return Table("`predict` compared with fp32 on the CPU, 8 clips of 0.025 to 10 s", columns, tuple(rows)), all_passed


def memory_runs_out(directory: Path, device: torch.device, *, seconds: float, batch: int) -> tuple[Table, bool]:
    """Returns what happens if a batch does not fit into memory, and if no clip does: no clip may be lost."""
    windows = clips([seconds - 0.05 * (number % 7) for number in range(batch)])
    exact = load(directory, device, "fp32", record=False).predict(windows)
    total = torch.cuda.get_device_properties(device).total_memory
    rows, all_passed = [], True
    for what, spare_mb, expected in (("for a few clips at once", 1500, str(device)), ("for no clip", 0, "cpu")):
        count = batch if spare_mb else 3  # fewer clips, as the CPU will compute them
        model = load(directory, device, "fp32", record=False)
        sizes = _record_batch_sizes(model)
        torch.cuda.empty_cache()
        limit = torch.cuda.memory_reserved(device) + spare_mb * 2**20
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total), device)
        try:
            predictions = model.predict(windows[:count])
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, device)
        worst = max(float(np.abs(scores(a) - scores(b)).max()) for a, b in zip(predictions, exact[:count], strict=True))
        passed = worst <= LIMITS["fp32"] and model.info.device == expected and len(sizes) > 1
        all_passed &= passed
        tried = ", ".join(map(str, sizes[:8])) + (", ..." if len(sizes) > 8 else "")
        rows.append(
            (
                what,
                tried,
                model.info.device,
                f"{len(predictions)} of {count}",
                f"{worst:.1e}",
                "ok" if passed else "WRONG",
            )
        )
    columns = ("memory", "windows in the batches that were tried", "device in the end", "predictions", "difference", "")
    return Table("When memory runs out", columns, tuple(rows)), all_passed


def _record_batch_sizes(model: TorchModel) -> list[int]:
    sizes: list[int] = []
    start = model._runner.start

    def recorded(windows: Sequence[Window], *, with_features: bool = False) -> object:
        sizes.append(len(windows))
        return start(windows, with_features=with_features)

    model._runner.start = recorded  # type: ignore[method-assign, assignment]
    return sizes


def single(directory: Path, device: torch.device, *, lengths: Sequence[float], rounds: int) -> Table:
    """Returns the time of ``predict`` for one clip."""
    rows = []
    for name in LIMITS:
        for record in (False, True) if device.type == "cuda" else (False,):
            model = load(directory, device, name, record=record)
            for seconds in lengths:
                windows = clips([seconds])
                times = time_all(lambda model=model, windows=windows: model.predict(windows), rounds, warm=4)
                rows.append(
                    (
                        f"{name}{', CUDA graph' if record else ''}",
                        f"{seconds:g} s",
                        f"{statistics.median(times):.2f}",
                        f"{np.quantile(times, 0.95):.2f}",
                        f"{1000 * seconds / statistics.median(times):,.0f}",
                    )
                )
    columns = ("precision", "clip", "p50, ms", "p95, ms", "x real time")
    return Table(f"`predict` of one clip in memory, {rounds} rounds", columns, tuple(rows))


def batches(directory: Path, device: torch.device, *, seconds: float, count: int, rounds: int) -> Table:
    """Returns the speed of ``predict`` for many clips, by the seconds of audio in a batch."""
    equal, unequal = clips([seconds] * count), clips([seconds * (1 + n % 15) / 8 for n in range(count)])
    rows = []
    for name in LIMITS:
        model = load(directory, device, name)
        usual = model.gpu_batch_s
        work = [(f"{count} of {seconds / 8:g} to {15 * seconds / 8:g} s", unequal, usual)]
        work += [(f"{count} x {seconds:g} s", equal, one) for one in (BATCHES_S if name != "fp32" else (usual,))]
        for what, windows, model.gpu_batch_s in work:
            _reset_peak(device)
            times = time_all(lambda model=model, windows=windows: model.predict(windows), rounds, warm=1)
            took = statistics.median(times) / 1000
            speed = sum(len(window.samples) for window in windows) / SPEECH_RATE / took
            peak = f"{torch.cuda.max_memory_reserved(device) / 2**30:.1f}" if device.type == "cuda" else ""
            rows.append((name, what, f"{model.gpu_batch_s:g} s", f"{1000 * took / count:.2f}", f"{speed:,.0f}", peak))
    columns = ("precision", "clips", "in a batch", "ms a clip", "x real time", "GPU memory reserved, GB")
    return Table("`predict` of many clips in memory", columns, tuple(rows))


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def compared_with_funasr(directory: Path, device: torch.device, *, seconds: float, count: int, rounds: int) -> Table:
    """Returns FunASR's time and ours for a clip, on the same device and with the same weights."""
    from safetensors.torch import load_file

    torch.save({"model": load_file(directory / "model.safetensors")}, directory / PICKLED)
    funasr = load_funasr(directory, device=str(device), threads=FUNASR_THREADS, weights=PICKLED)
    windows = clips([seconds])
    theirs = statistics.median(time_all(lambda: funasr(windows[0].samples), rounds, warm=3))
    rows = [("FunASR AutoModel, one clip after the other", f"{theirs:.2f}", "1.0")]
    for name in LIMITS:
        model = load(directory, device, name)
        by_clip = statistics.median(time_all(lambda model=model: model.predict(windows), rounds, warm=4))
        rows.append((f"{name}, one clip after the other", f"{by_clip:.2f}", f"{theirs / by_clip:.1f}"))
        many = clips([seconds] * count)
        each = statistics.median(time_all(lambda model=model, many=many: model.predict(many), 3, warm=1)) / count
        rows.append((f"{name}, {count} clips at once", f"{each:.2f}", f"{theirs / each:.1f}"))
    return Table(f"A clip of {seconds:g} s, compared with FunASR", ("way", "ms a clip", "x FunASR"), tuple(rows))


def time_all(run: Callable[[], object], rounds: int, *, warm: int) -> list[float]:
    """Returns the time of each round in milliseconds; ``run`` must wait until the GPU has finished."""
    for _ in range(warm):
        run()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - started))
    return times
