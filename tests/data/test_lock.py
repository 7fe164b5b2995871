"""A lock belongs to one holder at a time, and to none that has died."""

import multiprocessing
import os
import signal
import time

import pytest

from motiongen.data.lock import Lock
from motiongen.sweeping.journal import JournalLock

CONTEXT = multiprocessing.get_context("forkserver")


def hold(path, said):
    lease = Lock(path)
    assert lease.take()
    said.set()
    time.sleep(60)


def test_one_at_a_time(tmp_path):
    first, second = Lock(tmp_path / "a" / "lease"), Lock(tmp_path / "a" / "lease")
    assert first.take() and not second.take()
    assert second.holder() == first.holder() and f"process {os.getpid()} on" in first.holder()
    with pytest.raises(ValueError, match=f"in use by process {os.getpid()}"):
        second.wait(0.05)
    first.release()
    with second:
        second.wait(0.0)
        assert not first.take()
    assert first.take()
    first.release()


@pytest.mark.slow
def test_it_ends_with_its_process(tmp_path):
    said = CONTEXT.Event()
    process = CONTEXT.Process(target=hold, args=(tmp_path / "lease", said))
    process.start()
    assert said.wait(60)
    lease = Lock(tmp_path / "lease")
    assert not lease.take()
    assert f"process {process.pid} " in lease.holder()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    lease.wait(1.0)
    lease.release()


def test_a_file_without_words_is_of_another_process(tmp_path):
    (tmp_path / "lease").write_text("{")
    assert Lock(tmp_path / "lease").holder() == "another process"


def test_the_lock_of_the_journal_is_released_once(tmp_path):
    lock = JournalLock(tmp_path / "lock")
    assert lock.acquire()
    lock.release()
    with pytest.raises(RuntimeError, match="not locked"):
        lock.release()
