"""Status of the models: the active one, the progress of a download, and what can be started or cancelled."""

from dataclasses import dataclass

from webui.service.models.acquisition import AcquisitionStatus
from webui.settings import Precision


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """The model that serves requests for ``auto`` now.

    Attributes:
        name: name of the model.
        engine: name of the implementation that runs it.
        precision: number format of its weights; empty while it is not loaded.
        device: device that it runs on; empty while it is not loaded.
        verified: whether ``verify`` found, on this machine, that its results equal those of FunASR; None if there is no
            such record, or while the model is not loaded.
    """

    name: str
    engine: str
    precision: str = ""
    device: str = ""
    verified: bool | None = None


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """Status of a model pool.

    Attributes:
        active: the model that serves requests for ``auto`` now; None if there is none.
        acquisition: progress of downloading, converting and loading the large model; None if none is needed.
        can_retry: whether ``ModelPool.retry`` would start an acquisition.
        can_cancel: whether ``ModelPool.cancel`` would cancel a download.
        offers: precisions that a request may choose in addition to that of the active model.
    """

    active: ActiveModel | None
    acquisition: AcquisitionStatus | None
    can_retry: bool
    can_cancel: bool
    offers: tuple[Precision, ...] = ()
