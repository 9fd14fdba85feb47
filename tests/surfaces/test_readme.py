"""Every command in the documentation is run as it is written, or parsed completely if it can't be run in a test."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmarks.__main__ import SECTIONS
from tests import run_suites, write_docs
from tests.support import warm_python
from tests.support.audio_files import FORMATS, voice
from tests.support.server_process import ROOT, free_port, running_server
from tests.support.track_files import with_tracks
from training.__main__ import build_parser as training_parser
from webui.cli import main
from webui.cli.program import build_command
from webui.settings import ENV_PREFIX, Settings
from webui.texts import Language

OTHERS = (ROOT / "models" / "README.md", ROOT / "CONTRIBUTING.md")
PAIRS = list(zip(*write_docs.DOCUMENTS.values(), strict=True))
TEXTS = {path: path.read_text("utf-8") for path in (*(path for pair in PAIRS for path in pair), *OTHERS)}
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
IN_A_LINE = re.compile(rf"`((?:{ENV_PREFIX}\w+=\S+ )?bash run\.sh[^`]*)`")
RUN_SH = "bash run.sh"
ADDRESS = "http://localhost:7860"
MODEL_FRAME_S = 0.0201  # a window is one frame shorter if it could not be centred on its row otherwise
READ_BY_RUN_SH = f"{ENV_PREFIX}TORCH"


def shown(text: str) -> list[str]:
    """Returns the lines of the bash blocks without comments; lines that end in a backslash are joined with the next."""
    lines = [line for block in BLOCK.findall(text) for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    return [bare for line in lines if (bare := re.split(r"(?:^|\s)#", line)[0].strip())]


SHOWN = list(dict.fromkeys(line for text in TEXTS.values() for line in shown(text)))
MENTIONED = list(dict.fromkeys(line for text in TEXTS.values() for line in IN_A_LINE.findall(text)))
OF_RUN_SH = [line for line in dict.fromkeys([*SHOWN, *MENTIONED]) if RUN_SH in line]
SERVING = [line for line in SHOWN if line.startswith(f"{RUN_SH} serve") and "--ssl-" not in line]
REQUESTS = [line for line in SHOWN if line.startswith("curl ")]
DOCKER = [line for line in SHOWN if line.startswith("docker ")]
RECOGNIZING = [line for line in SHOWN if f"{RUN_SH} recognize" in line and "--engine" not in line]


def words(line: str) -> list[str]:
    """Returns the arguments of ``bash run.sh``, up to a pipe or a redirection."""
    return shlex.split(re.split(r"[|>]", line.partition(RUN_SH)[2])[0])


def test_every_command_is_of_a_known_kind() -> None:
    assert [line for line in SHOWN if line not in {*OF_RUN_SH, *REQUESTS, *DOCKER}] == []
    assert len(RECOGNIZING) >= 5
    assert SERVING
    assert REQUESTS
    assert len(DOCKER) == 2


def test_named_modules_and_variables_exist() -> None:
    documents = "\n".join(TEXTS.values())
    modules = set(re.findall(r"python -m (tests[\w.]+)", documents))
    assert len(modules) >= 2
    assert {module for module in modules if importlib.util.find_spec(module) is None} == set()
    settings = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(rf"{ENV_PREFIX}[A-Z_]+", documents))
    assert named - settings == {READ_BY_RUN_SH, run_suites.SKIP_BROWSER}
    hubs = (ROOT / "webui" / "engine" / "hub" / "hubs.py").read_text("utf-8")
    endpoints = set(re.findall(r"\b\w+_ENDPOINT\b", documents))
    assert len(endpoints) == 2
    assert all(f'environ.get("{name}")' in hubs for name in endpoints)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[1].name)
def test_both_languages_give_the_same_commands(pair: tuple[Path, Path]) -> None:
    chinese, english = (shown(TEXTS[path]) for path in pair)
    assert chinese == english


@pytest.mark.parametrize("line", OF_RUN_SH)
def test_a_command_can_be_parsed(line: str) -> None:
    for name, value in re.findall(r"(\w+)=(\S+) ", line.partition(RUN_SH)[0]):
        if name == READ_BY_RUN_SH:
            assert value in (ROOT / "run.sh").read_text("utf-8")
        else:
            setting = name.removeprefix(ENV_PREFIX).lower()
            Settings(**{setting: value})  # type: ignore[arg-type]
    given = words(line)
    if given[:1] == ["test"]:
        check_suites([word for word in given[1:] if word != "--newest"])
        return
    if given[:1] == ["lock"]:
        assert given[1:] in ([], ["--upgrade"])  # run.sh passes the options to `uv pip compile`
        return
    if given[:1] == ["train"]:
        training_parser().parse_args(given[1:])
        return
    if given[:1] == ["bench"]:
        assert set(given[1:]) <= set(SECTIONS)
        return
    assert build_command(Language.EN).main(given, standalone_mode=False) is not None, "the line runs no command"


def check_suites(given: list[str]) -> None:
    own, for_pytest = run_suites._split(given)
    known = {*run_suites.GROUPS, *(suite.name for suite in run_suites.all_suites())}
    assert set(own) - {"--newest"} <= known  # --newest is an option of run.sh
    if for_pytest:
        option, word = for_pytest
        assert option == "-k"
        tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / own[0]).rglob("test_*.py"))
        assert re.search(rf"def test_\w*{word}", tests)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the recordings that the commands name."""
    formats = {"wav": "wav-s16", "mp3": "mp3", "m4a": "m4a", "flac": "flac", "opus": "ogg-opus"}
    named = {name for line in SHOWN for name in re.findall(r"\b\w\.\w+\b", line) if name.rpartition(".")[2] in formats}
    assert len(named) >= 5
    for name in named:
        (chosen,) = [form for form in FORMATS if form.label == formats[name.rpartition(".")[2]]]
        (tmp_path / name).write_bytes(chosen.make(voice(3.0, chosen.rate), chosen.rate))
    call = np.stack([voice(3.0, 16_000), 0.5 * voice(3.0, 16_000)[::-1]], axis=1)
    soundfile.write(tmp_path / "call.wav", call, 16_000, subtype="PCM_16")
    soundfile.write(tmp_path / "call.pcma", voice(3.0, 8_000), 8_000, format="RAW", subtype="ALAW")
    (tmp_path / "film.mkv").write_bytes(with_tracks([voice(3.0, 16_000)] * 2, 16_000))
    return tmp_path


@pytest.mark.parametrize("line", RECOGNIZING)
def test_a_recognize_command_runs(folder: Path, line: str) -> None:
    done = run(line, folder)
    assert done.returncode == 0, done.stderr
    results = [read(run) for run in sorted((folder / "outputs").iterdir())]
    given = [word for word in words(line) if re.fullmatch(r"-|[a-z*]+\.\w+", word)]
    assert given
    expected = sorted(path.name for word in given for path in folder.glob(word)) or ["stdin"]
    assert sorted(result["source"]["file_name"] for result in results) == expected
    for result in results:
        check_options(words(line), result)
    if "--json" in line:
        target = re.search(r"> (\S+)", line)
        rows = done.stdout if target is None else (folder / target[1]).read_text("utf-8")
        assert [json.loads(row)["emotion"] for row in rows.splitlines()] == [result["emotion"] for result in results]


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command line in a folder, through Bash if it needs a shell."""
    environment = {**os.environ, f"{ENV_PREFIX}OUTPUTS_DIR": "outputs"}
    program = ROOT / "app.py"
    if set(line) & set("|>*"):
        shell = ["bash", "-c", line.replace(RUN_SH, shlex.join([sys.executable, str(program)]))]
        return subprocess.run(
            shell,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    return warm_python.run([program, *words(line)], cwd=folder, env=environment)


def read(run: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((run / "result.json").read_text("utf-8"))
    if "embedding" in document:
        document["dimensions"] = np.load(run / "embedding.npy").shape
    return document


def check_options(given: list[str], result: dict[str, Any]) -> None:
    values = dict(pairwise(given))
    assert result["granularity"] == values.get("--granularity", "utterance")
    assert ("embedding" in result) is ("--embedding" in given)
    assert len(result.get("dimensions", [0])) == 1
    assert ("channels" in result) is ("separate" in given)
    if "--window" in values:
        assert result["frames"]["window_s"] == pytest.approx(float(values["--window"]), abs=MODEL_FRAME_S)
        assert result["frames"]["hop_s"] == float(values["--hop"])


def test_the_server_starts_and_answers(folder: Path) -> None:
    assert f"{Settings.model_fields['port'].default}" == ADDRESS.rpartition(":")[2]
    port = str(free_port())
    (given,) = [words(line) for line in SERVING]
    replaced = {given[given.index("--host") + 1]: "127.0.0.1", given[given.index("--port") + 1]: port}
    given = [replaced.get(word, word) for word in given]
    with running_server(folder / "outputs", program=f"from webui.cli import main; main({given!r})") as started:
        assert started.url.endswith(port)
        for line in REQUESTS:
            assert ADDRESS in line
            try:
                done = subprocess.run(
                    shlex.split(line.replace(ADDRESS, started.url)),
                    cwd=folder,
                    env={**os.environ, "no_proxy": "*"},
                    capture_output=True,
                    check=True,
                )
            except FileNotFoundError:
                pytest.skip("no curl")
            answer = json.loads(done.stdout)
            assert answer["source"]["file_name"] == "a.mp3"
            assert answer["granularity"] == "frame"


def test_docker_commands_match_the_dockerfile() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    build, run = DOCKER
    tag = build.split()[build.split().index("-t") + 1]
    assert run.split()[-1] == tag
    (volumes,) = re.findall(r"^VOLUME (.*)$", dockerfile, re.MULTILINE)
    assert [place.partition(":")[2] for place in re.findall(r"-v (\S+)", run)] == json.loads(volumes)
    (port,) = re.findall(r"^EXPOSE (\d+)$", dockerfile, re.MULTILINE)
    assert re.findall(r"-p (\S+)", run) == [f"127.0.0.1:{port}:{port}"]
    assert {f"# {run}"} <= set(dockerfile.splitlines())
    documents = "\n".join([*TEXTS.values(), dockerfile])
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", dockerfile, re.MULTILINE))
    assert set(re.findall(r"--build-arg (\w+)=", documents)) == set(arguments)
    assert (
        len(set(re.findall(r"--build-arg TORCH=(\w+)", documents)) - {arguments["TORCH"]}) == 1
    )  # the same everywhere
    assert set(re.findall(r"docker save (\S+)", documents)) == {tag}
    saved, loaded = (set(re.findall(rf"docker {word} (\S+\.tar)", documents)) for word in (f"save {tag} -o", "load -i"))
    assert saved == loaded
    assert len(saved) == 1


@pytest.mark.parametrize("language", write_docs.FOLDERS)
def test_the_shown_output_is_the_printed_output(
    language: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"```console\n\$ (.*?)```", TEXTS[write_docs.FOLDERS[language] / "CLI.md"], re.DOTALL)
    command, _, expected = block.partition("\n")
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv(f"{ENV_PREFIX}OUTPUTS_DIR", str(tmp_path / "outputs"))
    assert main([*words(command), "--lang", language]) == 0
    printed = capfd.readouterr().out.replace(f"{tmp_path}/", f"{write_docs.SHOWN_FOLDER}/")
    printed = re.sub(r" +$", "", printed, flags=re.MULTILINE)
    assert without_numbers(printed) == without_numbers(expected)
    assert percentages(printed) == pytest.approx(percentages(expected), abs=0.11)  # rounding differs between machines
    assert len(percentages(expected)) == 9


def without_numbers(printed: str) -> list[str]:
    plain = re.sub(r"outputs_\d{8}_\d{6}", "outputs_", printed.strip())
    return [re.sub(r" *\d+\.\d%[ █]*", " %", line) for line in plain.splitlines()]


def percentages(printed: str) -> list[float]:
    return [float(found) for found in re.findall(r"(\d+\.\d)%", printed)]
