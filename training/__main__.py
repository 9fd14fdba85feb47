"""Trains small models: all steps with one command, or a single step; see training/README.md."""

import argparse
import logging
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.cache import WaveformCache, build_cache
from training.corpora import CorpusSet
from training.data import TrainingDataError, labels_in, read_manifest, speakers_in
from training.head_options import VIEWS, HeadOptions
from training.license import license_of
from training.options import STATISTICS_MLP, TrainOptions
from training.record import EVALUATION_NAME, TRANSFER_NAME, write_record
from training.splits import GROUPS, Plan, Split, hold_out, plan_training
from webui.errors import SpeechEmotionError

logger = logging.getLogger("training")

DEFAULTS = TrainOptions()
MACHINE_HELP = 'description of this machine, for the record: "2-core x86-64 CPU"'


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line.

    Without a step, the whole pipeline is run; with one, only that step, for this project's corpora.
    """
    parser = argparse.ArgumentParser(prog="bash run.sh train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="manifest.csv and recordings, or a folder per emotion")
    parser.add_argument(
        "--cache", type=Path, help="folder for decoded recordings, for a single step; otherwise it is OUT/cache"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("training/runs/whole"), help="folder of the runs and the model"
    )
    parser.add_argument("--teacher", help="learn the scores of this model, from recordings without labels")
    parser.add_argument("--members", type=int, default=len(GROUPS), help="number of pairs of members that are averaged")
    parser.add_argument(
        "--processes", type=int, default=1, help="number of members that are trained at a time; 10 keep a GPU busy"
    )
    parser.add_argument("--version", dest="weights_version", default="1", help="version of the weights")
    parser.add_argument("--machine", default=platform.machine(), help=MACHINE_HELP)
    _add_train_options(parser, is_step=False)
    _add_steps(parser.add_subparsers(dest="command", metavar="STEP"))
    return parser


def _add_train_options(parser: argparse.ArgumentParser, *, is_step: bool) -> None:
    def add(name: str, kind: type, default: object, text: str) -> None:
        # Steps have no defaults: they would override values that are given before the name of the step.
        parser.add_argument(name, type=kind, default=argparse.SUPPRESS if is_step else default, help=text)

    add("--seed", int, DEFAULTS.seed, "seed of the random numbers")
    add("--epochs", int, DEFAULTS.epochs, "number of epochs")
    add("--threads", int, DEFAULTS.threads, "number of threads of each training run")
    add("--device", str, DEFAULTS.device, "cpu, or cuda for a GPU")
    add("--learning-rate", float, DEFAULTS.learning_rate, "highest learning rate")
    _add_hidden(parser, "--rate", dest="learning_rate", type=float)


def _add_hidden(parser: argparse.ArgumentParser, *names: str, **options: object) -> None:
    """Adds the earlier names of an option, which still work but are not listed."""
    parser.add_argument(*names, default=argparse.SUPPRESS, help=argparse.SUPPRESS, **options)  # type: ignore[arg-type]


def _add_steps(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    member = commands.add_parser("member", help="train one member, or resume its training")
    member.add_argument("--run", type=Path, required=True, help="folder of this training run")
    _add_train_options(member, is_step=True)
    member.add_argument("--validate-every", type=int, default=1, help="epochs between two validations")
    member.add_argument("--from-model", type=Path, help="model whose member to start from, instead of random weights")
    member.add_argument("--from-member", type=int, default=0, help="number of that member")
    member.add_argument("--statistics-mlp", action="store_true", help="train a statistics MLP")
    _add_hidden(member, "--counting", dest="statistics_mlp", action="store_true")
    member.add_argument("--group", type=int, help="number of the group of speakers to hold out; by default none")

    export = commands.add_parser("export", help="calibrate, and write the files of the model")
    export.add_argument(
        "--member",
        type=Path,
        action="append",
        required=True,
        help="folder of a run; can be repeated",
    )
    export.add_argument("--weights", required=True, help="version of the weights")
    export.add_argument("--started-from", help="description of the model whose members the runs continued")
    export.add_argument("--model", type=Path, default=Path("models/builtin"), help="folder to write the model to")

    measure = commands.add_parser("evaluate", help="measure on held-out speakers, and write the card")
    measure.add_argument("--model", type=Path, default=Path("models/builtin"), help="folder of the model")
    measure.add_argument("--on", required=True, help=MACHINE_HELP)

    pooled = commands.add_parser("pooled", help="make a model on top of pretrained encoders: all steps, resumable")
    pooled.add_argument(
        "--packages", type=Path, default=Path("training/cache/packages"), help="folder of the encoders' packages"
    )
    pooled.add_argument(
        "--encoded", type=Path, default=Path("training/cache/encoded"), help="folder of the encoded recordings"
    )
    pooled.add_argument(
        "--corpora", type=CorpusSet, choices=list(CorpusSet), default=CorpusSet.ALL, help="which corpora to train on"
    )
    pooled.add_argument("--views", type=int, default=VIEWS, help="number of variants of each recording")
    pooled.add_argument("--head-epochs", type=int, default=HeadOptions().epochs, help="number of epochs of each head")
    pooled.add_argument(
        "--processes", type=int, default=argparse.SUPPRESS, help="number of processes that encode recordings"
    )

    transfer = commands.add_parser("transfer", help="train without each corpus in turn, and measure on that corpus")
    transfer.add_argument("--runs", type=Path, default=Path("training/runs/transfer"), help="folder of the runs")
    transfer.add_argument(
        "--model", type=Path, default=Path("models/builtin"), help="model whose card gets the figures"
    )
    transfer.add_argument("--on", required=True, help=MACHINE_HELP)
    transfer.add_argument(
        "--processes", type=int, default=argparse.SUPPRESS, help="number of members that are trained at a time"
    )
    _add_train_options(transfer, is_step=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = build_parser().parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        if arguments.command is None:
            _train_whole(arguments, words)
        elif arguments.command == "pooled":
            _train_pooled(arguments, words)
        else:
            _run_step(arguments)
    except (TrainingDataError, SpeechEmotionError) as err:
        logger.error("%s", err)
        return 1
    return 0


def _train_whole(arguments: argparse.Namespace, words: Sequence[str]) -> None:
    from training.pipeline import PipelineOptions, run_pipeline
    from webui.engine.builtin.network import NetworkConfig
    from webui.engine.registry import ModelRegistry
    from webui.settings import Settings

    teacher = ModelRegistry(Settings()).load(arguments.teacher) if arguments.teacher else None
    pipeline = PipelineOptions(
        data=arguments.data,
        work=arguments.out,
        model=arguments.out / "model",
        members=arguments.members,
        version=arguments.weights_version,
        machine=arguments.machine,
        command=_without_path(words, arguments.data),
        processes=arguments.processes,
    )
    options = replace(_train_options(arguments), validate_every=arguments.epochs)
    run_pipeline(pipeline, options, NetworkConfig(), teacher)


def _train_pooled(arguments: argparse.Namespace, words: Sequence[str]) -> None:
    import torch

    from training.pooled_pipeline import PooledPipeline, run_pooled

    torch.set_num_threads(arguments.threads)
    pipeline = PooledPipeline(
        data=arguments.data,
        packages=arguments.packages,
        cache=arguments.encoded,
        work=arguments.out,
        model=arguments.out / "model",
        corpora=arguments.corpora,
        version=arguments.weights_version,
        machine=arguments.machine,
        command=_without_path(words, arguments.data),
        views=arguments.views,
        processes=arguments.processes,
    )
    run_pooled(pipeline, HeadOptions(epochs=arguments.head_epochs))


def _without_path(words: Sequence[str], data: Path) -> str:
    """Returns the command for the record. The path of the recordings is private, so it is replaced."""
    shown = ["--data=DIR" if word.startswith("--data=") else "DIR" if Path(word) == data else word for word in words]
    return f"bash run.sh train {shlex.join(shown)}"


def _train_options(arguments: argparse.Namespace) -> TrainOptions:
    names = ("seed", "epochs", "threads", "device", "learning_rate")
    return TrainOptions(**{name: getattr(arguments, name) for name in names})


def _run_step(arguments: argparse.Namespace) -> None:
    clips = read_manifest(arguments.data)
    plan = plan_training(clips, len(GROUPS))
    logger.info("%d clips of %d speakers", len(plan.clips), len(speakers_in(plan.clips)))
    cache = build_cache(arguments.data, clips, arguments.cache or arguments.out / "cache")
    steps = {"member": _train_member, "export": _export, "evaluate": _evaluate, "transfer": _transfer}
    steps[arguments.command](arguments, plan, cache)


def _train_member(arguments: argparse.Namespace, plan: Plan, cache: WaveformCache) -> None:
    from training.export import read_member
    from training.train import train
    from webui.engine.builtin.network import NetworkConfig

    if arguments.statistics_mlp and arguments.from_model:
        raise TrainingDataError("A statistics MLP can't start from a convolutional member; leave out --from-model.")
    number = arguments.group
    if number is not None and not 0 <= number < len(plan.groups):
        raise TrainingDataError(f"There are groups 0 to {len(plan.groups) - 1}, not {number}; see training/README.md.")
    split = Split(plan.clips, ()) if number is None else hold_out(plan.clips, plan.groups[number])
    options = replace(_train_options(arguments), validate_every=arguments.validate_every)
    start = read_member(arguments.from_model, arguments.from_member) if arguments.from_model else None
    config = start.config if start is not None else NetworkConfig(labels=len(labels_in(plan.clips)))
    if arguments.statistics_mlp:
        options = replace(options, **STATISTICS_MLP)
    train(cache, split, config, options, arguments.run, start, statistics_mlp=arguments.statistics_mlp)


def _export(arguments: argparse.Namespace, plan: Plan, cache: WaveformCache) -> None:
    from training.export import export_runs

    export_runs(
        arguments.member,
        clips=plan.clips,
        labels=labels_in(plan.clips),
        cache=cache,
        directory=arguments.model,
        version=arguments.weights,
        license=license_of(own_corpora=plan.own_corpora),
        started_from=arguments.started_from,
    )


def _evaluate(arguments: argparse.Namespace, plan: Plan, cache: WaveformCache) -> None:
    from training.pipeline import document_model

    command = "bash run.sh train --data DIR evaluate --on " + shlex.quote(arguments.on)
    document_model(arguments.model, cache, plan, command=command, machine=arguments.on)


def _transfer(arguments: argparse.Namespace, plan: Plan, cache: WaveformCache) -> None:
    from training.card import write_card
    from training.transfer import measure_transfer
    from webui.engine.builtin.network import NetworkConfig

    if not (arguments.model / EVALUATION_NAME).is_file():
        raise TrainingDataError(f"{arguments.model} has no {EVALUATION_NAME}, so no card to add to; measure it first.")
    options = _train_options(arguments)
    shown = ["--seed", options.seed, "--epochs", options.epochs, "--learning-rate", options.learning_rate]
    transfer = measure_transfer(
        cache,
        plan,
        NetworkConfig(),
        options,
        arguments.runs,
        command=shlex.join(
            map(str, ["bash", "run.sh", "train", "--data", "DIR", "transfer", *shown, "--on", arguments.on])
        ),
        machine=arguments.on,
        processes=arguments.processes,
    )
    write_record(arguments.model / TRANSFER_NAME, transfer)
    write_card(arguments.model)


if __name__ == "__main__":
    raise SystemExit(main())
