"""Help, languages, exit codes."""

import os
import subprocess
import sys

import pytest

from tests.support.cli_process import ROOT, CommandLine
from webui import errors
from webui.cli.exit_codes import ExitCode, exit_code_of
from webui.cli.language import system_language, take_language
from webui.texts import Language, text

COMMANDS = ("serve", "recognize", "batch", "models", "evaluate", "verify", "compare", "export", "doctor")
OPTIONS = {
    "serve": ("--host", "--port", "--model", "--device", "--outputs-dir"),
    "recognize": (
        "--granularity",
        "--embedding",
        "--json",
        "--model",
        "--device",
        "--engine",
        "--precision",
        "--window",
        "--hop",
        "--raw",
        "--labels",
        "--max-segment",
        "--outputs-dir",
        "--verbose",
    ),
    "compare": ("--models", "--data", "--out", "--rounds", "--resume", "--device", "--json"),
    "batch": ("--out", "--format", "--resume", "--granularity", "--labels", "--model"),
    "models": ("--json",),
    "evaluate": ("MANIFEST", "--model", "--outputs-dir", "--json"),
    "verify": ("--json", "--device", "--precision"),
    "export": ("--format", "--precision", "--model-dir", "--to"),
    "doctor": ("--json", "--model", "--device"),
}


@pytest.mark.parametrize("language", list(Language))
def test_help(command_line: CommandLine, language: Language) -> None:
    ended = command_line.run("--help", "--lang", language)
    assert (ended.code, ended.err) == (0, "")
    for command in (*COMMANDS, "train"):
        assert f"│ {command} " in ended.text
    for code in ExitCode:
        assert f"{code.value}  {text(code.meaning, language)}" in ended.text
    assert "…" not in ended.text  # nothing is truncated
    assert "cli." not in ended.text  # every text was found


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command_line: CommandLine, command: str, language: Language) -> None:
    ended = command_line.run(command, "-h", LC_ALL={"zh": "zh_CN.UTF-8", "en": "en_GB.UTF-8"}[language])
    assert (ended.code, ended.err) == (0, "")
    for option in OPTIONS[command]:
        assert f" {option} " in ended.text
    assert text(f"cli.help_{command}", language).split("\n", 1)[0][:20] in ended.text
    assert "…" not in ended.text
    assert "cli." not in ended.text


def test_training_is_a_command(command_line: CommandLine) -> None:
    ended = command_line.run("train", "--help")
    assert (ended.code, "--members" in ended.text) == (0, True), ended.err
    ended = command_line.run("train", "--data", command_line.outputs_dir)
    assert (ended.code, "No manifest.csv" in ended.err) == (1, True), ended.err


def test_help_imports_no_large_library() -> None:
    program = "import sys; from webui.cli import main; main(['--help']); sys.exit(str(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    for heavy in ("torch", "gradio", "pyarrow", "pandas", "fastapi", "uvicorn", "scipy"):
        assert f"'{heavy}'" not in done.stderr


def test_version(command_line: CommandLine) -> None:
    assert command_line.run("--version").text == "speech-emotion-webui 0.1.0\n"


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, Language.ZH),
        ({"LANG": "zh_TW"}, Language.ZH),
        ({"LANG": "C"}, Language.EN),
        ({}, Language.EN),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, Language.EN),
        ({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, Language.ZH),  # chooses only the encoding
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, Language.EN),
        ({"LC_ALL": "", "LC_MESSAGES": "zh_CN.UTF-8", "LANG": "en_US"}, Language.ZH),
    ],
)
def test_the_language_of_the_locale(
    monkeypatch: pytest.MonkeyPatch, locale: dict[str, str], language: Language
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    assert system_language() is language


@pytest.mark.parametrize(
    ("arguments", "language", "rest"),
    [
        (["--lang", "zh", "models"], Language.ZH, ["models"]),
        (["recognize", "a.wav", "--lang=zh"], Language.ZH, ["recognize", "a.wav"]),
        (["--lang", "zh", "--lang", "en"], Language.EN, []),
        (["recognize", "--", "--lang", "zh"], Language.EN, ["recognize", "--", "--lang", "zh"]),
        (["--lang", "fr"], Language.EN, ["--lang", "fr"]),
        (["--lang"], Language.EN, ["--lang"]),
    ],
)
def test_the_option_overrides_the_locale(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], language: Language, rest: list[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    assert take_language(arguments) == (language, rest)


def test_every_error_has_its_exit_code() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    expected = {
        errors.AudioError: ExitCode.AUDIO,
        errors.ModelError: ExitCode.MODEL,
        errors.RequestError: ExitCode.REQUEST,
        errors.OutputError: ExitCode.OUTPUT,
    }
    assert len(kinds) > len(expected)
    for kind in kinds:
        if kind is not errors.SpeechEmotionError:
            family = next(family for family in expected if issubclass(kind, family))
            assert exit_code_of(kind("cli.no")) is expected[family]
    assert exit_code_of(ValueError()) is ExitCode.UNEXPECTED


def test_a_locale_without_unicode(command_line: CommandLine) -> None:
    for locale in ("C", "POSIX"):
        assert "识别录音的情感" in command_line.run("--help", "--lang", "zh", LC_ALL=locale, LANG=locale).text
    narrow = command_line.run("models", "--lang", "zh", PYTHONIOENCODING="latin-1")
    assert narrow.code == 0
    assert b"builtin" in narrow.out


def test_colours_on_a_terminal(command_line: CommandLine) -> None:
    leader, follower = os.openpty()
    program = [sys.executable, str(ROOT / "app.py"), "recognize", "nowhere.wav", "--lang", "en"]
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    done = subprocess.run(program, stderr=follower, stdout=subprocess.DEVNULL, env=environment, check=False)
    os.close(follower)
    shown = os.read(leader, 65_536).decode()
    os.close(leader)
    assert done.returncode == 3
    assert "\x1b[31mError: There is no file nowhere.wav" in shown


def test_the_parser_speaks_chinese(command_line: CommandLine) -> None:
    environment = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN.UTF-8"}
    shown = command_line.run("recognize", "--help", **environment).text
    assert all(words in shown for words in ("─ 参数 ─", "─ 选项 ─", "[必填]", "[默认：utterance]", "显示本说明并退出"))
    for arguments, words in {
        ("recognize",): "命令行有误：缺少 'FILE'。",
        ("recognize", "--chanels", "0", "a.wav"): "没有选项 --chanels，是否指 --channels",
        ("recognize", "--granularity", "x", "a.wav"): "'--granularity' / '-g' 的值无效：",
    }.items():
        ended = command_line.run(*arguments, **environment)
        assert (ended.code, words in ended.err) == (ExitCode.REQUEST, True), ended.err
