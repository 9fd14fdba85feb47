"""What must not hold up the server's one event loop: decoding in the background, and the garbage collector."""

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

SAYS = "import atexit, gc; atexit.register(lambda: open('seen', 'w').write(f'{gc.get_freeze_count()} {count()}'))\n"
COUNT = "def count():\n    import gc\n    return len(gc.get_objects())\n"


@pytest.mark.parametrize("size", [0, 1, 5, PIECE_BYTES * 3 // 4, PIECE_BYTES * 3 // 4 + 1, 2_000_000])
def test_base64_is_decoded_in_pieces(size: int) -> None:
    audio = np.random.default_rng(size).bytes(size)
    assert decoded(base64.b64encode(audio).decode()) == audio


@pytest.mark.parametrize(
    "given",
    [
        "A" * (PIECE_BYTES - 4) + "QQ==" + "QUJD",  # each piece by itself would do
        "A" * PIECE_BYTES + "QUJ",
        "A" * PIECE_BYTES + "QUJé",
    ],
)
def test_what_is_no_base64_is_refused_wherever_it_is(given: str) -> None:
    with pytest.raises(RequestError, match="base64"):
        decoded(given)


def test_others_have_their_turn_while_it_is_decoded() -> None:
    given = base64.b64encode(bytes(30_000_000)).decode()
    work = threading.Thread(target=decoded, args=(given,))
    work.start()
    turns = 0
    while work.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns > 5


def test_the_garbage_collector_leaves_libraries_and_models_alone(tmp_path: Path) -> None:
    with running_server(tmp_path / "outputs", program=COUNT + SAYS + PROGRAM, model="builtin") as started:
        files = {"audio": (ROOT / "examples" / "example_synthetic.wav").read_bytes()}
        assert httpx.post(f"{started.url}/api/v1/recognize", files=files, timeout=60).status_code == 200
    frozen, looked_at = map(int, (tmp_path / "seen").read_text().split())
    assert frozen > 200_000
    assert looked_at < frozen / 10
