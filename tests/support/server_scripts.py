"""Code that runs at the start of a server process; put it before ``PROGRAM``."""

from typing import Final

FOREIGN: Final = "FOREIGN HOST"
# Writes to stderr each other machine that is looked up or connected to; an audit hook covers every Python library.
REPORT_CONNECTIONS: Final = f"""
import sys
def report(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0"):
        sys.stderr.write(f"{FOREIGN} {{host}}" + chr(10))
sys.addaudithook(report)
"""

# Recognition waits while a file ``hold`` is in the working folder.
HOLD_RECOGNITION: Final = """
import time
from pathlib import Path
from webui.service import RecognitionService
original = RecognitionService.recognize
def recognize(*given, **options):
    while Path("hold").exists():
        time.sleep(0.02)
    return original(*given, **options)
RecognitionService.recognize = recognize
"""

# A busy machine may not answer the probe of a hub within the usual 3 s.
PATIENT_WITH_HUBS: Final = """
from webui.engine.hub import hubs
hubs.reachable_hubs.__kwdefaults__["timeout_s"] = 60.0
"""
