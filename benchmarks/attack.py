"""Attacks the server, prints for each attack whether the server withstood it, and exits with 1 if it did not.

    bash run.sh bench attack               all attacks
    bash run.sh bench attack [WORD ...]    attacks whose item is a WORD or whose name contains one

The attacks go to real servers on loopback with small limits: one with the default settings, one with keys and logins,
and one that is open on 0.0.0.0. Nothing is sent to another machine, and each attack is bounded; all of them take a
minute or two. The items are those of the table "Hostile input" in docs/RELIABILITY.md; ``earlier`` marks attacks that
the server already refused before the numbered ones were found. The cheap attacks also run in
tests/surfaces/test_attack.py.
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
HEAD: Final = ("item", "attack", "server", "expected", "found", "outcome")


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack.

    Attributes:
        item: number of the item in the table of docs/RELIABILITY.md, or ``earlier``.
        name: short description of what is sent.
        servers: servers to attack.
        expected: expected behaviour of the server.
        run: function that performs the attack.
        cheap: whether the attack only takes a moment and leaves the server unchanged.
    """

    item: str
    name: str
    servers: tuple[Server, ...]
    expected: str
    run: Callable[[Target], AttackResult]
    cheap: bool = False


ATTACKS: Final = (
    Attack("1", "host names that are invalid in a URL", BOTH_OPEN, "400 or 403", origins.unparsable_hosts, cheap=True),
    Attack(
        "1", "foreign host names that DNS may point to this machine", BOTH_OPEN, "400 or 403",
        origins.foreign_hosts, cheap=True,
    ),
    Attack(
        "1", "the hosts 0.0.0.0, :: and IPv4-mapped addresses", (OPEN,), "400 or 403",
        origins.any_address, cheap=True,
    ),
    Attack("1", "two Host headers, none, an empty one", BOTH_OPEN, "400 or 403", origins.several_hosts, cheap=True),
    Attack("1", "the server's own host names", BOTH_OPEN, "200", origins.own_hosts, cheap=True),
    Attack("2", "a form from another origin", BOTH_OPEN, "403", origins.foreign_origins, cheap=True),
    Attack(
        "2", "a form through 0.0.0.0 and ::ffff:7f00:1", (OPEN,), "403",
        origins.other_names_of_loopback, cheap=True,
    ),
    Attack("2", "a form from another port, with the session's cookie", (KEYED,), "403", origins.with_a_login),
    Attack("2", "a form with Sec-Fetch-Site", BOTH_OPEN, "403", origins.marked_cross_site, cheap=True),
    Attack("2", "a form from the page itself, and from curl", ALL, "200", origins.own_origin, cheap=True),
    Attack("3", "URLs for Gradio to fetch", (OPEN,), "404, 0 connections", routes.urls_to_fetch, cheap=True),
    Attack(
        "3", "an event whose file is a URL", (OPEN,), "403, 0 connections",
        routes.urls_in_events, cheap=True,
    ),
    Attack("3", "Gradio's developer tools", (OPEN,), "404", routes.developer_tools, cheap=True),
    Attack(
        "4", "6 uploads of 3 MB that are aborted, one that is too large", (OPEN,), "0 MB left",
        resources.aborted_uploads,
    ),
    Attack("5", "events of 200 kB and of 3.9 MB", (OPEN,), "413", resources.large_events, cheap=True),
    Attack("5", "250 events whose responses are not read", (OPEN,), "429 or 503", resources.unread_events),
    Attack(
        "6", "210 idle connections where 200 are allowed", (OPEN,), "200 for other callers, all closed after 15 s",
        resources.idle_connections,
    ),
    Attack("7", "a recording for segments", (OPEN,), "no files left by onnxruntime", content.telemetry, cheap=True),
    Attack(
        "8", "control characters at the end of the upload route", (OPEN,), "400 or 404",
        routes.control_characters, cheap=True,
    ),
    Attack("8", "Content-Length: 1 with a chunked body", (OPEN,), "400", routes.two_lengths, cheap=True),
    Attack("9", "8 password guesses, each with another X-Forwarded-For", (KEYED,), "429", logins.forwarded_addresses),
    Attack(
        "10", "64 events of one caller, then one of another caller", (OPEN,), "the second is accepted",
        resources.full_queue,
    ),
    Attack("11", "24 guesses for one account from 24 addresses", (KEYED,), "429", logins.one_account_from_many),
    Attack("11", "8 guesses with a login to another account in between", (KEYED,), "429", logins.login_in_between),
    Attack("12", "numbers out of range", (OPEN,), "422", content.numbers, cheap=True),
    Attack("12", "reading a file while it is deleted, 15 times", (OPEN,), "200 or 404", content.read_while_deleted),
    Attack("13", "a checkpoint that modifies functions of torch", (NONE,), "unchanged", content.poisoned_checkpoint),
    Attack("14", "the button that downloads 1.95 GB", (NETWORK,), "refused, no download", routes.download_button),
    Attack(
        "14", "the headers of responses", ALL, "nosniff, a policy, frame-ancestors",
        routes.response_headers, cheap=True,
    ),
    Attack(
        "15", "200 s of silence in FLAC twice, where 300 s an hour are allowed", (KEYED,), "429, Retry-After",
        resources.long_audio_in_small_files,
    ),
    Attack("earlier", "27 routes without a key", (KEYED,), "401", logins.no_key),
    Attack("earlier", "strings similar to a key", (KEYED,), "401", logins.wrong_keys),
    Attack("earlier", "paths of files on the machine", (OPEN,), "4xx", content.paths, cheap=True),
    Attack("earlier", "audio_url to loopback in 7 ways", (OPEN,), "403, 0 connections", content.audio_urls, cheap=True),
    Attack("earlier", "request smuggling", (OPEN,), "one response", routes.smuggling, cheap=True),
    Attack("earlier", "bombs: zip, gzip, WAV headers, nested JSON", (OPEN,), "413 or 422", content.bombs, cheap=True),
    Attack(
        "earlier", "HTML and SVG as uploads, HTML in a file name", (OPEN,), "not rendered as a page",
        routes.stored_pages, cheap=True,
    ),
    Attack("earlier", "a checkpoint that runs a command", (NONE,), "not run", content.code_in_a_checkpoint),
)  # fmt: skip
AFTERWARDS: Final = Attack("all", "state after all attacks", ALL, "running, 0 tracebacks", resources.state_afterwards)


def run_attacks(attacks: Sequence[Attack], folder: Path) -> Iterator[tuple[Attack, Server, AttackResult]]:
    """Starts the servers, runs the attacks on them, and finally checks the state of the servers."""
    wanted = [server for server in ALL if any(server in attack.servers for attack in attacks)]
    with targets(folder, wanted) as running:
        for attack in (*attacks, AFTERWARDS):
            for server in attack.servers:
                if server in running or server is NONE:
                    yield attack, server, attempt(attack, running.get(server))


def attempt(attack: Attack, target: Target | None) -> AttackResult:
    """Runs one attack; an exception, such as from an unexpected response, counts as a successful attack."""
    try:
        return attack.run(target)  # type: ignore[arg-type]
    except Exception as err:  # noqa: BLE001 - the other attacks still run
        return AttackResult(False, f"{type(err).__name__}: {err}"[:200])


def main(arguments: Sequence[str]) -> int:
    """Parses the command line, runs the attacks and prints the table; returns 1 if an attack succeeded."""
    parser = argparse.ArgumentParser(
        prog="bash run.sh bench attack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="number of an item, or part of the name of an attack")
    words = parser.parse_args(arguments).words
    attacks = [attack for attack in ATTACKS if not words or any(_matches(attack, word) for word in words)]
    if not attacks:
        parser.error(f"There is no attack with the item or name {' or '.join(words)}.")
    begun, failures, number = time.monotonic(), 0, 0
    _row(HEAD)
    _row(("---",) * len(HEAD))
    with tempfile.TemporaryDirectory() as folder:
        for attack, server, found in run_attacks(attacks, Path(folder)):
            number += 1
            failures += not found.withstood
            outcome = "withstood" if found.withstood else "**SUCCEEDED**"
            _row((attack.item, attack.name, server.value, attack.expected, found.behaviour, outcome))
    took_s = time.monotonic() - begun
    sys.stdout.write(f"\n{number} attacks in {took_s:.0f} s: {number - failures} withstood, {failures} succeeded.\n")
    return int(failures > 0)


def _matches(attack: Attack, word: str) -> bool:
    return word == attack.item or (not word.isdigit() and word in attack.name)


def _row(cells: Sequence[str]) -> None:
    sys.stdout.write(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
