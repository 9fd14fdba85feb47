"""Neither decoding nor the garbage collector may block the server's event loop."""

import base64
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.support.server_process import PROGRAM, ROOT, running_server
from webui.api.sources import decoded
from webui.audio.base64_text import PIECE_BYTES
from webui.errors import RequestError

REPORT = "import atexit, gc; atexit.register(lambda: open('seen', 'w').write(f'{gc.get_freeze_count()} {count()}'))\n"
COUNT = "def count():\n    import gc\n    return len(gc.get_objects())\n"


@pytest.mark.parametrize("size", [0, 1, 5, PIECE_BYTES * 3 // 4, PIECE_BYTES * 3 // 4 + 1, 2_000_000])
def test_base64_is_decoded_in_pieces(size: int) -> None:
    audio = np.random.default_rng(size).bytes(size)
    assert decoded(base64.b64encode(audio).decode()) == audio


@pytest.mark.parametrize(
    "given",
    [
        "A" * (PIECE_BYTES - 4) + "QQ==" + "QUJD",  # each piece alone would be valid
        "A" * PIECE_BYTES + "QUJ",
        "A" * PIECE_BYTES + "QUJé",
    ],
)
def test_invalid_base64_is_refused_anywhere(given: str) -> None:
    with pytest.raises(RequestError, match="base64"):
        decoded(given)


def test_other_threads_run_while_base64_is_decoded() -> None:
    given = base64.b64encode(bytes(30_000_000)).decode()
    work = threading.Thread(target=decoded, args=(given,))
    work.start()
    turns = 0
    while work.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns > 5


def test_the_garbage_collector_ignores_libraries_and_models(tmp_path: Path) -> None:
    with running_server(tmp_path / "outputs", program=COUNT + REPORT + PROGRAM, model="builtin") as started:
        files = {"audio": (ROOT / "examples" / "example_synthetic.wav").read_bytes()}
        assert httpx.post(f"{started.url}/api/v1/recognize", files=files, timeout=120).status_code == 200
    frozen, examined = map(int, (tmp_path / "seen").read_text().split())
    assert frozen > 200_000
    assert examined < frozen / 10
