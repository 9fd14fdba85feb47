"""``compare``: several models side by side, on this machine and on recordings of the user's."""

import json
import platform
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markdown import Markdown

from webui.cli.exit_codes import ExitCode
from webui.cli.machine import cpu_cores, nvidia_gpus
from webui.cli.options import DeviceOption, Job, JsonOption, load_settings
from webui.cli.terminal import Terminal
from webui.errors import OutputError, RequestError
from webui.texts import text

ANSWERS: Final = "answers"
REQUEST: Final = "request.json"
DEFAULT_MODELS: Final = "emotion2vec_plus_large,wav2vec2_base_superb,hubert_large_superb"


def compare(
    models: Annotated[str | None, typer.Option("--models", metavar="NAMES", help="cli.option_compare_models")] = None,
    data: Annotated[Path | None, typer.Option("--data", metavar="MANIFEST|DIR", help="cli.option_compare_data")] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="cli.option_compare_out")] = Path("comparison"),
    rounds: Annotated[int, typer.Option("--rounds", min=1, metavar="N", help="cli.option_compare_rounds")] = 5,
    resume: Annotated[bool, typer.Option("--resume", help="cli.option_batch_resume")] = False,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> Job:
    """Returns the job that measures the models and writes the report."""

    def job(terminal: Terminal) -> ExitCode:
        from webui.engine.registry import ModelRegistry  # imported late: numpy takes a while
        from webui.service.compare.figures import measure_accuracy, shared_emotions
        from webui.service.compare.report import HTML_FILE, JSON_FILE, MARKDOWN_FILE, report_files
        from webui.service.compare.run import compare as run_comparison
        from webui.service.evaluate.manifest import read_labelled

        chosen = models if models is not None else DEFAULT_MODELS
        settings = load_settings(device=device)
        registry = ModelRegistry(settings)
        names = [registry.choose(name.strip()).name for name in chosen.split(",") if name.strip()]
        if not names:
            raise RequestError("request.unknown_model", found=f"'{chosen}'", expected=", ".join(registry.names()))
        clips = read_labelled(data) if data is not None else ()
        _keep_request(out, {"models": names, "data": str(data) if data is not None else None}, resume=resume)
        plain = settings.model_dump(mode="json", exclude_defaults=True)
        with terminal.counted(text("compare.busy", terminal.language)) as show:
            found = run_comparison(names, plain, clips, kept=out / ANSWERS, rounds=rounds, on_step=show)
        alive = [one for one in found if one.error is None]
        shared = shared_emotions(alive, clips)
        accuracy = {one.name: figures for one in alive if (figures := measure_accuracy(one, clips, shared)) is not None}
        files = report_files(found, accuracy, len(clips), _machine(rounds, terminal), terminal.language)
        _write(out, files)
        if as_json:
            terminal.answer_json(files[JSON_FILE].strip())
        else:
            terminal.answer(Markdown(files[MARKDOWN_FILE]), wrap=True)
        terminal.say("compare.written", path=out / HTML_FILE)
        return ExitCode.OK if len(alive) == len(found) else ExitCode.PARTLY

    return job


def _keep_request(out: Path, request: dict[str, Any], *, resume: bool) -> None:
    """Writes down what is asked; answers of something else must not be taken for its own.

    Raises:
        RequestError: the folder holds a comparison already, of this or of something else.
        OutputError: not writable.
    """
    path = out / REQUEST
    if path.is_file():
        if not resume:
            raise RequestError("compare.exists", path=out)
        if json.loads(path.read_text("utf-8")) != request:
            raise RequestError("compare.other_request", path=out)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(request, ensure_ascii=False) + "\n", "utf-8")
    except OSError as err:
        raise OutputError("evaluate.not_written", folder=out, reason=err.strerror or str(err)) from err


def _machine(rounds: int, terminal: Terminal) -> str:
    cards = "; ".join(nvidia_gpus()) or "no NVIDIA GPU"
    name = f"{platform.machine()}, {cpu_cores()} cores, {cards}, Python {platform.python_version()}"
    return text("compare.intro", terminal.language, machine=name, rounds=rounds)


def _write(out: Path, files: dict[str, str]) -> None:
    try:
        for name, content in files.items():
            (out / name).write_text(content, encoding="utf-8", newline="\n")
    except OSError as err:
        raise OutputError("evaluate.not_written", folder=out, reason=err.strerror or str(err)) from err
