"""Everything that can be set, in one frozen object; every setting is also an environment variable.

``SPEECH_EMOTION_PORT=8000 bash run.sh`` sets ``port``. Nothing here is read at import: ``Settings()`` reads it.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENV_PREFIX: Final = "SPEECH_EMOTION_"
PROJECT_DIR: Final = Path(__file__).resolve().parent.parent


class Device(StrEnum):
    """Where a model runs; ``auto`` takes the best device that works."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class Engine(StrEnum):
    """Which implementation runs an Emotion2Vec model."""

    NATIVE = "native"
    FUNASR = "funasr"


class Settings(BaseSettings):
    """The settings of one process."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid", protected_namespaces=())

    host: str = Field(
        default="127.0.0.1", description="Address the server listens on; 0.0.0.0 opens it to the network."
    )
    port: int = Field(default=7860, ge=1, le=65535, description="First port tried; the next free one is taken.")
    model: str = Field(default="auto", description="Model that answers: `auto` or a name that `models` lists.")
    device: Device = Field(default=Device.AUTO, description="Device the model runs on.")
    engine: Engine = Field(default=Engine.NATIVE, description="Runs Emotion2Vec: native, or funasr as the reference.")
    builtin: bool = Field(default=True, description="Whether the built-in model may answer for `auto`.")
    model_dir: Path | None = Field(
        default=None, description="Folder of the checkpoint that `model` names (auto: large), looked at first."
    )
    models_dir: Path = Field(default=PROJECT_DIR / "models", description="Where weights lie, a folder per model.")
    keep_original: bool = Field(
        default=True, description="Whether models/<name>/model.pt stays after its conversion (1.95 GB)."
    )
    auto_download: bool = Field(
        default=True, description="Whether the server fetches a large model that isn't here by itself (1.95 GB)."
    )
    outputs_dir: Path = Field(default=PROJECT_DIR / "outputs", description="Where run folders are written.")
    audio_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description="Folders that the API's `audio_path` may name files in; several separated as in PATH."
    )
    max_waiting: int = Field(default=32, ge=0, description="API requests that may wait; more are told to come back.")
    max_audio_mb: float = Field(default=500.0, gt=0, description="Largest audio file accepted, in megabytes.")
    max_audio_s: float = Field(default=3600.0, gt=0, description="Longest recording accepted, in seconds.")
    window_s: float = Field(default=1.0, gt=0, description="Frame scores: length of audio that a row averages over.")
    hop_s: float = Field(default=0.2, gt=0, description="Frame scores: distance between two rows.")
    max_json_rows: int = Field(default=10_000, ge=1, description="Frame rows above this go to frames.parquet.")
    threads: int = Field(default=0, ge=0, description="CPU threads of a model; 0 means as many as there are cores.")

    @field_validator("audio_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: object) -> object:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value
