"""A sweep that is killed three times has, once resumed, the leaderboard of one that was not."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from motiongen.cli import main
from motiongen.sweeping.reading import read_sweep
from motiongen.sweeping.study import COMPLETE, Book

LEADERBOARD = ("leaderboard.json", "leaderboard.md", "leaderboard.html")
CLUSTER = """
import os, sys
from motiongen.cli import main
from ray.cluster_utils import Cluster

if __name__ == "__main__":
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 10**8}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.add_node(num_cpus=1, object_store_memory=10**8)
    code = main([*sys.argv[1:], "--on", "ray", "--address", cluster.address])
    cluster.shutdown()
    sys.exit(code)
"""


def command(*words):
    return [sys.executable, "-m", "motiongen.cli", "sweep", *map(str, words)]


def start(said, *words):
    """A sweep that says what it has to say in a file."""
    with open(said, "wb") as file:
        # a session of its own: what is killed is this sweep, and nothing of the tests
        return subprocess.Popen(
            command(*words), start_new_session=True, stdout=file, stderr=subprocess.STDOUT
        )


#: seconds of a sweep, on a machine that does much else as well
PATIENCE = 1200


def finish(*words, timeout=PATIENCE):
    ended = subprocess.run(
        command(*words), capture_output=True, text=True, timeout=timeout, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


def results(out):
    return {path.name: path.stat().st_mtime_ns for path in (out / "results").glob("*.json")}


def wait_for(process, out, count):
    end = time.monotonic() + 120
    while process.poll() is None and len(results(out)) < count and time.monotonic() < end:
        time.sleep(0.02)
    assert process.poll() is None, "it ended before it could be killed"


def children(pid):
    """Processes that a process has started, and those that they have."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if parent == pid:
                found += [int(folder.name), *children(int(folder.name))]
    return found


def kill_all(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def kill_the_parent(process):
    """Its workers notice, save what they do, and end."""
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def whole(store, tmp_path_factory):
    """The file, and the folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    small = {
        "fit": {
            "data": {"store": str(store), "frames": 16, "batch_size": 4, "epoch_steps": 3},
            "data.validation": 0.4,
            "trainer.max_steps": 12,
            "model.encoder.width": 8,
            "model.encoder.layers": 1,
        },
        "grid": {
            "model": ["VAE", "FlowMatching"],
            "model.encoder": ["CNN", "RNN"],
            "seed": [0, 1],
        },
        "score": {
            **{"sampling_seeds": [1, 2], "extractor_steps": 5, "k": 1, "draws": 2},
            "metrics": ["fid", "coverage", "accuracy", "jitter"],
        },
    }
    file = folder / "small.yaml"
    file.write_text(json.dumps(small))
    finish("-c", file, "--out", folder / "out")
    return file, folder / "out"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_three_times_it_ends_as_if_nothing_had_happened(whole, tmp_path, workers):
    file, expected = whole
    out, rng, kept = tmp_path / "out", random.Random(workers), {}
    for number, kill in enumerate([kill_all, kill_the_parent, kill_all]):
        process = start(tmp_path / "said", "-c", file, "--out", out, "--workers", workers)
        wait_for(process, out, 2 * number + 1)
        time.sleep(rng.uniform(0, 2))
        started = children(process.pid)
        kill(process)
        assert len(results(out)) < 8
        kept |= results(out)
        if kill is kill_the_parent:
            end = time.monotonic() + 60
            while any(Path(f"/proc/{pid}").exists() for pid in started):
                assert time.monotonic() < end, "a worker outlives its sweep"
                time.sleep(0.1)
            kept |= results(out)
    ended = finish("-c", file, "--out", out, "--workers", workers)
    assert "8 results" in ended.stdout
    for name in LEADERBOARD:
        assert (out / name).read_bytes() == (expected / name).read_bytes(), name
    # no finished trial was lost or done again, and none is left running
    assert kept.items() <= results(out).items()
    assert {o.state for o in Book(read_sweep(file), out).outcomes()} == {COMPLETE}
    parts = [path for path in out.rglob("*") if path.name.endswith(".part")]
    assert parts == []


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced(whole, tmp_path):
    file, expected = whole
    out = tmp_path / "out"
    process = start(tmp_path / "said", "-c", file, "--out", out, "--workers", "2")
    wait_for(process, out, 1)
    workers = [
        int(found[1])
        for path in (out / "trials").glob("*/lease")
        if (found := re.search(r'"pid": (\d+)', path.read_text()))
    ]
    living = [pid for pid in set(workers) if pid in children(process.pid)]
    os.kill(living[0], signal.SIGKILL)
    process.wait(300)
    assert process.returncode == 0, (tmp_path / "said").read_text()
    for name in LEADERBOARD:
        assert (out / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.slow
def test_two_nodes_of_ray_give_the_same_leaderboard(whole, tmp_path):
    file, expected = whole
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    words = [sys.executable, script, "sweep", "-c", file, "--out", tmp_path / "out"]
    ended = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for name in LEADERBOARD:
        assert (tmp_path / "out" / name).read_bytes() == (expected / name).read_bytes(), name
    hosts = json.loads((tmp_path / "out" / "times.json").read_text())["trials"]
    assert len(hosts) == 8 and not (tmp_path / "out" / "ray").exists()


@pytest.mark.slow
def test_a_signal_ends_it_in_order(whole, tmp_path):
    file, _ = whole
    process = start(
        tmp_path / "said", "-c", file, "--out", tmp_path / "out", "--trainer.max_steps", "100000"
    )
    log = tmp_path / "out" / "trials"
    end = time.monotonic() + 60
    while not [*log.glob("*/run/last.ckpt")] and time.monotonic() < end:
        time.sleep(0.05)
    process.terminate()
    process.wait(60)
    said = (tmp_path / "said").read_text()
    assert process.returncode == 143, said
    assert "interrupted; start again" in said
    assert "not done yet" in (tmp_path / "out" / "leaderboard.md").read_text()


@pytest.mark.slow
def test_a_second_sweep_in_the_same_folder_is_refused(whole, tmp_path, capsys):
    file, _ = whole
    process = start(tmp_path / "said", "-c", file, "--out", tmp_path / "out")
    try:
        wait_for(process, tmp_path / "out", 1)
        capsys.readouterr()
        assert main(["sweep", "-c", str(file), "--out", str(tmp_path / "out")]) == 2
        said = capsys.readouterr().err
        assert re.search(rf"a sweep is running there, process {process.pid} on", said)
    finally:
        kill_all(process)
