"""What is published of a model: its card, and which files of its repository make it up.

Each family keeps the cards of its own models; ``registry.cards`` lists all of them.
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
ABOUT_FILES: Final = ("README.md", "LICENSE*")  # fetched with the weights of every family


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What is known of a published model while none of its files are here.

    Attributes:
        name: the model's name, as ``--model`` takes it; also the name of its folder under ``models/``.
        license: the licence of the weights.
        title: the name to show; "" where that is ``name``.
        languages: codes of the languages it was trained on, by its publishers or its card; none where unknown.
        huggingface_id: its repository on Hugging Face; "" where no hub has it.
        modelscope_id: its repository on ModelScope.
        weights_bytes: size of the published weights; None where unknown.
        sha256: digest of the published weights; None where unknown.
        answers_auto: whether ``auto`` may choose it.
        compared: whether ``compare`` includes it by default.
        included: whether it is part of the program.
        accuracy_note: key of the text that belongs below figures about its accuracy; "" for none.
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
    accuracy_note: str = ""

    @property
    def downloadable(self) -> bool:
        """Whether a hub publishes it."""
        return bool(self.huggingface_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """Which files of a repository make a model; names are patterns of ``fnmatch``.

    Attributes:
        wanted: the files to fetch where the repository has them.
        needed: the files that the repository must have.
        one_of: names of the same weights in several formats, best first. The repository must have one of them, and
            the first that it has is fetched.
        converted_share: disk space that a conversion will take besides the files, as a share of the largest file.
        made_here: files beside the fetched ones that this program writes itself.
    """

    wanted: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    converted_share: float = 0.0
    made_here: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Returns these patterns as an argument of another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, argument: str) -> Self:
        """Returns the patterns that ``to_json`` wrote."""
        fields = json.loads(argument).items()
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in fields}
        return cls(**values)


def is_repository(name: str) -> bool:
    """Returns whether ``name`` reads ``owner/name``, as hubs name repositories."""
    return _REPOSITORY.fullmatch(name) is not None


def folder_of(name: str) -> str:
    """Returns the name of a repository's folder under ``models/``; any other name stays as it is."""
    return name.replace("/", "--") if is_repository(name) else name
