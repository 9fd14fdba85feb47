"""Names that users' programs depend on stay: later versions may add some, never take one away."""

import pytest

from tests.support import public_names

NOW = public_names.collect()


@pytest.mark.parametrize("kind", public_names.kept())
def test_public_names_stay(kind: str) -> None:
    missing = sorted(set(public_names.kept()[kind]) - set(NOW[kind]))
    assert not missing, f"{kind}: these were public before and are gone; give them back"
