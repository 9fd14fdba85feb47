"""The findings of ``doctor`` as one document."""

import platform
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from webui import __version__
from webui.cli.json_lines import error_notice
from webui.cli.models import ModelDocument
from webui.engine.registry import ModelRegistry
from webui.errors import SpeechEmotionError
from webui.results import Document, Notice
from webui.service import RecognitionService, machine
from webui.settings import Settings
from webui.units import BYTES_PER_MB

LOW_DISK_MB = 500.0


class TorchInfo(Document):
    """The installed PyTorch, and the devices that it can use."""

    version: str
    cuda: str | None = Field(description="The CUDA version that it was built for.")
    devices: tuple[str, ...]


class DoctorReport(Document):
    """The report of ``doctor``."""

    program: str
    python: str
    system: str
    cpu_cores: int
    memory_mb: float | None
    nvidia_gpus: tuple[str, ...]
    torch: TorchInfo | None
    packages: dict[str, str | None] = Field(
        description="Installed version of every requirement; null if missing. Without those that are missing if only "
        "requirements-lite.txt is installed."
    )
    ffmpeg: str | None = Field(description="Optional: the program decodes without it.")
    models: tuple[ModelDocument, ...]
    model_load_s: float | None = Field(description="Time to load the model in use, in seconds; null if that failed.")
    outputs_dir: str
    free_disk_mb: float
    port: int
    port_free: bool
    changed_settings: dict[str, str] = Field(description="Settings that are not at their default.")
    problems: tuple[Notice, ...] = Field(description="Findings that prevent the program from working.")
    remarks: tuple[Notice, ...] = Field(description="Other findings worth knowing.")

    @property
    def healthy(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yields names and values for printing."""
        yield "speech-emotion-webui", self.program
        yield "python", self.python
        yield "system", self.system
        memory = "?" if self.memory_mb is None else f"{self.memory_mb / 1000:.1f} GB"
        yield "cpu, memory", f"{self.cpu_cores} cores, {memory}"
        yield "nvidia gpu", ", ".join(self.nvidia_gpus) or "none"
        if self.torch is not None:
            devices = ", ".join(self.torch.devices)
            yield "torch", f"{self.torch.version} (CUDA {self.torch.cuda or 'none'}; devices: {devices})"
        yield "packages", ", ".join(f"{name} {version or 'MISSING'}" for name, version in self.packages.items())
        yield "ffmpeg (optional)", self.ffmpeg or "not found, not needed"
        for model in self.models:
            state = f"ready, {model.size_bytes / BYTES_PER_MB:.1f} MB" if model.ready else "not here"
            yield f"model {model.name}", f"{state}, licence {model.license}, {model.path}"
        yield "model loads", "no" if self.model_load_s is None else f"in {self.model_load_s:.1f} s"
        yield "outputs", f"{self.outputs_dir} ({self.free_disk_mb / 1000:.1f} GB free)"
        yield "port", f"{self.port} {'is free' if self.port_free else 'is taken'}"
        yield (
            "changed settings",
            ", ".join(f"{name}={value}" for name, value in self.changed_settings.items()) or "none",
        )


def examine(settings: Settings) -> DoctorReport:
    """Checks this machine; takes seconds, since it loads the model."""
    problems: list[Notice] = []
    remarks: list[Notice] = []
    packages = machine.package_versions()
    missing = [name for name, version in packages.items() if version is None]
    is_lite = machine.has_only_lite(packages)
    if is_lite:
        remarks.append(Notice(code="cli.doctor_lite"))
        packages = {name: version for name, version in packages.items() if version is not None}
    elif missing:
        problems.append(Notice(code="cli.doctor_missing", values={"names": ", ".join(missing)}))
    gpus = machine.nvidia_gpus()
    torch = _torch()
    if gpus and torch is not None and torch.cuda is None:
        remarks.append(Notice(code="cli.doctor_unused_gpu", values={"found": gpus[0]}))
    port_free = machine.is_port_free(settings.host, settings.port)
    if not port_free:
        remarks.append(Notice(code="cli.doctor_port_taken", values={"port": settings.port}))
    free_disk_mb = _check_outputs(settings.outputs_dir, problems, remarks)
    return DoctorReport(
        program=__version__,
        python=f"{platform.python_version()} ({sys.executable})",
        system=f"{platform.platform()}, {platform.machine()}",
        cpu_cores=machine.cpu_cores(),
        memory_mb=machine.memory_mb(),
        nvidia_gpus=gpus,
        torch=torch,
        packages=packages,
        ffmpeg=shutil.which("ffmpeg"),
        models=tuple(ModelDocument.of(listing) for listing in ModelRegistry(settings).listings()),
        model_load_s=_load_model(settings, problems),
        outputs_dir=str(settings.outputs_dir),
        free_disk_mb=free_disk_mb,
        port=settings.port,
        port_free=port_free,
        changed_settings=_changed(settings),
        problems=tuple(problems),
        remarks=tuple(remarks),
    )


def _torch() -> TorchInfo | None:
    try:
        import torch  # imported late: takes seconds
    except ImportError:
        return None  # the list of packages reports it
    devices = ["cpu"]
    if torch.cuda.is_available():
        devices += [
            f"cuda:{number} {torch.cuda.get_device_name(number)}" for number in range(torch.cuda.device_count())
        ]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return TorchInfo(version=str(torch.__version__), cuda=torch.version.cuda, devices=tuple(devices))


def _load_model(settings: Settings, problems: list[Notice]) -> float | None:
    clock = time.perf_counter()
    try:
        RecognitionService(settings).load()
    except SpeechEmotionError as error:
        problems.append(error_notice(error))
        return None
    except ImportError as error:
        problems.append(Notice(code="cli.not_set_up", values={"name": str(error.name)}))
        return None
    return round(time.perf_counter() - clock, 2)


def _check_outputs(folder: Path, problems: list[Notice], remarks: list[Notice]) -> float:
    """Returns the free disk space for results, in MB."""
    reason = machine.why_not_writable(folder)
    if reason is not None:
        problems.append(Notice(code="storage.not_writable", values={"folder": str(folder), "reason": reason}))
    free_mb = shutil.disk_usage(machine.existing_parent(folder)).free / BYTES_PER_MB
    if free_mb < LOW_DISK_MB:
        values = {"folder": str(folder), "free_mb": free_mb, "expected_mb": LOW_DISK_MB}
        remarks.append(Notice(code="cli.doctor_low_disk", values=values))
    return round(free_mb, 1)


def _changed(settings: Settings) -> dict[str, str]:
    fields = type(settings).model_fields
    return {name: str(getattr(settings, name)) for name in fields if getattr(settings, name) != fields[name].default}
