"""``python -m training``: the whole way, or one step of it; see training/README.md."""

import argparse
import json
import logging
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.cache import WaveformCache, build_cache
from training.data import Clip, TrainingDataError, labels_in, read_manifest, speakers_in
from training.options import COUNTING, TrainOptions
from training.splits import GROUPS, UNUSED_CORPORA, Plan, Split, hold_out, plan_training
from webui.errors import SpeechEmotionError

logger = logging.getLogger("training")

DEFAULTS = TrainOptions()


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser: without a command everything is done, a command does one step for this project's corpora."""
    parser = argparse.ArgumentParser(prog="bash run.sh train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="manifest.csv and recordings, or a folder per emotion")
    parser.add_argument(
        "--cache", type=Path, help="folder for decoded recordings (of the steps; else OUT/cache, as without a step)"
    )
    parser.add_argument("--out", type=Path, default=Path("training/runs/whole"), help="folder of runs and of the model")
    parser.add_argument("--teacher", help="learn the scores of this model, from recordings without labels")
    parser.add_argument("--members", type=int, default=len(GROUPS), help="pairs of networks that are averaged")
    parser.add_argument("--processes", type=int, default=1, help="how many are trained at a time; 10 fill a GPU")
    parser.add_argument("--version", dest="weights_version", default="1", help="of the weights")
    parser.add_argument("--machine", default=platform.machine(), help='where this runs: "2-core x86-64 CPU"')
    _add_options(parser, prefix="")
    _add_steps(parser.add_subparsers(dest="command"))
    return parser


def _add_options(parser: argparse.ArgumentParser, prefix: str) -> None:
    parser.add_argument("--seed", type=int, default=DEFAULTS.seed, dest=f"{prefix}seed")
    parser.add_argument("--epochs", type=int, default=DEFAULTS.epochs, dest=f"{prefix}epochs")
    parser.add_argument("--threads", type=int, default=DEFAULTS.threads, dest=f"{prefix}threads")
    parser.add_argument("--device", default=DEFAULTS.device, dest=f"{prefix}device", help="cpu, or cuda for a GPU")
    parser.add_argument("--rate", type=float, default=DEFAULTS.learning_rate, dest=f"{prefix}rate")


def _add_steps(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    member = commands.add_parser("member", help="train one member, or go on where it stopped")
    member.add_argument("--run", type=Path, required=True, help="folder of this training")
    _add_options(member, prefix="member_")
    member.add_argument("--validate-every", type=int, default=1, help="epochs between two validations")
    member.add_argument("--from-model", type=Path, help="model whose member is trained on, instead of starting afresh")
    member.add_argument("--from-member", type=int, default=0, help="which of its members")
    member.add_argument("--counting", action="store_true", help="a member that counts")
    member.add_argument(
        "--group", type=int, help="number of the group of speakers that this run never hears; else it hears everybody"
    )

    export = commands.add_parser("export", help="calibrate and write the model's files")
    export.add_argument("--member", type=Path, action="append", required=True, help="a run; may be given again")
    export.add_argument("--weights", required=True, help="their version")
    export.add_argument("--started-from", help="whose members the trainings went on from, in words")
    export.add_argument("--model", type=Path, default=Path("models/builtin"))

    measure = commands.add_parser(
        "evaluate", help="measure, every speaker by those who never heard them; write the card"
    )
    measure.add_argument("--model", type=Path, default=Path("models/builtin"))
    measure.add_argument("--on", required=True, help='where this runs, in words: "2-core x86-64 CPU"')

    transfer = commands.add_parser("transfer", help="train without each corpus in turn, and measure on that corpus")
    transfer.add_argument("--runs", type=Path, default=Path("training/runs/transfer"), help="folder of the trainings")
    transfer.add_argument("--model", type=Path, default=Path("models/builtin"), help="whose card gets the figures")
    transfer.add_argument("--on", required=True, help='where this runs, in words: "2-core x86-64 CPU"')
    transfer.add_argument("--processes", type=int, default=1, dest="transfer_processes", help="trained at a time")
    _add_options(transfer, prefix="transfer_")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs and returns the exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = build_parser().parse_args(given)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        if arguments.command is None:
            _train_whole(arguments, given)
        else:
            _step(arguments)
    except (TrainingDataError, SpeechEmotionError) as err:
        logger.error("%s", err)
        return 1
    return 0


def _train_whole(arguments: argparse.Namespace, given: Sequence[str]) -> None:
    from training.pipeline import Job, run_job
    from webui.engine.builtin.network import NetworkConfig
    from webui.engine.registry import ModelRegistry
    from webui.settings import Settings

    teacher = ModelRegistry(Settings()).load(arguments.teacher) if arguments.teacher else None
    job = Job(
        data=arguments.data,
        work=arguments.out,
        model=arguments.out / "model",
        members=arguments.members,
        version=arguments.weights_version,
        machine=arguments.machine,
        command=_without_path(given, arguments.data),
        processes=arguments.processes,
    )
    options = replace(_options(arguments), validate_every=arguments.epochs)
    run_job(job, options, NetworkConfig(), teacher)


def _without_path(given: Sequence[str], data: Path) -> str:
    """Returns the command for the record; where somebody keeps recordings is nobody's business."""
    words = ["--data=DIR" if word.startswith("--data=") else "DIR" if Path(word) == data else word for word in given]
    return f"bash run.sh train {shlex.join(words)}"


def _options(arguments: argparse.Namespace, prefix: str = "") -> TrainOptions:
    """Returns what ``_add_options`` asked for under ``prefix``."""
    given = {name: getattr(arguments, f"{prefix}{name}") for name in ("seed", "epochs", "threads", "device")}
    return TrainOptions(learning_rate=getattr(arguments, f"{prefix}rate"), **given)


def _step(arguments: argparse.Namespace) -> None:
    clips = read_manifest(arguments.data)
    plan = plan_training(clips, len(GROUPS))
    logger.info("%d clips of %d speakers", len(plan.clips), len(speakers_in(plan.clips)))
    cache = build_cache(arguments.data, clips, arguments.cache or arguments.out / "cache")
    {"member": _train, "export": _export, "evaluate": _evaluate, "transfer": _transfer}[arguments.command](
        arguments, clips, plan, cache
    )


def _train(arguments: argparse.Namespace, _clips: Sequence[Clip], plan: Plan, cache: WaveformCache) -> None:
    from training.export import read_member
    from training.train import train
    from webui.engine.builtin.network import NetworkConfig

    if arguments.counting and arguments.from_model:
        raise TrainingDataError("A member that counts can't go on from one of the other kind; leave out --from-model.")
    number = arguments.group
    if number is not None and not 0 <= number < len(plan.groups):
        raise TrainingDataError(f"There are groups 0 to {len(plan.groups) - 1}, not {number}; see training/README.md.")
    chosen = Split(plan.clips, ()) if number is None else hold_out(plan.clips, plan.groups[number])
    options = replace(_options(arguments, "member_"), validate_every=arguments.validate_every)
    start = read_member(arguments.from_model, arguments.from_member) if arguments.from_model else None
    config = start.config if start is not None else NetworkConfig(labels=len(labels_in(plan.clips)))
    if arguments.counting:
        options = replace(options, **COUNTING)
    train(cache, chosen, config, options, arguments.run, start, counting=arguments.counting)


def _export(arguments: argparse.Namespace, _clips: Sequence[Clip], plan: Plan, cache: WaveformCache) -> None:
    from training.export import export_runs
    from training.license import OWN_LICENSE, USER_LICENSE

    export_runs(
        arguments.member,
        clips=plan.clips,
        labels=labels_in(plan.clips),
        cache=cache,
        directory=arguments.model,
        version=arguments.weights,
        license=OWN_LICENSE if plan.fixed else USER_LICENSE,
        started_from=arguments.started_from,
    )


def _evaluate(arguments: argparse.Namespace, clips: Sequence[Clip], plan: Plan, cache: WaveformCache) -> None:
    from training.card import write_card
    from training.evaluate import EVALUATION_NAME, evaluate

    command = "bash run.sh train --data DIR evaluate --on " + shlex.quote(arguments.on)
    strangers = [clip for clip in clips if plan.fixed and clip.corpus in UNUSED_CORPORA]
    found = evaluate(arguments.model, cache, plan.clips, strangers, command=command, machine=arguments.on)
    (arguments.model / EVALUATION_NAME).write_text(
        json.dumps(found.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8"
    )
    write_card(arguments.model)
    logger.info("pooled %.3f  mean of corpora %.3f", found.pooled.value, found.mean_of_corpora.value)


def _transfer(arguments: argparse.Namespace, _clips: Sequence[Clip], plan: Plan, cache: WaveformCache) -> None:
    from training.card import write_card
    from training.evaluate import EVALUATION_NAME
    from training.transfer import TRANSFER_NAME, measure_transfer
    from webui.engine.builtin.network import NetworkConfig

    if not (arguments.model / EVALUATION_NAME).is_file():
        raise TrainingDataError(f"{arguments.model} has no {EVALUATION_NAME}, so no card to add to; measure it first.")
    options = _options(arguments, "transfer_")
    own = ["--seed", str(options.seed), "--epochs", str(options.epochs), "--rate", str(options.learning_rate)]
    found = measure_transfer(
        cache,
        plan,
        NetworkConfig(),
        options,
        arguments.runs,
        command=shlex.join(["bash", "run.sh", "train", "--data", "DIR", "transfer", *own, "--on", arguments.on]),
        machine=arguments.on,
        processes=arguments.transfer_processes,
    )
    (arguments.model / TRANSFER_NAME).write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    write_card(arguments.model)


if __name__ == "__main__":
    raise SystemExit(main())
