"""Attacks the server: ``bash run.sh bench attack``. Says of each attack whether it held; ends with 1 if one did not.

    bash run.sh bench attack [WORD ...]    only attacks whose item or words hold one of the words

Real servers on loopback, with small limits: as it is by default, with keys and logins, and open on 0.0.0.0. Nothing is
sent to another machine, and each attack is bounded; all of them take a minute or two. The items are those of the
table in docs/RELIABILITY.md, Hostile input; ``earlier`` marks sets that were refused before those were found. The cheap
half of it is in tests/surfaces/test_attack.py.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.attacks import content, logins, origins, resources, routes
from benchmarks.attacks.targets import AttackResult, Server, Target, targets

OPEN, KEYED, NETWORK, NONE = Server
BOTH_OPEN: Final = (OPEN, NETWORK)
ALL: Final = (OPEN, KEYED, NETWORK)
HEAD: Final = ("item", "what is sent", "server", "expected", "found", "outcome")


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack.

    Attributes:
        item: its number in the table of docs/RELIABILITY.md, or ``earlier``.
        name: what is sent.
        servers: that it is tried on.
        expected: what a server does that holds.
        run: sends it.
        cheap: whether it takes a moment only, and leaves the server as it was.
    """

    item: str
    name: str
    servers: tuple[Server, ...]
    expected: str
    run: Callable[[Target], AttackResult]
    cheap: bool = False


ATTACKS: Final = (
    Attack("1", "hosts that no URL can hold", BOTH_OPEN, "400 or 403", origins.unparsable_hosts, cheap=True),
    Attack("1", "hosts that anybody's DNS points here", BOTH_OPEN, "400 or 403", origins.foreign_hosts, cheap=True),
    Attack("1", "the hosts 0.0.0.0, :: and mapped ones", (OPEN,), "400 or 403", origins.any_address, cheap=True),
    Attack("1", "two hosts, none, an empty one", BOTH_OPEN, "400 or 403", origins.several_hosts, cheap=True),
    Attack("1", "its own names", BOTH_OPEN, "200", origins.own_hosts, cheap=True),
    Attack("2", "a form from another origin", BOTH_OPEN, "403", origins.foreign_origins, cheap=True),
    Attack(
        "2", "a form through 0.0.0.0 and ::ffff:7f00:1", (OPEN,), "403",
        origins.other_names_of_loopback, cheap=True,
    ),
    Attack("2", "a form with the session's cookie from another port", (KEYED,), "403", origins.with_a_login),
    Attack("2", "a form with Sec-Fetch-Site", BOTH_OPEN, "403", origins.marked_cross_site, cheap=True),
    Attack("2", "a form from the page, and from curl", ALL, "200", origins.own_origin, cheap=True),
    Attack("3", "addresses for Gradio to fetch", (OPEN,), "404, 0 connections", routes.web_addresses, cheap=True),
    Attack(
        "3", "an event whose file is an address", (OPEN,), "403, 0 connections",
        routes.addresses_in_events, cheap=True,
    ),
    Attack("3", "tools of Gradio's developers", (OPEN,), "404", routes.tools_of_developers, cheap=True),
    Attack(
        "4", "6 uploads of 3 MB that break off, one that is too large", (OPEN,), "0 MB left",
        resources.broken_uploads,
    ),
    Attack("5", "events of 200 kB and of 3.9 MB", (OPEN,), "413", resources.large_events, cheap=True),
    Attack("5", "250 events that nobody reads", (OPEN,), "429 or 503 before the end", resources.unread_events),
    Attack(
        "6", "210 silent connections where 200 fit", (OPEN,), "200 for others, all closed after 15 s",
        resources.silent_connections,
    ),
    Attack("7", "a recording for segments", (OPEN,), "no file of onnxruntime's", content.telemetry, cheap=True),
    Attack(
        "8", "control characters at the end of the upload's path", (OPEN,), "400 or 404",
        routes.control_characters, cheap=True,
    ),
    Attack("8", "Content-Length: 1 beside chunks", (OPEN,), "400", routes.two_lengths, cheap=True),
    Attack("9", "8 guesses, each with another X-Forwarded-For", (KEYED,), "429", logins.forwarded_addresses),
    Attack(
        "10", "64 events of one caller, then one of another", (OPEN,), "a place for the second",
        resources.one_fills_the_line,
    ),
    Attack("11", "24 guesses at one account from 24 addresses", (KEYED,), "429", logins.one_account_from_many),
    Attack("11", "8 guesses with another account's success between", (KEYED,), "429", logins.success_between),
    Attack("12", "numbers out of range", (OPEN,), "422", content.numbers, cheap=True),
    Attack("12", "a file while it is deleted, 15 times", (OPEN,), "200 or 404", content.read_while_deleted),
    Attack("13", "a checkpoint that changes torch's functions", (NONE,), "as before", content.poisoned_checkpoint),
    Attack("14", "the button that fetches 1.95 GB", (NETWORK,), "refused, no download", routes.downloads_by_anybody),
    Attack(
        "14", "the headers of answers", ALL, "nosniff, a policy, frame-ancestors",
        routes.headers_of_answers, cheap=True,
    ),
    Attack(
        "15", "200 s of silence in FLAC twice, 300 s an hour allowed", (KEYED,), "429, Retry-After",
        resources.long_and_small,
    ),
    Attack("earlier", "27 addresses without a key", (KEYED,), "401", logins.no_key),
    Attack("earlier", "what is nearly a key", (KEYED,), "401", logins.wrong_keys),
    Attack("earlier", "paths of the machine", (OPEN,), "4xx", content.paths, cheap=True),
    Attack("earlier", "audio_url to loopback in 7 ways", (OPEN,), "403, 0 connections", content.audio_urls, cheap=True),
    Attack("earlier", "requests that two readers cut differently", (OPEN,), "one answer", routes.smuggling, cheap=True),
    Attack("earlier", "bombs: zip, gzip, WAV headers, nested JSON", (OPEN,), "413 or 422", content.bombs, cheap=True),
    Attack(
        "earlier", "HTML and SVG as uploads, HTML as a name", (OPEN,), "not shown as a page",
        routes.stored_pages, cheap=True,
    ),
    Attack("earlier", "a checkpoint that names a program to run", (NONE,), "as before", content.code_in_a_checkpoint),
)  # fmt: skip
AFTERWARDS: Final = Attack("all", "after all of this", ALL, "it runs, 0 tracebacks", resources.afterwards)


def run_attacks(attacks: Sequence[Attack], folder: Path) -> Iterator[tuple[Attack, Server, AttackResult]]:
    """Runs attacks on servers that are started for them, and then looks how these are."""
    wanted = [server for server in ALL if any(server in attack.servers for attack in attacks)]
    with targets(folder, wanted) as running:
        for attack in (*attacks, AFTERWARDS):
            for server in attack.servers:
                if server in running or server is NONE:
                    yield attack, server, attempt(attack, running.get(server))


def attempt(attack: Attack, target: Target | None) -> AttackResult:
    """Runs one attack; an answer that it can't make sense of is no answer that held."""
    try:
        return attack.run(target)  # type: ignore[arg-type]
    except Exception as err:  # noqa: BLE001 - the other attacks still run
        return AttackResult(False, f"{type(err).__name__}: {err}"[:200])


def main(arguments: Sequence[str]) -> int:
    """Attacks, prints the table, and returns 1 if an attack did not hold."""
    parser = argparse.ArgumentParser(
        prog="bash run.sh bench attack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="an item's number, or a word of what is sent")
    words = parser.parse_args(arguments).words
    attacks = [attack for attack in ATTACKS if not words or any(_matches(attack, word) for word in words)]
    if not attacks:
        parser.error(f"No attack has the item or the word {' or '.join(words)}.")
    begun, holes, number = time.monotonic(), 0, 0
    _row(HEAD)
    _row(("---",) * len(HEAD))
    with tempfile.TemporaryDirectory() as folder:
        for attack, server, found in run_attacks(attacks, Path(folder)):
            number += 1
            holes += not found.held
            outcome = "held" if found.held else "**HOLE**"
            _row((attack.item, attack.name, server.value, attack.expected, found.what, outcome))
    sys.stdout.write(
        f"\n{number} attacks in {time.monotonic() - begun:.0f} s: {number - holes} held, {holes} did not.\n"
    )
    return int(holes > 0)


def _matches(attack: Attack, word: str) -> bool:
    return word == attack.item or (not word.isdigit() and word in attack.name)


def _row(cells: Sequence[str]) -> None:
    sys.stdout.write(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
