"""How the models stand at this moment: who would answer, how far the large one is, what can be done about it."""

from dataclasses import dataclass

from webui.service.models.acquisition import AcquisitionStatus
from webui.settings import Precision


@dataclass(frozen=True, slots=True)
class Answering:
    """The model that would answer now.

    Attributes:
        name: its name.
        engine: the implementation that runs it.
        precision: of its weights; empty while it isn't loaded.
        device: where it runs; empty while it isn't loaded.
        verified: whether its numbers were found to be upstream's on this machine; None where there is nothing to
            compare with, or while it isn't loaded.
    """

    name: str
    engine: str
    precision: str = ""
    device: str = ""
    verified: bool | None = None


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """What a status line shows.

    Attributes:
        answering: who would answer now; None if nobody can yet.
        status: of the large model that is wanted; None where there is none to acquire.
        can_retry: whether ``ModelPool.retry`` would start something.
        can_cancel: whether ``ModelPool.cancel`` would end something.
        offers: precisions that may be asked for besides the one that answers.
    """

    answering: Answering | None
    status: AcquisitionStatus | None
    can_retry: bool
    can_cancel: bool
    offers: tuple[Precision, ...] = ()
