"""A network namespace without a connection to the outside that records every name lookup and every packet (Linux).

An audit hook only covers Python; libraries in C can look up names and connect unnoticed. Here the kernel routes every
address to loopback, where the test runs a name server and records the packets with a raw socket.

    run_closed(folder, "module:function")    runs the function in such a namespace and returns what was recorded
"""

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from webui.settings import PROJECT_DIR

ROOT: Final = PROJECT_DIR
LIMIT_S: Final = 500
TRANSPORTS: Final = {6: "tcp", 17: "udp"}
ELSEWHERE: Final = "192.0.2.7"  # the name server's answer for every name; reserved for documentation (RFC 5737)
PRIVATE: Final = ("--net", "--mount")
PRIVATE_AS_USER: Final = ("--user", "--map-root-user", *PRIVATE)
HIDDEN: Final = ("/tmp", "/var/tmp", "/dev/shm", "/run/nscd")  # and the user's home
SET_UP: Final = (
    ("link", "set", "lo", "up"),
    ("route", "add", "local", "0.0.0.0/0", "dev", "lo"),  # every address leads to this machine
)


@dataclass(slots=True)
class Seen:
    """Lookups and packets of the programs.

    Attributes:
        names: names that were looked up.
        addresses: other machines that packets were sent to, as ``tcp 192.0.2.7 port 443``.
    """

    names: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)


def why_not() -> str | None:
    """Returns why such a namespace is not possible here; None if it is."""
    if sys.platform != "linux":
        return "Network namespaces exist only on Linux."
    missing = [program for program in ("unshare", "ip", "mount") if shutil.which(program) is None]
    if missing:
        return f"A network namespace cannot be created without the programs {', '.join(missing)}."
    return (
        None
        if _unshare()
        else "This user may not create a network namespace: neither as root nor with user namespaces."
    )


def run_closed(folder: Path, function: str) -> Seen:
    """Calls ``function(folder)`` in a namespace without a connection to the outside.

    Args:
        folder: receives all files of the function's programs. ``folder/hidden`` receives files for the system's
            temporary folders and the user's home, which appear empty to the programs.
        function: ``module:name``.
    """
    unshare = _unshare()
    assert unshare is not None
    command = [*unshare, sys.executable, "-m", "tests.support.closed_network", str(folder), function]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads((folder / "seen.json").read_text("utf-8"))
    return Seen(set(seen["names"]), set(seen["addresses"]))


def _unshare() -> list[str] | None:
    """Returns a command that creates a namespace, or None if none works."""
    for flags in (PRIVATE, PRIVATE_AS_USER):
        command = ["unshare", *flags]
        script = " && ".join(" ".join(("ip", *words)) for words in SET_UP)
        with tempfile.TemporaryDirectory() as folder:
            script += f" && mount --bind {folder} {folder}"
            if subprocess.run([*command, "sh", "-c", script], capture_output=True, check=False).returncode == 0:
                return command
    return None


def _main(folder: Path, function: str) -> None:
    """Runs in the namespace."""
    for words in SET_UP:
        subprocess.run(("ip", *words), check=True)
    subprocess.run(("ip", "-6", "route", "add", "local", "::/0", "dev", "lo"), check=False)  # IPv6 may be disabled
    _use_own_name_server(folder)
    home = pwd.getpwuid(os.getuid()).pw_dir
    needed = [folder, ROOT, Path(sys.prefix), Path(sys.base_prefix)]
    for place in (*HIDDEN, home, str(Path.home())):
        _hide(Path(place).resolve(), needed, folder / "hidden")
    seen = Seen()
    for watch in (_answer_names, _watch_packets):
        ready = threading.Event()
        threading.Thread(target=watch, args=(seen, ready), daemon=True).start()
        assert ready.wait(10)
    module, _, name = function.partition(":")
    getattr(import_module(module), name)(folder)
    shown = {key: sorted(value) for key, value in asdict(seen).items()}
    (folder / "seen.json").write_text(json.dumps(shown), "utf-8")


def _use_own_name_server(folder: Path) -> None:
    """Makes the test's name server the only one that the system uses."""
    for path, content in (("/etc/resolv.conf", "nameserver 127.0.0.1\n"), ("/etc/nsswitch.conf", "hosts: files dns\n")):
        if Path(path).exists():
            own = folder / Path(path).name
            own.write_text(content)
            subprocess.run(("mount", "--bind", own, Path(path).resolve()), check=True)


def _hide(place: Path, needed: Iterable[Path], hidden: Path) -> None:
    """Mounts an empty folder over ``place``, with the needed folders of the original bound into it."""
    inside = sorted({path.resolve() for path in needed if path.resolve().is_relative_to(place)})
    if not place.is_dir() or place in (Path("/"), *inside):
        return
    empty = hidden / place.relative_to("/")
    empty.mkdir(parents=True, exist_ok=True)
    for path in inside:
        target = empty / path.relative_to(place)
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(("mount", "--bind", path, target), check=True)
    subprocess.run(("mount", "--rbind", empty, place), check=True)


def _answer_names(seen: Seen, ready: threading.Event) -> None:
    """A name server that gives the same answer for every name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        ready.set()
        while True:
            query, client = server.recvfrom(4096)
            name, end = _name_in(query)
            seen.names.add(name)
            answer = b""
            if query[end : end + 2] == b"\0\1":  # only IPv4 addresses are answered
                answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(ELSEWHERE)
            counts = b"\0\1" + (b"\0\1" if answer else b"\0\0") + b"\0\0\0\0"
            server.sendto(query[:2] + b"\x81\x80" + counts + query[12 : end + 4] + answer, client)


def _name_in(query: bytes) -> tuple[str, int]:
    """Returns the name of a DNS question, and where it ends."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
        at += query[at] + 1
    return ".".join(labels), at + 1


def _watch_packets(seen: Seen, ready: threading.Event) -> None:
    """Records the destinations of packets, except loopback."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)) as wire:  # 3: all protocols
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        ready.set()
        while True:
            packet = wire.recv(128)
            version = packet[0] >> 4
            at, transport, ports = (16, packet[9], (packet[0] & 15) * 4) if version == 4 else (24, packet[6], 40)
            address = ip_address(packet[at : at + (4 if version == 4 else 16)])
            if address.is_loopback:
                continue
            port = int.from_bytes(packet[ports + 2 : ports + 4], "big")
            seen.addresses.add(f"{TRANSPORTS.get(transport, transport)} {address} port {port}")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2])
