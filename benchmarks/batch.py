"""Clips of different lengths, one by one and in one batch: speed, and difference of the scores."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.contenders import whole
from benchmarks.tables import Table, cores, ratio, spread
from tests.support.checkpoints import make_clip
from webui.arrays import FloatArray
from webui.engine.emotion2vec.torch_model import TorchModel
from webui.engine.protocol import Prediction
from webui.engine.registry import LARGE, ModelRegistry
from webui.settings import Device, Settings

SECONDS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def measure(models_dir: Path, *, quick: bool, rounds: int) -> Iterator[Table]:
    """Yields the time of three ways to predict six clips, and their largest score difference."""
    model = ModelRegistry(Settings(models_dir=models_dir, device=Device.CPU)).load(LARGE)
    assert isinstance(model, TorchModel)
    torch.set_num_threads(cores())
    scale = 0.2 if quick else 1.0
    windows = [whole(make_clip(number, scale * seconds)) for number, seconds in enumerate(SECONDS)]
    ways: dict[str, Callable[[], list[Prediction]]] = {
        "one by one": lambda: [model.predict([window])[0] for window in windows],
        "predict(all)": lambda: model.predict(windows),
        "one padded batch": lambda: model.predict_together(windows),
    }
    exact = [scores(one) for one in ways["one by one"]()]
    times: dict[str, list[float]] = {name: [] for name in ways}
    differences: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in ways.items():
            started = time.perf_counter()
            predictions = run()
            times[name].append(time.perf_counter() - started)
            differences[name] = max(
                float(np.abs(scores(one) - other).max()) for one, other in zip(predictions, exact, strict=True)
            )
    first = times["one by one"]
    rows = tuple(
        (name, spread(values), ratio(first, values), f"{differences[name]:.1e}") for name, values in times.items()
    )
    columns = ("way", "wall seconds", "x one by one", "largest score difference")
    remark = "On the CPU `predict` runs its windows one by one, longest first: padding costs more than a batch saves."
    yield Table(f"Six clips of {scale:g} to {6 * scale:g} s, native fp32, {rounds} rounds", columns, rows, (remark,))


def scores(prediction: Prediction) -> FloatArray:
    """Returns the softmax of the mean of the frame logits, shape ``(labels,)``."""
    logits = prediction.logits.mean(axis=0, dtype=np.float64)
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum(), dtype=np.float32)
