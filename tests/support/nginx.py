"""A real nginx with the configuration of ``docs/examples/nginx.conf``: found, or installed where allowed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.support.paths import ROOT
from tests.support.server_process import free_port
from tests.support.waiting import wait_until

EXAMPLE_CONFIG: Final = ROOT / "docs" / "examples" / "nginx.conf"
ON_DEBIAN: Final = "/usr/sbin/nginx"  # not on the PATH of every user
MAIN: Final = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""


def nginx_or_skip() -> str:
    """Returns the path of nginx; skips the test, with instructions, if nginx can be neither found nor installed."""
    found = _found()
    if found is None and os.geteuid() == 0 and (apt := shutil.which("apt-get")):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in ([apt, "-q", "update"], [apt, "-q", "install", "-y", "--no-install-recommends", "nginx"]):
            subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=600
            )
        found = _found()
    if found is None:
        pytest.skip(
            "No nginx is here, and only root on Debian or Ubuntu gets it by itself: `sudo apt-get install nginx`."
        )
    return found


def _found() -> str | None:
    return shutil.which("nginx") or (ON_DEBIAN if Path(ON_DEBIAN).exists() else None)


@contextmanager
def nginx_in_front(folder: Path, server_port: int, *, keeps_prefix: bool = False) -> Iterator[str]:
    """Runs nginx in front of a server on this machine; yields the address of the page, which ends with /emotion."""
    program, port = nginx_or_skip(), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    server = EXAMPLE_CONFIG.read_text("utf-8")
    replaced = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "http://127.0.0.1:7860/;": f"http://127.0.0.1:{server_port}{'' if keeps_prefix else '/'};",
    }
    for before, after in replaced.items():
        assert before in server
        server = server.replace(before, after)
    user = "user root;" if os.geteuid() == 0 else ""  # the folder is readable for its owner only
    config = folder / "nginx.conf"
    config.write_text(MAIN.format(folder=folder, user=user, server=server), "utf-8")
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(port))
        yield f"http://127.0.0.1:{port}/emotion"
    finally:
        process.terminate()
        process.wait(15)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 404
    except httpx.TransportError:
        return False
