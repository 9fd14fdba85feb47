"""The cheap attacks of ``bash run.sh bench attack`` on one server; the long tests run all attacks on all servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.attack import ATTACKS, Attack, attempt, run_attacks
from benchmarks.attacks.targets import Server, Target, targets

CHEAP = [attack for attack in ATTACKS if attack.cheap and Server.OPEN in attack.servers]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with targets(tmp_path_factory.mktemp("attack"), [Server.OPEN]) as started:
        yield started[Server.OPEN]
        assert "Traceback" not in started[Server.OPEN].running.errors.read_text()


@pytest.mark.parametrize("attack", CHEAP, ids=lambda attack: f"{attack.item}: {attack.name}")
def test_cheap_attacks_are_repelled(target: Target, attack: Attack) -> None:
    found = attempt(attack, target)
    assert found.withstood, f"{found.behaviour}; expected: {attack.expected}"


def test_every_item_has_an_attack() -> None:
    assert {attack.item for attack in ATTACKS} == {*map(str, range(1, 16)), "earlier"}


@pytest.mark.long
def test_all_attacks_on_all_servers(tmp_path: Path) -> None:
    holes = [
        f"{attack.item}, {attack.name}, on {server.value}: {found.behaviour}; expected: {attack.expected}"
        for attack, server, found in run_attacks(ATTACKS, tmp_path)
        if not found.withstood
    ]
    assert holes == []
