"""Documents of version 2.0.0 of the built-in model are still read, and new ones are written with the new keys."""

import json

import pytest
from pydantic import ValidationError

from tests.support.paths import ROOT
from training.record import (
    EVALUATION_NAME,
    OLD_NAMES,
    TRANSFER_NAME,
    Evaluation,
    MemberRecord,
    Record,
    Transfer,
)

DIRECTORY = ROOT / "models" / "builtin"


@pytest.mark.parametrize(
    ("kind", "name", "old"),
    [
        (Evaluation, EVALUATION_NAME, {"judges", "unasked", "strangers", "hardships", "hardship_clips"}),
        (Transfer, TRANSFER_NAME, {"heard"}),
    ],
)
def test_old_documents(kind: type[Record], name: str, old: set[str]) -> None:
    text = (DIRECTORY / name).read_text("utf-8")
    document = kind.model_validate_json(text)
    written = document.model_dump_json()
    for key in old:
        assert f'"{key}"' in text
        assert f'"{key}"' not in written
        assert f'"{OLD_NAMES[key]}"' in written
    assert kind.model_validate_json(written) == document


def test_old_member() -> None:
    member = {"seed": 1, "epochs": 2, "speakers": ["a"], "counting": True}
    assert MemberRecord.model_validate(member).statistics_mlp
    assert MemberRecord.model_validate_json(json.dumps(member)).statistics_mlp
    assert not MemberRecord(seed=1, epochs=2, speakers=("a",)).statistics_mlp


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="heard"):
        MemberRecord.model_validate({"seed": 1, "epochs": 2, "speakers": ["a"], "heard": []})
