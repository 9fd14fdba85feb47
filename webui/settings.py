"""All settings in one frozen object; every setting is also an environment variable.

``SPEECH_EMOTION_PORT=8000 bash run.sh`` sets ``port``. The environment is read by ``Settings()``, not at import.
"""

import os
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from webui.texts import text
from webui.units import DAY_S

ENV_PREFIX: Final = "SPEECH_EMOTION_"
WEEK_S: Final = 7 * DAY_S  # upper bound of time limits: timers of the operating system end after 24 days
CENTURY_DAYS: Final = 36_500.0
MAX_BUDGET_S: Final = 1e9
MAX_MB: Final = 1e9  # a petabyte
MAX_THREADS: Final = 1024
MAX_SMOOTHING_S: Final = 3600.0  # longest window and hop of frame scores
LONGEST_WAV_S: Final = 129_600.0  # 36 h: the length of processed_audio.wav is a 32-bit number of bytes
PROJECT_DIR: Final = Path(__file__).resolve().parent.parent


class Device(StrEnum):
    """Device of a model; ``auto`` selects the best device that works."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class Engine(StrEnum):
    """Which implementation runs an Emotion2Vec model; ``auto`` selects the fastest one that supports the precision."""

    AUTO = "auto"
    NATIVE = "native"
    FUNASR = "funasr"
    ONNX = "onnx"


class Precision(StrEnum):
    """Number format of a model's weights and matrix products; sums are computed in fp32 (with int8, in integers)."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"


class Switch(StrEnum):
    """Whether a part of the page is shown; ``auto`` depends on who can reach the server."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Settings(BaseSettings):
    """The settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False
    )

    host: str = Field(default="127.0.0.1", description=text("settings.host"))
    port: int = Field(default=7860, ge=1, le=65535, description=text("settings.port"))
    model: str = Field(default="auto", description=text("settings.model"))
    device: Device = Field(default=Device.AUTO, description=text("settings.device"))
    engine: Engine = Field(default=Engine.AUTO, description=text("settings.engine"))
    precision: Precision = Field(default=Precision.FP32, description=text("settings.precision"))
    builtin: bool = Field(default=True, description=text("settings.builtin"))
    model_dir: Path | None = Field(default=None, description=text("settings.model_dir"))
    models_dir: Path = Field(default=PROJECT_DIR / "models", description=text("settings.models_dir"))
    keep_original: bool = Field(default=True, description=text("settings.keep_original"))
    auto_download: bool = Field(default=True, description=text("settings.auto_download"))
    outputs_dir: Path = Field(default=PROJECT_DIR / "outputs", description=text("settings.outputs_dir"))
    keep_results: bool = Field(default=True, description=text("settings.keep_results"))
    audio_roots: Annotated[tuple[Path, ...], NoDecode] = Field(default=(), description=text("settings.audio_roots"))
    audio_urls: bool = Field(default=False, description=text("settings.audio_urls"))
    audio_url_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(), description=text("settings.audio_url_networks")
    )
    audio_url_s: float = Field(default=60.0, gt=0, le=WEEK_S, description=text("settings.audio_url_s"))
    callback_secret: SecretStr | None = Field(default=None, description=text("settings.callback_secret"))
    api_keys: Annotated[tuple[str, ...], NoDecode] = Field(default=(), description=text("settings.api_keys"))
    api_keys_file: Path | None = Field(default=None, description=text("settings.api_keys_file"))
    login: Annotated[tuple[str, ...], NoDecode] = Field(default=(), description=text("settings.login"))
    login_file: Path | None = Field(default=None, description=text("settings.login_file"))
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(default=(), description=text("settings.cors_origins"))
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(default=(), description=text("settings.allowed_hosts"))
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(), description=text("settings.trusted_proxies")
    )
    base_path: str = Field(default="", description=text("settings.base_path"))
    frame_ancestors: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description=text("settings.frame_ancestors")
    )
    ssl_certfile: Path | None = Field(default=None, description=text("settings.ssl_certfile"))
    ssl_keyfile: Path | None = Field(default=None, description=text("settings.ssl_keyfile"))
    max_waiting: int = Field(default=32, ge=0, description=text("settings.max_waiting"))
    max_audio_mb: float = Field(default=2000.0, gt=0, le=MAX_MB, description=text("settings.max_audio_mb"))
    max_audio_s: float = Field(default=43_200.0, gt=0, le=LONGEST_WAV_S, description=text("settings.max_audio_s"))
    max_audio_s_per_hour: float = Field(
        default=0.0, ge=0, le=MAX_BUDGET_S, description=text("settings.max_audio_s_per_hour")
    )
    max_visitor_mb: float = Field(default=10_000.0, gt=0, le=MAX_MB, description=text("settings.max_visitor_mb"))
    max_uploads_mb: float = Field(default=50_000.0, gt=0, le=MAX_MB, description=text("settings.max_uploads_mb"))
    max_per_client: int = Field(default=16, ge=1, description=text("settings.max_per_client"))
    max_upload_s: float = Field(default=600.0, gt=0, le=WEEK_S, description=text("settings.max_upload_s"))
    max_request_s: float = Field(default=7200.0, gt=0, le=WEEK_S, description=text("settings.max_request_s"))
    max_jobs: int = Field(default=100, ge=1, description=text("settings.max_jobs"))
    max_connections: int = Field(default=1000, ge=1, description=text("settings.max_connections"))
    max_connections_per_address: int = Field(
        default=256, ge=1, description=text("settings.max_connections_per_address")
    )
    keep_days: float = Field(default=0.0, ge=0, le=CENTURY_DAYS, description=text("settings.keep_days"))
    keep_gb: float = Field(default=0.0, ge=0, le=MAX_MB, description=text("settings.keep_gb"))
    compare_tab: Switch = Field(default=Switch.AUTO, description=text("settings.compare_tab"))
    window_s: float = Field(default=1.0, gt=0, le=MAX_SMOOTHING_S, description=text("settings.window_s"))
    hop_s: float = Field(default=0.2, gt=0, le=MAX_SMOOTHING_S, description=text("settings.hop_s"))
    max_json_rows: int = Field(default=10_000, ge=1, description=text("settings.max_json_rows"))
    threads: int = Field(default=0, ge=0, le=MAX_THREADS, description=text("settings.threads"))

    @field_validator("audio_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: object) -> object:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @field_validator(
        "audio_url_networks", "api_keys", "login", "cors_origins", "allowed_hosts", "trusted_proxies",
        "frame_ancestors", mode="before",
    )  # fmt: skip
    @classmethod
    def _split_list(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value
