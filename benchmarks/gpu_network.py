"""The network without the engine, on a GPU: numerical accuracy, and the time of each part, computed in several ways.

Needs PyTorch, numpy and this project's files, but no weights: these are random.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.tables import Table
from webui.engine.emotion2vec.config import Emotion2vecConfig
from webui.engine.emotion2vec.network import Block, Emotion2vec, PositionConv, WaveConv
from webui.engine.emotion2vec.prepack import prepack_for_gpu
from webui.engine.emotion2vec.runner import DeviceRunner, copy_to
from webui.errors import first_line
from webui.units import SPEECH_RATE

LIMITS: Final = {"fp32": 1e-5, "fp16": 1e-2, "bf16": 5e-2}  # allowed score difference from fp32 on the CPU
TYPES: Final = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
CLIPS_S: Final = (1.0, 3.3, 10.0)
CPU: Final = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Clip:
    """Has the fields of ``webui.engine.protocol.Window``, without the imports of that module."""

    samples: NDArray[np.float32]
    mean: float
    variance: float


def sizes(*, tiny: bool) -> Emotion2vecConfig:
    """Returns the sizes of emotion2vec_plus_large, or tiny ones."""
    channels = 24 if tiny else 512
    return Emotion2vecConfig(
        embed_dim=48 if tiny else 1024,
        depth=2 if tiny else 8,
        prenet_depth=2 if tiny else 4,
        num_heads=4 if tiny else 16,
        mlp_ratio=4.0,
        norm_eps=1e-5,
        num_extra_tokens=3 if tiny else 10,
        conv_layers=((channels, 10, 5), *[(channels, 3, 2)] * 4, *[(channels, 2, 2)] * 2),
        conv_pos_depth=5,
        conv_pos_width=95,
        conv_pos_groups=4 if tiny else 16,
        labels=9,
    )


def draw_network(config: Emotion2vecConfig) -> Emotion2vec:
    """Returns a network with random values in every tensor, including norms, biases and scales."""
    generator = torch.Generator().manual_seed(7)
    network = Emotion2vec(config)
    for name, tensor in network.named_parameters():
        center = 1.0 if name.endswith("alibi.scale") or (tensor.ndim == 1 and name.endswith("weight")) else 0.0
        fan_in = tensor[0].numel() if tensor.ndim > 1 else 25
        tensor.data = center + torch.randn(tensor.shape, generator=generator) / fan_in**0.5
    return network.eval().requires_grad_(False)


def draw_clips(seconds: Sequence[float]) -> list[Clip]:
    """Returns noise of these lengths in seconds, as loud as speech."""
    generator = np.random.default_rng(8)
    clips = []
    for length in seconds:
        samples = generator.normal(scale=0.1, size=round(length * SPEECH_RATE)).astype(np.float32)
        samples = np.convolve(samples, np.ones(4, dtype=np.float32))[: len(samples)].astype(np.float32)
        clips.append(Clip(samples, float(samples.mean()), float(samples.var())))
    return clips


def score(runner: DeviceRunner, clips: Sequence[Clip]) -> NDArray[np.float64]:
    """Returns utterance scores ``(B, L)`` from one padded batch."""
    logits = [frames.mean(axis=0, dtype=np.float64) for frames, _ in runner.start(clips).finish()]  # type: ignore[arg-type]
    powers = np.exp(np.stack(logits) - np.max(logits, axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def check(network: Emotion2vec, device: torch.device) -> Iterator[tuple[str, float, float]]:
    """Yields the name of each comparison, the largest score difference, and the allowed difference."""
    clips = draw_clips(CLIPS_S)
    exact = np.concatenate([score(DeviceRunner(copy_to(network, CPU, torch.float32), CPU), [clip]) for clip in clips])
    for name, limit in LIMITS.items():
        runner = DeviceRunner(copy_to(network, CPU, torch.float32), device, TYPES[name], cuda_graphs=False)
        single = np.concatenate([score(runner, [clip]) for clip in clips])
        yield f"{name}, single clips", float(np.abs(single - exact).max()), limit
        yield f"{name}, padded batch", float(np.abs(score(runner, clips) - exact).max()), limit
        if device.type == "cuda":
            runner = DeviceRunner(network, device, TYPES[name])
            replayed = [np.concatenate([score(runner, [clip]) for clip in clips]) for _ in range(3)][-1]
            yield f"{name}, CUDA graph", float(np.abs(replayed - exact).max()), limit


def correctness(network: Emotion2vec, device: torch.device) -> tuple[Table, bool]:
    """Returns the table of ``check``, and whether all differences are allowed."""
    rows, all_passed = [], True
    for what, difference, limit in check(network, device):
        all_passed &= difference <= limit
        rows.append((what, f"{difference:.1e}", f"{limit:.0e}", "ok" if difference <= limit else "WRONG"))
    return Table(
        "Compared with fp32 on the CPU", ("what", "largest score difference", "allowed", ""), tuple(rows)
    ), all_passed


def speed(network: Emotion2vec, device: torch.device, *, seconds: float, batch: int, rounds: int) -> Table:
    """Returns the time of a forward pass, from samples in memory to logits in memory."""
    rows = []
    for name, dtype in TYPES.items():
        for record in (False, True) if device.type == "cuda" else (False,):
            runner = DeviceRunner(copy_to(network, CPU, torch.float32), device, dtype, cuda_graphs=record)
            for count in (1, batch) if not record else (1,):
                clips = draw_clips([seconds] * count)
                took = _time(lambda runner=runner, clips=clips: runner.start(clips).finish(), device, 4 * rounds)
                what = f"{name}, {count} x {seconds:g} s{', CUDA graph' if record else ''}"
                rows.append((what, took, f"{1000 * count * seconds / float(took):,.0f}"))
    return Table("A pass, samples in memory to logits in memory", ("pass", "median ms", "x real time"), tuple(rows))


def stages(network: Emotion2vec, device: torch.device, *, name: str, seconds: float, batch: int, rounds: int) -> Table:
    """Returns the time of each part of a forward pass, for each implementation of it."""
    plain = copy_to(network, CPU, torch.float32).to(device)  # not prepacked
    fast = copy_to(network, device, TYPES[name])
    prepack_for_gpu(fast)
    with torch.inference_mode():
        for parameter in plain.parameters():
            if parameter is not plain.alibi.scale:
                parameter.data = parameter.data.to(TYPES[name])
        waveforms = torch.randn(batch, round(seconds * SPEECH_RATE), device=device).to(TYPES[name])
        frames = int(fast.count_frames(torch.tensor(waveforms.shape[1])))
        projected = fast.project(fast.project_norm(fast.wave(waveforms[..., None])))
        bias = fast.alibi(frames - fast.config.num_extra_tokens, dtype=projected.dtype)
        unaligned = bias.contiguous()
        block = fast.encoder.blocks[0]
        ways: dict[str, Callable[[], object]] = {
            "waveform: products": lambda: fast.wave(waveforms[..., None]),
            "waveform: conv1d": lambda: _wave(plain, waveforms, _conv1d),
            "waveform: conv2d, channels last": lambda: _wave(plain, waveforms, _channels_last),
            "positions: products": lambda: [conv(projected) for conv in fast.positions],
            "positions: conv1d": lambda: [conv(projected) for conv in plain.positions],
            "positions: conv2d, channels last": lambda: [_position(conv, projected) for conv in plain.positions],
            "attention bias": lambda: fast.alibi(frames, dtype=projected.dtype),
            "a block": lambda: block(projected, bias),
            "a block, bias not aligned": lambda: block(projected, unaligned),
            "a block without attention": lambda: _products(block, projected),
        }
        for kind in (SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH):
            ways[f"a block, {kind.name}"] = lambda kind=kind: _with(sdpa_kernel(kind), lambda: block(projected, bias))
        ways["whole"] = lambda: fast(waveforms)
        rows = tuple((what, _time(run, device, rounds)) for what, run in ways.items())
    return Table(f"Parts of a pass of {batch} x {seconds:g} s in {name}", ("part", "median ms"), rows)


def _wave(network: Emotion2vec, waveforms: Tensor, way: Callable[[WaveConv, Tensor], Tensor]) -> Tensor:
    x = waveforms[:, None]  # (B, 1, S)
    for conv in network.wave:
        assert isinstance(conv, WaveConv)
        x = F.gelu(conv.norm(way(conv, x).transpose(1, 2))).transpose(1, 2)
    return x


def _conv1d(conv: WaveConv, x: Tensor) -> Tensor:
    y: Tensor = conv.conv(x)
    return y


def _channels_last(conv: WaveConv, x: Tensor) -> Tensor:
    weight = conv.conv.weight[:, :, None].to(memory_format=torch.channels_last)
    y = F.conv2d(x[:, :, None].to(memory_format=torch.channels_last), weight, stride=(1, conv.conv.stride[0]))
    return y[:, :, 0]


def _position(conv: nn.Module, x: Tensor) -> Tensor:
    assert isinstance(conv, PositionConv)
    weight = conv.conv.weight[:, :, None].to(memory_format=torch.channels_last)
    x = x.transpose(1, 2)[:, :, None].to(memory_format=torch.channels_last)
    padding = (0, conv.conv.kernel_size[0] // 2)
    y = F.conv2d(x, weight, conv.conv.bias, padding=padding, groups=conv.conv.groups)[:, :, 0].transpose(1, 2)
    return F.gelu(F.layer_norm(y, (y.shape[2],)))


def _products(block: nn.Module, x: Tensor) -> Tensor:
    assert isinstance(block, Block)
    x = block.norm1(x + block.proj(block.qkv(x)[..., : x.shape[2]]))
    y: Tensor = block.norm2(x + block.fc2(F.gelu(block.fc1(x))))
    return y


def _with(context: AbstractContextManager[object], run: Callable[[], object]) -> object:
    with context:
        return run()


def _time(run: Callable[[], object], device: torch.device, rounds: int) -> str:
    """Returns the median time in ms, or the error if ``run`` fails."""
    try:
        for _ in range(3):
            run()
        times = []
        for _ in range(rounds):
            _wait(device)
            started = time.perf_counter()
            run()
            _wait(device)
            times.append(1000 * (time.perf_counter() - started))
    except RuntimeError as err:
        return f"no: {first_line(err)[:80]}"
    return f"{statistics.median(times):.2f}"


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def profile(network: Emotion2vec, device: torch.device, path: Path, *, name: str, seconds: float, batch: int) -> None:
    """Writes the time of each kernel in a forward pass of a batch, and in one of a single clip."""
    runner = DeviceRunner(network, device, TYPES[name], cuda_graphs=False)
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    texts = []
    for clips in (draw_clips([seconds] * batch), draw_clips([seconds])):
        for _ in range(2):
            runner.start(clips).finish()  # type: ignore[arg-type]
        with torch.profiler.profile(activities=kinds) as profiler:
            runner.start(clips).finish()  # type: ignore[arg-type]
        order = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
        texts.append(profiler.key_averages().table(sort_by=order, row_limit=40, max_name_column_width=90))
    path.write_text("\n".join(texts), encoding="utf-8")


def compiled(
    network: Emotion2vec, device: torch.device, *, name: str, seconds: float, batch: int, rounds: int
) -> Table:
    """Returns the time of a forward pass with ``torch.compile``, and the time of the first, which compiles."""
    fast = copy_to(network, device, TYPES[name])
    prepack_for_gpu(fast)
    rows = []
    with torch.inference_mode():
        for count in (batch, 1):
            waveforms = torch.randn(count, round(seconds * SPEECH_RATE), device=device).to(TYPES[name])
            for what, forward in (("not compiled", fast), ("compiled", torch.compile(fast, dynamic=False))):
                started = time.perf_counter()
                _time(lambda forward=forward, waveforms=waveforms: forward(waveforms), device, 1)
                first_s = time.perf_counter() - started
                again = _time(lambda forward=forward, waveforms=waveforms: forward(waveforms), device, rounds)
                rows.append((f"{count} x {seconds:g} s, {what}", f"{first_s:.1f}", again))
    return Table(f"torch.compile, {name}", ("pass", "first, s", "median ms"), tuple(rows))
