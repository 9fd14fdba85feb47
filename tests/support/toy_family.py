"""A model family in one file: all that a new kind of model needs, except its line in ``FAMILIES``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from tests.support.fake_model import FakeModel
from webui.engine.catalog import ModelCard, ModelFiles
from webui.engine.family import Family, LoadRequest
from webui.engine.protocol import EmotionModel
from webui.engine.weights import LocatedWeights
from webui.labels import Emotion, LabelSet
from webui.results import ModelInfo

TOY_FILE: Final = "toy.json"
_CATALOG: Final = (
    ModelCard(
        name="toy_loud",
        license="public domain",
        title="Toy Loud",
        languages=("tlh",),
        huggingface_id="toys/loud",
        modelscope_id="toys/loud",
    ),
)


class ToyModel(FakeModel):
    """Takes samples at the rate in its file."""

    def __init__(self, name: str, license: str, sample_rate: int) -> None:
        super().__init__(LabelSet.from_emotions(tuple(Emotion)[:4]), name=name)
        self.sample_rate = sample_rate
        self.frame_rate = sample_rate / 320
        self.info = ModelInfo(
            name=name, engine="toy", precision="fp32", device="cpu", labels=self.labels.names, license=license
        )


class ToyFamily(Family):
    """Models that consist of a file with a sample rate."""

    engines: ClassVar[Mapping[str, tuple[str, ...]]] = {"toy": ("toybox",)}
    files = ModelFiles(wanted=(TOY_FILE,), needed=(TOY_FILE,))

    def catalog(self) -> tuple[ModelCard, ...]:
        return _CATALOG

    def recognizes(self, folder: Path) -> bool:
        return (folder / TOY_FILE).is_file()

    def sample_rate(self, name: str, located: LocatedWeights | None) -> object:
        return _rate(located) if located is not None else None

    def load(self, request: LoadRequest) -> EmotionModel:
        if request.located is None:
            raise self.absent(request.name, request.settings)
        return ToyModel(request.name, self.license(request.name), _rate(request.located))


def _rate(located: LocatedWeights) -> int:
    rate: int = json.loads((located.directory / TOY_FILE).read_text("utf-8"))["rate"]
    return rate


TOY: Final = ToyFamily()
