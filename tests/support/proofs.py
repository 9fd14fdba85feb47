"""Long tests in two sizes: small for every test run, full for ``bash run.sh test long``."""

from typing import Any

import pytest


def sizes(name: str, *, small: Any, full: Any) -> pytest.MarkDecorator:  # noqa: ANN401
    """Runs a test with a small size, and with the full size under the marker ``long``.

    Args:
        name: the test's parameter for the size.
        small: for every run; takes seconds.
        full: for the long run; takes minutes.
    """
    full_form = pytest.param(full, id="full", marks=pytest.mark.long)
    return pytest.mark.parametrize(name, [pytest.param(small, id="small"), full_form])
