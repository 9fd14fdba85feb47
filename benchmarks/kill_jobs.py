"""Kills a process that runs a job and writes results, 200 times: ``python -m benchmarks.kill_jobs``.

Each time, a process opens the same job file and outputs folder and resumes the job. Meanwhile it recognizes other
recordings and writes their run folders, as for interactive requests. After a random time it is killed with SIGKILL.
Then the job file must be intact, no finished result may have changed, and every visible run folder must be complete.
At the end, the job must finish with the right results.
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
LONGEST_S: Final = 1.5  # longest time from the start of the job to the kill
TIMEOUT_S: Final = 120.0
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
print("started", flush=True)
while not runner.wait("job", 1.0).ended:
    pass
print("finished", flush=True)
threading.Event().wait() if kills else runner.stop()
"""


def finished_results(folder: Path) -> dict[int, str]:
    """Returns the finished results; fails if the file is damaged or an item is in an unknown state."""
    with sqlite3.connect(f"file:{folder / 'jobs.sqlite'}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute("SELECT number, state, outcome FROM items ORDER BY number").fetchall()
    assert {state for _number, state, _outcome in rows} <= {"waiting", "running", "done"}
    assert all((outcome is not None) == (state == "done") for _number, state, outcome in rows)
    return {number: outcome for number, state, outcome in rows if state == "done"}


def check_outputs(folder: Path) -> int:
    """Returns the number of run folders; fails if one is incomplete."""
    runs = [path for path in (folder / "outputs").iterdir() if not path.name.startswith(".")]
    for run in runs:
        document = json.loads((run / "result.json").read_text("utf-8"))
        frames = soundfile.info(run / "processed_audio.wav").frames
        assert frames == soundfile.info(EXAMPLE).frames, run
        assert set(document["scores"]), run
    return len(runs)


def run_worker(folder: Path, items: int, *, wait_s: float | None) -> None:
    """Runs the worker until it is killed after ``wait_s`` seconds, or, with None, until the job has finished."""
    kind = "kills" if wait_s is not None else "end"
    command = [sys.executable, "-c", WORKER, str(folder), str(EXAMPLE), str(items), kind]
    process = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    if wait_s is None:
        assert process.stdout.readline() == "finished\n"
        process.wait(TIMEOUT_S)
    else:
        time.sleep(wait_s)
        process.send_signal(signal.SIGKILL)
        process.wait(TIMEOUT_S)
    process.stdout.close()


def main() -> None:
    """Parses the command line, runs and kills the worker, and prints a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--items", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder, previous, runs, progressed = Path(name), {}, 0, 0
        for _kill in range(given.kills):
            run_worker(folder, given.items, wait_s=rng.uniform(0.0, LONGEST_S))
            finished = finished_results(folder)
            assert {number: finished.get(number) for number in previous} == previous, "a finished result changed"
            progressed += len(finished) > len(previous)
            previous, runs = finished, check_outputs(folder)
        drafts = len([path for path in (folder / "outputs").iterdir() if path.name.startswith(".draft")])
        run_worker(folder, given.items, wait_s=None)
        last = finished_results(folder)
        assert {number: last[number] for number in previous} == previous
        scores = {json.dumps(json.loads(outcome)["scores"]) for outcome in last.values()}
        assert (len(last), len(scores)) == (given.items, 1), "a result is missing or wrong"
    sys.stdout.write(
        f"{given.kills} kills, {progressed} of them with new results since the previous kill. {len(previous)} results "
        f"before the last start, none changed; {runs} run folders, all complete; {drafts} hidden drafts left, which a "
        f"server deletes; the job then finished with all {given.items} results, all identical.\n"
    )


if __name__ == "__main__":
    main()
