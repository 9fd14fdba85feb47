"""``python -m training``: train, export, evaluate; see training/README.md for the commands in order."""

import argparse
import json
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from training.cache import WaveformCache, build_cache
from training.data import Clip, TrainingDataError, read_manifest
from training.splits import FOLDS, UNUSED_CORPORA, Split, split_by_speaker

logger = logging.getLogger("training")


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of the three commands."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv and the recordings")
    parser.add_argument("--cache", type=Path, default=Path("training/cache"), help="folder for decoded recordings")
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser("train", help="train one member, or go on where it stopped")
    train.add_argument("--run", type=Path, required=True, help="folder of this training")
    train.add_argument("--seed", type=int, default=20_240_101)
    train.add_argument("--epochs", type=int, default=24)
    train.add_argument("--threads", type=int, default=2)
    train.add_argument("--fold", type=int, choices=range(len(FOLDS)), help="speakers that this run never hears")
    train.add_argument(
        "--with-validation", action="store_true", help="train on the validation speakers too; nothing is validated"
    )

    export = commands.add_parser("export", help="calibrate and write the model's files")
    export.add_argument("--member", type=Path, action="append", required=True, help="a run; may be given again")
    export.add_argument(
        "--calibrate-on", type=Path, required=True, help="a run that did not train on the validation speakers"
    )
    export.add_argument("--version", required=True)
    export.add_argument("--model", type=Path, default=Path("models/builtin"))

    measure = commands.add_parser("evaluate", help="measure on the speakers kept back, and write the card")
    measure.add_argument("--model", type=Path, default=Path("models/builtin"))
    measure.add_argument("--machine", required=True, help='where this runs, in words: "2-core x86-64 CPU"')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    arguments = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        clips = read_manifest(arguments.data)
        split = split_by_speaker(clips)
        logger.info("%d clips: %s", len(clips), {k: len(getattr(split, k)) for k in ("train", "validation", "test")})
        cache = build_cache(arguments.data, clips, arguments.cache)
        run = {"train": _train, "export": _export, "evaluate": _evaluate}[arguments.command]
        run(arguments, clips, split, cache)
    except TrainingDataError as err:
        logger.error("%s", err)
        return 1
    return 0


def _train(arguments: argparse.Namespace, _clips: Sequence[Clip], split: Split, cache: WaveformCache) -> None:
    from training.options import TrainOptions
    from training.train import train
    from webui.engine.builtin_network import NetworkConfig

    chosen = split.with_validation_in_training() if arguments.with_validation else split
    if arguments.fold is not None:
        chosen = split.fold(FOLDS[arguments.fold])
    options = TrainOptions(epochs=arguments.epochs, seed=arguments.seed, threads=arguments.threads)
    train(cache, chosen, NetworkConfig(), options, arguments.run)


def _export(arguments: argparse.Namespace, _clips: Sequence[Clip], split: Split, cache: WaveformCache) -> None:
    from training.export import export_runs

    export_runs(
        arguments.member,
        calibration_run=arguments.calibrate_on,
        split=split,
        cache=cache,
        directory=arguments.model,
        version=arguments.version,
    )


def _evaluate(arguments: argparse.Namespace, clips: Sequence[Clip], split: Split, cache: WaveformCache) -> None:
    from training.card import write_card
    from training.evaluate import EVALUATION_NAME, evaluate

    command = "python -m training --data DIR evaluate --machine " + shlex.quote(arguments.machine)
    strangers = [clip for clip in clips if clip.corpus in UNUSED_CORPORA]
    found = evaluate(arguments.model, cache, split.test, strangers, command=command, machine=arguments.machine)
    (arguments.model / EVALUATION_NAME).write_text(
        json.dumps(found.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8"
    )
    write_card(arguments.model)
    logger.info("pooled %.3f  mean of corpora %.3f", found.pooled.value, found.mean_of_corpora.value)


if __name__ == "__main__":
    raise SystemExit(main())
