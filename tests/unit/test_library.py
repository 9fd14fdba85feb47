"""The Python API: sources, options, files."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.paths import EXAMPLE
from webui import recognize
from webui.errors import AudioFetchError, RequestError
from webui.library import _service
from webui.settings import Settings

pytestmark = pytest.mark.model


def scores(answer: object) -> list[float]:
    return list(answer.result.scores.values())  # type: ignore[attr-defined]


def test_every_kind_of_source_gives_the_same_result() -> None:
    whole, rate = soundfile.read(EXAMPLE, dtype="int16")
    expected = scores(recognize(EXAMPLE, model="builtin"))
    sources = (
        str(EXAMPLE),
        EXAMPLE.read_bytes(),
        (whole, rate),
        ((whole / 32768).astype(np.float32), rate),
        (whole / 32768, rate),
        (whole.astype(np.int32) * 65536, rate),
        (np.stack([whole, whole], axis=1), rate),
    )
    for source in sources:
        assert scores(recognize(source, model="builtin")) == pytest.approx(expected, abs=1e-6)


def test_nothing_is_written_by_default(tmp_path: Path) -> None:
    settings = Settings(model="builtin", outputs_dir=tmp_path / "outputs")
    answer = recognize(EXAMPLE, settings=settings, extract_embedding=True, granularity="frame")
    assert answer.folder is None
    assert not (tmp_path / "outputs").exists()
    assert list(_service(settings).settings.outputs_dir.iterdir()) == []
    assert answer.embedding is not None
    assert answer.embedding.shape[0] > 100

    saved = recognize(EXAMPLE, settings=settings, save_to=tmp_path / "here", extract_embedding=True)
    assert saved.folder is not None
    assert saved.folder.parent == tmp_path / "here"
    assert np.array_equal(np.load(saved.folder / "embedding.npy"), saved.embedding)


def test_errors_state_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="complex128"):
        recognize((np.zeros(16_000, np.complex128), 16_000), model="builtin")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="'utterance', 'frame' or 'segment'"):
        recognize(EXAMPLE, granularity="word")
    with pytest.raises(RequestError, match=r"hop_s only applies to frame scores\. Add granularity=frame"):
        recognize(EXAMPLE, hop_s=0.5)
    with pytest.raises(RequestError, match="windows"):
        recognize(EXAMPLE, windows=3)
    with pytest.raises(AudioFetchError):
        recognize(tmp_path / "missing.wav", model="builtin")
