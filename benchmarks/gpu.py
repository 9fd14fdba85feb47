"""Is the network right on this GPU, and how fast? One call: ``python -m benchmarks.gpu``.

Needs PyTorch, numpy and this project's files, and no weights: they are drawn. Without a GPU the same steps run on the
CPU, which tests the script and measures nothing of interest.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import torch
from torch import Tensor

from webui.engine.model import Emotion2vec, Emotion2vecConfig

RATE: Final = 16_000
LIMITS: Final = {"fp32": 1e-5, "fp16": 1e-2, "bf16": 5e-2}  # of the largest score difference to the CPU in fp32
TYPES: Final = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
CLIPS_S: Final = (1.0, 3.3, 10.0)


def sizes(*, tiny: bool) -> Emotion2vecConfig:
    """Returns plus_large's sizes, or tiny ones."""
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
    """Returns a network whose every tensor is drawn: norms, biases and scales as well."""
    generator = torch.Generator().manual_seed(7)
    network = Emotion2vec(config)
    for name, tensor in network.named_parameters():
        centre = 1.0 if name.endswith("alibi_scale") or (tensor.ndim == 1 and name.endswith("weight")) else 0.0
        fan_in = tensor[0].numel() if tensor.ndim > 1 else 25
        tensor.data = centre + torch.randn(tensor.shape, generator=generator) / fan_in**0.5
    return network.eval().requires_grad_(False)


def draw_clips(seconds: Sequence[float]) -> list[Tensor]:
    """Returns normalised waveforms ``(samples,)``."""
    generator = torch.Generator().manual_seed(8)
    clips = [torch.randn(round(length * RATE), generator=generator).cumsum(0) for length in seconds]
    return [(clip - clip.mean()) / clip.std() for clip in clips]


def precision_of(name: str, place: torch.device) -> AbstractContextManager[object]:
    """Returns what makes matrix products run in fp16 or bf16; norms and sums stay in fp32."""
    if name == "fp32":
        return nullcontext()
    return torch.autocast(place.type, dtype=TYPES[name], cache_enabled=False)


def score(network: Emotion2vec, clips: Sequence[Tensor], place: torch.device) -> Tensor:
    """Returns utterance scores ``(B, L)`` from one padded batch; out of memory halves it, nothing is lost."""
    try:
        batch = torch.nn.utils.rnn.pad_sequence(list(clips), batch_first=True)
        if place.type == "cuda":
            batch = batch.pin_memory()
        samples = torch.tensor([len(clip) for clip in clips])
        _, logits = network(batch.to(place, non_blocking=True), samples.to(place, non_blocking=True))
        frames = network.count_frames(samples).tolist()
        return torch.stack([row[:count].float().mean(0).softmax(0) for row, count in zip(logits, frames, strict=True)])
    except torch.OutOfMemoryError:
        if len(clips) == 1:
            raise
        half = len(clips) // 2
    return torch.cat([score(network, clips[:half], place), score(network, clips[half:], place)])


def check(network: Emotion2vec, place: torch.device) -> Iterator[tuple[str, float, float]]:
    """Yields what was compared, the largest score difference, and how much is allowed."""
    cpu = torch.device("cpu")
    clips = draw_clips(CLIPS_S)
    network.to(cpu)
    exact = torch.cat([score(network, [clip], cpu) for clip in clips])
    network.to(place)
    for name, limit in LIMITS.items():
        with precision_of(name, place):
            alone = torch.cat([score(network, [clip], place) for clip in clips]).cpu()
            together = score(network, clips, place).cpu()
        yield f"{name} alone", (alone - exact).abs().max().item(), limit
        yield f"{name} in a padded batch", (together - exact).abs().max().item(), limit


def measure(
    network: Emotion2vec, place: torch.device, *, seconds: float, batch: int, rounds: int
) -> Iterator[tuple[str, float, float]]:
    """Yields what ran, median milliseconds of a pass, and seconds of audio per second."""
    network.to(place)
    for name in LIMITS:
        for count in (1, batch):
            clips = draw_clips([seconds] * count)
            with precision_of(name, place):
                milliseconds = _median_ms(lambda clips=clips: score(network, clips, place).cpu(), rounds)
            yield f"{name}, {count} x {seconds:g} s", milliseconds, 1000 * count * seconds / milliseconds
        if place.type == "cuda":
            milliseconds = _median_ms(_captured(network, name, place, seconds), rounds)
            yield f"{name}, 1 x {seconds:g} s, CUDA graph", milliseconds, 1000 * seconds / milliseconds


def _captured(network: Emotion2vec, name: str, place: torch.device, seconds: float) -> Callable[[], Tensor]:
    """Returns a pass recorded once for one length: without it, a single clip waits for the launches of its kernels."""
    given = draw_clips([seconds])[0][None].pin_memory()
    waveform = given.to(place)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream), precision_of(name, place):
        for _ in range(3):
            network(waveform)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph), precision_of(name, place):
        logits = network(waveform)[1]

    def run() -> Tensor:
        waveform.copy_(given, non_blocking=True)
        graph.replay()
        return logits.float().mean(1).softmax(1).cpu()

    return run


def _median_ms(run: Callable[[], Tensor], rounds: int) -> float:
    run()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        run()  # ends with a copy to the CPU, which waits
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def main(arguments: Sequence[str]) -> int:
    """Prints two tables; the exit code is 1 if a number is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="a tiny network: whether the script works")
    parser.add_argument("--batch", type=int, default=64, help="clips in a batch, 64 by default")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clips that are timed")
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args(arguments)
    place = torch.device(given.device)
    torch.backends.cuda.matmul.allow_tf32 = False  # fp32 means fp32
    torch.backends.cudnn.allow_tf32 = False
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else f"{platform.machine()} CPU"
    lines = [f"{name}, torch {torch.__version__}", "", "| compared with fp32 on the CPU | difference | allowed | |"]
    lines.append("|---|---|---|---|")
    right = True
    with torch.inference_mode():
        network = draw_network(sizes(tiny=given.tiny))
        for what, difference, limit in check(network, place):
            right &= difference <= limit
            lines.append(f"| {what} | {difference:.1e} | {limit:.0e} | {'ok' if difference <= limit else 'WRONG'} |")
        lines += ["", "| pass | median ms | x real time |", "|---|---|---|"]
        for what, milliseconds, speed in measure(
            network, place, seconds=given.seconds, batch=given.batch, rounds=given.rounds
        ):
            lines.append(f"| {what} | {milliseconds:.2f} | {speed:,.0f} |")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
