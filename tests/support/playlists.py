"""Playlists that name other files."""

from pathlib import Path


def playlists(folder: Path) -> dict[str, str]:
    """Returns playlists of each kind by name; they name ``secret.wav`` or ``secret.aac`` in ``folder``."""
    hls = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n{}\n#EXT-X-ENDLIST\n"
    return {
        "ffconcat": f"ffconcat version 1.0\nfile '{folder}/secret.wav'\n",
        "ffconcat beside": "ffconcat version 1.0\nfile secret.wav\n",
        "ffconcat url": f"ffconcat version 1.0\nfile 'file:{folder}/secret.wav'\n",
        "HLS": hls.format(f"{folder}/secret.aac"),
        "HLS beside": hls.format("secret.aac"),
        "M3U": f"{folder}/secret.wav\n",
        "PLS": f"[playlist]\nFile1={folder}/secret.wav\nNumberOfEntries=1\n",
        "ASF reference": f"[Reference]\nRef1=file://{folder}/secret.wav\n",
        "XSPF": f'<?xml version="1.0"?>\n<playlist><location>file://{folder}/secret.wav</location></playlist>',
    }
