"""A verification record, without running ``verify``, which takes minutes."""

from pathlib import Path

from webui.engine.emotion2vec.files import read_source_hash
from webui.engine.emotion2vec.verification_record import VerificationRecord
from webui.settings import Precision


def int8_record(folder: Path) -> VerificationRecord:
    """Returns the record of a successful ``verify --precision int8`` of the converted checkpoint in ``folder``."""
    digest = read_source_hash(folder / "model.safetensors")
    assert digest is not None
    return VerificationRecord(
        model=folder.name,
        checkpoint_sha256=digest,
        verified=True,
        tolerance=5e-3,
        largest_score_difference=1e-3,
        device="cpu",
        timestamp="2026-01-01 00:00:00",
        versions={},
        clips=(),
        precision=Precision.INT8,
        top1_agreement=1.0,
    )
