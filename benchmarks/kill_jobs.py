"""Kills a process that works through a job and writes results, 200 times: ``python -m benchmarks.kill_jobs``.

Each time a process opens the same job file and the same outputs folder, goes on with the job and meanwhile answers and
writes recordings as a visitor's would be; after a random time it gets SIGKILL. Then: the job file is whole, no answer
that was done has changed, every run folder that can be seen is whole. At the end the job is finished, and its answers
are right.
"""

import argparse
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import soundfile

from webui.settings import PROJECT_DIR

EXAMPLE: Final = PROJECT_DIR / "examples" / "example_synthetic.wav"
JOB: Final = "job"
LONGEST_S: Final = 1.5  # from the first answer to the kill
PATIENCE_S: Final = 120.0
WORKER: Final = """
import sys, threading
from pathlib import Path
from webui.service.recognition.options import AnalysisOptions
from webui.service import RecognitionService
from webui.service.jobs.runner import JobRunner
from webui.settings import Settings
from webui.storage.job_store import JobStore
folder, clip, items, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "kills"
service = RecognitionService(Settings(outputs_dir=folder / "outputs", model="builtin"))
runner = JobRunner(service, JobStore(folder / "jobs.sqlite"))
if runner.store.job("job") is None:
    runner.submit([(clip, clip)] * items, AnalysisOptions(), job="job")
service.load()
runner.start()
def write():
    while True:
        service.recognize(Path(clip))
if kills:
    threading.Thread(target=write, daemon=True).start()
record = runner.store.job("job")
print("up", flush=True)
while not runner.wait("job", 1.0).ended:
    pass
print("ended", flush=True)
threading.Event().wait() if kills else runner.stop()
"""


def answers_in(folder: Path) -> dict[int, str]:
    """Returns the answers that are done; fails if the file is damaged or an item is in no known state."""
    with sqlite3.connect(f"file:{folder / 'jobs.sqlite'}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute("SELECT number, state, outcome FROM items ORDER BY number").fetchall()
    assert {state for _number, state, _outcome in rows} <= {"waiting", "running", "done"}
    assert all((outcome is not None) == (state == "done") for _number, state, outcome in rows)
    return {number: outcome for number, state, outcome in rows if state == "done"}


def check_outputs(folder: Path) -> int:
    """Returns how many run folders there are; fails if one is not whole."""
    runs = [path for path in (folder / "outputs").iterdir() if not path.name.startswith(".")]
    for run in runs:
        document = json.loads((run / "result.json").read_text("utf-8"))
        frames = soundfile.info(run / "processed_audio.wav").frames
        assert frames == soundfile.info(EXAMPLE).frames, run
        assert set(document["scores"]), run
    return len(runs)


def work(folder: Path, items: int, *, wait_s: float | None) -> None:
    """Runs the worker until it is killed after ``wait_s`` seconds of work, or until the job has ended."""
    kind = "kills" if wait_s is not None else "end"
    command = [sys.executable, "-c", WORKER, str(folder), str(EXAMPLE), str(items), kind]
    process = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    if wait_s is None:
        assert process.stdout.readline() == "ended\n"
        process.wait(PATIENCE_S)
    else:
        time.sleep(wait_s)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
    process.stdout.close()


def main() -> None:
    """Reads the command line, kills, and says what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--items", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    dice = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder, seen, runs, busy = Path(name), {}, 0, 0
        for _kill in range(given.kills):
            work(folder, given.items, wait_s=dice.uniform(0.0, LONGEST_S))
            found = answers_in(folder)
            assert {number: found.get(number) for number in seen} == seen, "a finished answer changed"
            busy += len(found) > len(seen)
            seen, runs = found, check_outputs(folder)
        drafts = len([path for path in (folder / "outputs").iterdir() if path.name.startswith(".draft")])
        work(folder, given.items, wait_s=None)
        last = answers_in(folder)
        assert {number: last[number] for number in seen} == seen
        scores = {json.dumps(json.loads(outcome)["scores"]) for outcome in last.values()}
        assert (len(last), len(scores)) == (given.items, 1), "an answer is missing or another one"
    sys.stdout.write(
        f"{given.kills} kills, {busy} of them with new answers since the one before: {len(seen)} answers done by then, "
        f"none changed; {runs} run folders, all whole; {drafts} drafts were left hidden, which a server clears away; "
        f"the job then ended with all {given.items} answers, all the same and right.\n"
    )


if __name__ == "__main__":
    main()
