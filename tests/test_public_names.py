"""Names that users' programs depend on: later versions may add names but not remove any."""

import pytest

from tests.support import public_names

NOW = public_names.collect()


@pytest.mark.parametrize("kind", public_names.kept())
def test_public_names_stay(kind: str) -> None:
    missing = sorted(set(public_names.kept()[kind]) - set(NOW[kind]))
    assert not missing, f"{kind}: these were public before and are missing now; restore them"
