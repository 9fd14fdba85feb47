"""``compare`` as a process."""

import json
from pathlib import Path

from tests.support.cli_process import CommandLine
from tests.support.example import EXAMPLE_EMOTION
from webui.settings import PROJECT_DIR

EXAMPLE = PROJECT_DIR / "examples" / "example_synthetic.wav"


def test_a_report_and_resuming(command_line: CommandLine, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(f"path,label,corpus\n{EXAMPLE},{EXAMPLE_EMOTION},ravdess\n", "utf-8")
    out = tmp_path / "report"
    arguments = ("compare", "--models", "builtin", "--data", str(labels), "--out", str(out), "--rounds", "1")
    ended = command_line.run(*arguments)
    assert ended.code == 0, ended.err
    for title in ("1 Speed", "2 Memory", "3 Accuracy", "4 Embedding", "5 Deployment", "6 Output", "Advice"):
        assert title in ended.text
    document = json.loads((out / "comparison.json").read_text("utf-8"))
    assert document["accuracy"]["builtin"]["right"]["value"] == 1.0
    assert "trained on EMO-DB" in ended.text
    assert any("leave out builtin: 1 of the recordings" in sentence for sentence in document["advice"])
    assert not any("builtin has the highest average recall" in sentence for sentence in document["advice"])
    assert set(document["models"][0]["times"]) == {"3.0", "10.0", "30.0"}
    assert (out / "comparison.html").read_text("utf-8").startswith("<!doctype html>")
    ended = command_line.run(*arguments)
    assert (ended.code, "--resume" in ended.err) == (2, True)
    ended = command_line.run(*arguments, "--resume", "--json", "--lang", "zh")
    assert ended.code == 0, ended.err
    assert "与准确率有关的规则不计入 builtin" in " ".join(ended.documents[0]["advice"])
    assert "cores" not in ended.documents[0]["machine"]
    ended = command_line.run("compare", "--models", "builtin", "--out", str(out), "--resume")
    assert (ended.code, "other models or recordings" in ended.err) == (2, True)
    ended = command_line.run("compare", "--models", "missing", "--out", str(tmp_path / "other"))
    assert (ended.code, "no model named missing" in ended.err) == (4, True)
    assert not (tmp_path / "other").exists()
