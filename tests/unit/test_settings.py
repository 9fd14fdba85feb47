"""Settings: defaults, environment, limits."""

import os
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from webui.cli.options import load_settings
from webui.errors import RequestError
from webui.settings import ENV_PREFIX, PROJECT_DIR, Device, Engine, Precision, Settings, Switch


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 7860)
    assert (settings.model, settings.device) == ("auto", Device.AUTO)
    assert settings.outputs_dir == PROJECT_DIR / "outputs"
    assert settings.models_dir == PROJECT_DIR / "models"
    assert settings.window_s >= settings.hop_s


def test_every_setting_is_an_environment_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = {
        "host": "0.0.0.0",
        "port": 8000,
        "model": "builtin",
        "device": Device.CPU,
        "engine": Engine.FUNASR,
        "precision": Precision.INT8,
        "builtin": False,
        "model_dir": tmp_path,
        "models_dir": tmp_path,
        "keep_original": False,
        "auto_download": False,
        "outputs_dir": tmp_path,
        "keep_results": False,
        "audio_roots": (tmp_path, tmp_path.parent),
        "audio_urls": True,
        "audio_url_networks": (IPv4Network("10.0.0.0/8"), IPv6Network("fd00::/8")),
        "audio_url_s": 5.0,
        "callback_secret": SecretStr("c2VjcmV0"),
        "api_keys": ("a", "b"),
        "api_keys_file": tmp_path,
        "login": ("anna:a", "ben:b"),
        "login_file": tmp_path,
        "cors_origins": ("https://a.example", "https://b.example:8443"),
        "allowed_hosts": ("a.example",),
        "trusted_proxies": (IPv4Network("127.0.0.1"), IPv6Network("fd00::/8")),
        "base_path": "/emotion",
        "frame_ancestors": ("https://a.example",),
        "ssl_certfile": tmp_path,
        "ssl_keyfile": tmp_path,
        "max_waiting": 3,
        "max_audio_mb": 1.5,
        "max_audio_s": 60.0,
        "max_audio_s_per_hour": 3600.0,
        "max_visitor_mb": 20.0,
        "max_uploads_mb": 30.0,
        "max_per_client": 2,
        "max_upload_s": 9.0,
        "max_request_s": 99.0,
        "max_jobs": 7,
        "max_connections": 50,
        "max_connections_per_address": 5,
        "keep_days": 1.5,
        "keep_gb": 0.5,
        "compare_tab": Switch.OFF,
        "window_s": 2.0,
        "hop_s": 0.5,
        "max_json_rows": 10,
        "threads": 3,
    }
    assert values.keys() == Settings.model_fields.keys()
    for name, value in values.items():
        separator = os.pathsep if name == "audio_roots" else ","
        value_text = separator.join(map(str, value)) if isinstance(value, tuple) else str(value)
        if isinstance(value, SecretStr):
            value_text = value.get_secret_value()
        monkeypatch.setenv(f"{ENV_PREFIX}{name.upper()}", value_text)
    assert Settings().model_dump() == values
    assert "c2VjcmV0" not in f"{Settings()!r} {Settings().callback_secret}"


def test_other_variables_with_the_prefix_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{ENV_PREFIX}TORCH", "cpu")  # run.sh reads it
    monkeypatch.setenv(f"{ENV_PREFIX}SKIP_BROWSER", "1")  # the tests read it
    assert Settings() == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "0"),
        ("port", "65536"),
        ("port", "http"),
        ("device", "tpu"),
        ("window_s", "0"),
        ("threads", "-1"),
        ("max_audio_s", "200000"),
        ("max_audio_s", "nan"),
        ("max_audio_mb", "inf"),
        ("max_uploads_mb", "1e308"),
        ("max_upload_s", "1e12"),
        ("max_request_s", "inf"),
        ("audio_url_s", "1e300"),
        ("keep_days", "1e308"),
        ("max_audio_s_per_hour", "inf"),
        ("keep_gb", "nan"),
        ("window_s", "1e300"),
        ("hop_s", "inf"),
        ("threads", "5000"),
    ],
)
def test_invalid_values(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"{ENV_PREFIX}{name.upper()}", value)
    with pytest.raises(
        RequestError, match=f"Invalid value '{value}' for the setting {name} .*{ENV_PREFIX}{name.upper()}"
    ):
        load_settings()


def test_arguments_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{ENV_PREFIX}PORT", "8000")
    assert load_settings(port=None).port == 8000
    assert load_settings(port=9000).port == 9000


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]
