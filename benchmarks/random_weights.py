"""Random weights of the published sizes: they take the same time and memory as trained ones."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webui.engine.registry import LARGE, ModelRegistry
from webui.settings import Engine, Precision, Settings


@contextmanager
def models(*, quick: bool) -> Iterator[Path]:
    """Yields a folder with a random checkpoint of the published (or a tiny) size, converted and exported to ONNX."""
    from tests.support.checkpoints import LARGE as LARGE_SIZES
    from tests.support.checkpoints import TINY, make_checkpoint
    from webui.engine.emotion2vec.convert import convert_checkpoint

    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / LARGE
        published = make_checkpoint(directory, TINY if quick else LARGE_SIZES, training=False)
        convert_checkpoint(directory, published, directory)
        published.unlink()
        for precision in (Precision.FP32, Precision.INT8):
            settings = Settings(models_dir=Path(folder), engine=Engine.ONNX, precision=precision)
            ModelRegistry(settings).export(LARGE, directory)
        yield Path(folder)


@contextmanager
def weights_for(model: str) -> Iterator[None]:
    """Provides random weights of Emotion2Vec+ Large to the processes that are started in the block."""
    if model != LARGE:
        yield
        return
    with models(quick=False) as folder:
        before = os.environ.get("SPEECH_EMOTION_MODELS_DIR")
        os.environ["SPEECH_EMOTION_MODELS_DIR"] = str(folder)
        try:
            yield
        finally:
            os.environ.pop("SPEECH_EMOTION_MODELS_DIR")
            if before is not None:
                os.environ["SPEECH_EMOTION_MODELS_DIR"] = before
