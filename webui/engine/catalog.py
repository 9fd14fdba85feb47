"""Published models: the card of each, and which files of its repository have to be downloaded.

Each family defines the cards of its models; ``families.cards`` lists all of them.
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
ABOUT_FILES: Final = ("README.md", "LICENSE*")  # downloaded with the weights of every family


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A published model, as far as it is known before any of its files are downloaded.

    Attributes:
        name: the model's name, as given to ``--model``; also the name of its folder under ``models/``.
        license: the licence of the weights.
        title: the name that users see; "" if it is the same as ``name``.
        languages: codes of the languages it was trained on, according to its publishers or its card; empty if unknown.
        huggingface_id: its repository on Hugging Face; "" if no hub has it.
        modelscope_id: its repository on ModelScope.
        weights_bytes: size of the published weights; None if unknown.
        sha256: SHA-256 of the published weights; None if unknown.
        answers_auto: whether ``auto`` may choose it.
        compared: whether ``compare`` includes it by default.
        included: whether it is part of the program.
        corpora: labelled corpora that it was trained on, according to its publishers or its card; empty if unknown.
        accuracy_note: key of the text to show below figures about its accuracy; "" if there is none.
    """

    name: str
    license: str
    title: str = ""
    languages: tuple[str, ...] = ()
    huggingface_id: str = ""
    modelscope_id: str = ""
    weights_bytes: int | None = None
    sha256: str | None = None
    answers_auto: bool = False
    compared: bool = False
    included: bool = False
    corpora: tuple[str, ...] = ()
    accuracy_note: str = ""

    @property
    def downloadable(self) -> bool:
        """Whether the model can be downloaded from a hub."""
        return bool(self.huggingface_id)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The labelled recordings that a model was trained on, as far as they are known.

    Attributes:
        corpora: names of corpora.
        speakers: names of speakers; for recordings without a speaker, their paths in the folder of the training data.
    """

    corpora: tuple[str, ...] = ()
    speakers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """Which files of a repository make up a model. Names are ``fnmatch`` patterns.

    Attributes:
        wanted: the files to download if the repository has them.
        needed: the files that the repository must have.
        one_of: names of the same weights in several formats, best first. The repository must have at least one of
            them; the first that it has is downloaded.
        converted_share: additional disk space that a conversion needs, as a fraction of the largest file's size.
        generated: files in the same folder that this program writes itself, such as converted weights.
    """

    wanted: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    converted_share: float = 0.0
    generated: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Returns the patterns as JSON, to pass them to another process on its command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, argument: str) -> Self:
        """Parses what ``to_json`` returned."""
        fields = json.loads(argument).items()
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in fields}
        return cls(**values)


def is_repository(name: str) -> bool:
    """Returns whether ``name`` has the form ``owner/name`` of a hub's repositories."""
    return _REPOSITORY.fullmatch(name) is not None


def folder_of(name: str) -> str:
    """Returns the folder name under ``models/`` for a repository ``owner/name``; other names are returned unchanged."""
    return name.replace("/", "--") if is_repository(name) else name
