"""The family of speech classifiers of Hugging Face transformers: two in the catalogue, and any ``owner/name``."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from webui.engine.catalog import ABOUT_FILES, ModelCard, ModelFiles, folder_of
from webui.engine.family import UNKNOWN_LICENSE, Family, LoadRequest
from webui.engine.protocol import EmotionModel
from webui.engine.transformers.preprocessor import PREPROCESSOR_FILE, read_preprocessor
from webui.engine.weights import CONFIG_FILE, PICKLE_FILE, SAFETENSORS_FILE, LocatedWeights, read_config

ENGINE: Final = "transformers"


def _card(
    name: str,
    repository: str,
    languages: tuple[str, ...] = (),
    *,
    compared: bool = False,
    corpora: tuple[str, ...] = (),
) -> ModelCard:
    return ModelCard(
        name=name,
        license=UNKNOWN_LICENSE,
        languages=languages,
        compared=compared,
        corpora=corpora,
        huggingface_id=repository,
        modelscope_id=repository,  # ModelScope's mirrors have the same names
    )


_CATALOG: Final = (
    _card("wav2vec2_base_superb", "superb/wav2vec2-base-superb-er", ("en",), compared=True, corpora=("IEMOCAP",)),
    _card("hubert_large_superb", "superb/hubert-large-superb-er", ("en",), compared=True, corpora=("IEMOCAP",)),
)


class TransformersFamily(Family):
    """Wav2Vec2, HuBERT, WavLM and similar models, in the file format of transformers."""

    engines: ClassVar[Mapping[str, tuple[str, ...]]] = {ENGINE: ("transformers", "torch")}
    files = ModelFiles(
        wanted=(CONFIG_FILE, PREPROCESSOR_FILE, SAFETENSORS_FILE, PICKLE_FILE, *ABOUT_FILES),
        needed=(CONFIG_FILE, PREPROCESSOR_FILE),
        one_of=(SAFETENSORS_FILE, PICKLE_FILE),
    )

    def catalog(self) -> tuple[ModelCard, ...]:
        """Returns two classifiers that are often used for comparison in the literature."""
        return _CATALOG

    def card_of_repository(self, repository: str) -> ModelCard | None:
        """Returns a card for any repository. Whether it contains a classifier is only known after the download."""
        known = next((card for card in _CATALOG if card.huggingface_id == repository), None)
        return known if known is not None else _card(folder_of(repository), repository)

    def recognizes(self, folder: Path) -> bool:
        """Returns whether a folder contains a checkpoint in the file format of transformers."""
        return "model_type" in read_config(folder)

    def sample_rate(self, name: str, located: LocatedWeights | None) -> int | None:
        """Returns the rate that ``preprocessor_config.json`` states.

        Raises:
            CheckpointError: the file can't be read, or the rate is implausible.
        """
        return read_preprocessor(name, located.directory).sample_rate if located is not None else None

    def load(self, request: LoadRequest) -> EmotionModel:
        """Loads a classifier from local files."""
        if request.located is None:
            raise self.absent(request.name, request.settings)
        from webui.engine.transformers.model import load_transformers  # imported late: it takes seconds

        return load_transformers(
            request.name,
            request.located.directory,
            license=self.license(request.name),
            device=request.runtime.device,
            threads=request.settings.threads,
        )


TRANSFORMERS: Final = TransformersFamily()
