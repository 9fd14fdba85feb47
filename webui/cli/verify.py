"""``verify``: compares the scores of the native engine with those of FunASR, with the weights on this machine."""

from dataclasses import replace
from typing import Annotated, Final

import typer
from rich.table import Table

from webui.cli.exit_codes import ExitCode
from webui.cli.options import CommandAction, DeviceOption, JsonOption, ModelDirOption, load_settings
from webui.cli.terminal import Terminal
from webui.engine.emotion2vec.verification_record import VerificationRecord, write_record
from webui.engine.families import is_included
from webui.engine.precision import Runtime
from webui.engine.protocol import EmotionModel
from webui.engine.registry import LARGE, ModelRegistry
from webui.errors import ModelNotFoundError, RequestError
from webui.settings import Device, Engine, Precision, Settings
from webui.texts import text

COLUMNS: Final = (
    "cli.verify_clip",
    "cli.verify_native",
    "cli.verify_reference",
    "cli.verify_scores",
    "cli.verify_features",
)


def verify(
    name: Annotated[str, typer.Argument(metavar="NAME", help="cli.option_large_name")] = LARGE,
    as_json: JsonOption = False,
    model_dir: ModelDirOption = None,
    device: DeviceOption = None,
    precision: Annotated[Precision, typer.Option("--precision", help="cli.option_verify_precision")] = Precision.FP32,
) -> CommandAction:
    """Returns the action that runs two engines on the same clips and saves the record with the weights."""

    def run(terminal: Terminal) -> ExitCode:
        settings = load_settings(device=device, model=name, model_dir=model_dir, precision=precision)
        registry = ModelRegistry(settings)
        if is_included(registry.choose(name).name):
            raise RequestError("cli.verify_builtin", found=name)
        with terminal.busy(text("cli.verify_busy", terminal.language)):
            native, reference = _engines(registry, name, settings)
            found = registry.find(name)
            if found is None:
                raise ModelNotFoundError("request.weights_absent", model=name)

            from webui.engine.emotion2vec.convert import source_hash  # imported late: PyTorch takes seconds
            from webui.service.verify import verification_clips, verify_engines

            clips = list(verification_clips(found.directory, native.sample_rate))
            record = verify_engines(native, reference, clips, checkpoint_sha256=source_hash(found.weights))
            path = write_record(found.directory, record)
        if as_json:
            terminal.print_json(record.model_dump_json())
        else:
            _print_record(record, terminal)
        terminal.print_text("cli.verify_kept", path=path)
        return ExitCode.OK if record.verified else ExitCode.UNHEALTHY

    return run


def _engines(registry: ModelRegistry, name: str, settings: Settings) -> tuple[EmotionModel, EmotionModel]:
    """Returns the model to verify and its reference.

    The native engine is compared with FunASR, and a lower precision with the native engine in fp32.
    """
    native = Runtime.of(settings, engine=Engine.NATIVE, precision=Precision.FP32)
    if settings.precision is Precision.FP32:
        return registry.load(name, native), registry.load(name, replace(native, engine=Engine.FUNASR))
    lower = Runtime.of(settings, engine=Engine.AUTO)
    return registry.load(name, lower), registry.load(name, replace(native, device=Device.CPU))


def _print_record(record: VerificationRecord, terminal: Terminal) -> None:
    table = Table(box=None, pad_edge=False)
    for key in COLUMNS:
        table.add_column(text(key, terminal.language))
    for clip in record.clips:
        table.add_row(
            clip.clip,
            f"{clip.native_emotion} {clip.native_confidence:.4f}",
            f"{clip.reference_emotion} {clip.reference_confidence:.4f}",
            f"{clip.score_difference:.1e}",
            f"{clip.feature_difference:.1e}" if clip.feature_difference is not None else "–",
        )
    terminal.print_result(table, wrap=True)
    if record.published is not None:
        published = " ".join(f"{name} {score:.3f}" for name, score in record.published.published.items())
        ours = " ".join(f"{name} {score:.3f}" for name, score in record.published.native.items())
        line = text("cli.verify_published", terminal.language, published=published, ours=ours)
        terminal.print_result(line)
    if record.top1_agreement is not None:
        clips = len(record.clips)
        line = text("cli.verify_agreement", terminal.language, agreement=record.top1_agreement, clips=clips)
        terminal.print_result(line)
    key = "cli.verify_same" if record.verified else "cli.verify_differs"
    values = {"largest": record.largest_score_difference, "tolerance": record.tolerance}
    terminal.print_result(text(key, terminal.language, **values))
