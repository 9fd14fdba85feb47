"""The table of a run folder's files: a new output format is one line in it."""

from pathlib import Path

import pytest

from tests.support.paths import EXAMPLE
from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions
from webui.settings import Settings
from webui.storage import writers
from webui.storage.writers import RunContent, RunWriter


def _write_markers(path: Path, content: RunContent) -> None:
    rows = [
        f"{segment.start_s:.2f}\t{segment.end_s:.2f}\t{segment.emotion.value}"
        for segment in content.result.segments or ()
    ]
    path.write_text("\n".join(rows) + "\n", "utf-8")


@pytest.mark.model
@pytest.mark.parametrize("granularity", [Granularity.UTTERANCE, Granularity.SEGMENT])
def test_a_new_output_format_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, granularity: Granularity
) -> None:
    markers = RunWriter("markers.txt", lambda content: content.result.segments is not None, _write_markers)
    monkeypatch.setattr(writers, "RUN_WRITERS", (*writers.RUN_WRITERS, markers))
    options = RecognizeOptions(granularity=granularity)
    done = RecognitionService(Settings(outputs_dir=tmp_path)).recognize(EXAMPLE, options)
    files = {file.name for file in done.files}
    assert {"result.json", "log.txt", "processed_audio.wav"} <= files
    assert ("markers.txt" in files) == (granularity is Granularity.SEGMENT)
