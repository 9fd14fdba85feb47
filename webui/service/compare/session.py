"""Runs a comparison, from the request to the files of the report; used by the command line and the page."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from webui.engine.families import all_packages
from webui.engine.registry import ModelRegistry
from webui.errors import OutputError, RequestError
from webui.service.compare.advice import Limits
from webui.service.compare.figures import measure_accuracy, shared_emotions
from webui.service.compare.report import ComparisonReport, report_files
from webui.service.compare.run import MeasuredModel, OnAudio, OnStep
from webui.service.compare.run import compare as run_comparison
from webui.service.compare.training_data import KnownClips, find_known_clips
from webui.service.evaluate.annotators import Agreement
from webui.service.evaluate.manifest import Labelled, LabelledClip
from webui.service.machine import cpu_cores, nvidia_gpus, version_of
from webui.settings import Device, Settings
from webui.texts import Language, text

ANSWERS: Final = "answers"
REQUEST: Final = "request.json"
NAMES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRequest:
    """What to compare.

    Attributes:
        models: names of the models; ``auto`` is not allowed.
        data: labelled recordings; None: only speed and memory are measured.
        source: description of the origin of the recordings, by which ``--resume`` recognizes the same request.
        rounds: number of rounds for each length of audio.
        limits: limits of the user, for the advice.
    """

    models: tuple[str, ...]
    data: Labelled | None = None
    source: str | None = None
    rounds: int = 5
    limits: Limits = field(default_factory=Limits)


def compare_models(
    request: ComparisonRequest,
    settings: Settings,
    out: Path,
    language: Language,
    *,
    resume: bool = False,
    on_step: OnStep = lambda _done, _all: None,
    on_audio: OnAudio = lambda _seconds: None,
) -> ComparisonReport:
    """Measures the models and writes the report to ``out``, where all measurements are stored as well.

    Args:
        request: what to compare.
        settings: settings for the models.
        out: folder of the report.
        language: language of the report.
        resume: whether to resume a comparison that ``out`` contains already.
        on_step: called with the number of finished steps and of all steps; may raise to stop.
        on_audio: called with the seconds of audio that a model has just processed; may raise to stop.

    Raises:
        RequestError: the folder contains a comparison, and ``resume`` is False or the request was another one.
        OutputError: the folder is not writable.
    """
    clips = request.data.clips if request.data is not None else ()
    _keep_request(out, {"models": list(request.models), "data": request.source}, resume=resume)
    plain = settings.model_dump(mode="json", exclude_defaults=True)
    measured = run_comparison(
        request.models,
        plain,
        clips,
        kept=out / ANSWERS,
        rounds=request.rounds,
        also_cpu=settings.device is Device.AUTO and bool(nvidia_gpus()),
        on_step=on_step,
        on_audio=on_audio,
    )
    loaded = [model for model in measured if model.error is None]
    shared = shared_emotions(loaded, clips)
    figures = {model.name: measure_accuracy(model, clips, shared) for model in loaded}
    accuracy = {name: found for name, found in figures.items() if found is not None}
    known = _known_clips(loaded, clips, settings)
    agreement = request.data.agreement if request.data is not None else None
    annotators = text("evaluate.agreement", language, **agreement_values(agreement)) if agreement is not None else ""
    intro = machine_sentence(request.rounds, settings.threads, language)
    report = report_files(measured, accuracy, len(clips), intro, language, annotators, request.limits, known)
    _write(out, report.files)
    return report


def _known_clips(
    models: Sequence[MeasuredModel], clips: Sequence[LabelledClip], settings: Settings
) -> dict[str, KnownClips]:
    """Returns the recordings that the models were trained on, by the names of their rows."""
    registry = ModelRegistry(settings)
    found = {model.name: find_known_clips(registry.training_data(model.model), clips) for model in models}
    return {name: known for name, known in found.items() if known is not None}


def agreement_values(agreement: Agreement) -> dict[str, object]:
    """Returns the values of the text ``evaluate.agreement``."""
    names = ", ".join(agreement.undecided[:NAMES_SHOWN])
    more = ", …" if len(agreement.undecided) > NAMES_SHOWN else ""
    return {
        "annotators": agreement.annotators,
        "recordings": agreement.recordings,
        "unanimous": agreement.unanimous,
        "alpha": "–" if agreement.alpha is None else f"{agreement.alpha:.3f}",
        "undecided": len(agreement.undecided),
        "names": f" ({names}{more})" if names else "",
    }


def machine_sentence(rounds: int, threads: int, language: Language) -> str:
    """Returns a sentence on where and how the models are measured: machine, threads, versions of packages."""
    gpus = "; ".join(nvidia_gpus()) or text("compare.no_gpu", language)
    versions = ", ".join(f"{name} {found}" for name in all_packages() if (found := version_of(name)) is not None)
    return text(
        "compare.intro",
        language,
        machine=platform.machine(),
        cores=cpu_cores(),
        gpus=gpus,
        versions=f"Python {platform.python_version()}, {versions}",
        threads=threads or cpu_cores(),
        rounds=rounds,
    )


def parse_names(given: str, known: Sequence[str]) -> tuple[str, ...]:
    """Splits a list ``a,b,c`` of names, and removes duplicates.

    Raises:
        RequestError: the list is empty.
    """
    names = tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    if not names:
        raise RequestError("request.unknown_model", found=f"'{given}'", expected=", ".join(known))
    return names


def _keep_request(out: Path, request: dict[str, Any], *, resume: bool) -> None:
    """Stores the request in the folder, so that the measurements are not reused for another request."""
    path = out / REQUEST
    if path.is_file():
        if not resume:
            raise RequestError("compare.exists", path=out)
        if json.loads(path.read_text("utf-8")) != request:
            raise RequestError("compare.other_request", path=out)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(request, ensure_ascii=False) + "\n", "utf-8", "backslashreplace")
    except OSError as err:
        raise OutputError("evaluate.not_written", folder=out, reason=err.strerror or str(err)) from err


def _write(out: Path, files: dict[str, str]) -> None:
    try:
        for name, content in files.items():
            (out / name).write_text(content, encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as err:
        raise OutputError("evaluate.not_written", folder=out, reason=err.strerror or str(err)) from err
