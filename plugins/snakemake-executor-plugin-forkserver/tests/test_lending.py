"""Who gets which GPU, without a workflow: shares, order, and that nobody waits for ever."""

import random
import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest

from snakemake_executor_plugin_forkserver.gpus import VARIABLE, Gpus


@pytest.fixture
def gpus(monkeypatch) -> Gpus:
    monkeypatch.setenv(VARIABLE, "0,1")
    return Gpus()


class Job(threading.Thread):
    """Borrows in a thread of its own, so that it can wait, and gives back when told to."""

    def __init__(self, gpus: Gpus, count: int = 1, share: int = 100) -> None:
        super().__init__(daemon=True)
        self.arguments = (gpus, count, share)
        self.has: str | None = None
        self.came, self.leave = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        gpus, count, share = self.arguments
        with gpus.lent(count, share) as env:
            self.has = env[VARIABLE]
            self.came.set()
            self.leave.wait(30)

    def end(self) -> None:
        self.leave.set()
        self.join(30)


def waits(gpus: Gpus, number: int) -> None:
    """Return when so many jobs are waiting."""
    end = time.monotonic() + 30
    while len(gpus._waiting) != number:
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_emptiest_gpu_is_chosen_and_the_machines_order_decides_a_tie(gpus):
    with ExitStack() as jobs:
        seen = [jobs.enter_context(gpus.lent(1, share))[VARIABLE] for share in (30, 20, 20, 20, 30)]
    # free: 100 100 | 70 100 | 70 80 | 70 60 | 50 60
    assert seen == ["0", "1", "1", "0", "1"]
    with gpus.lent(2) as env:  # all was given back
        assert env[VARIABLE] == "0,1"


def test_a_whole_one_is_not_overtaken_for_ever_and_others_use_the_other_gpu(gpus):
    a, b, c = Job(gpus, 1, 40), Job(gpus, 1, 50), Job(gpus, 1, 20)
    for job in (a, b, c):
        assert job.came.wait(30)
    on = Counter({"0": 0, "1": 0})
    for job, share in ((a, 40), (b, 50), (c, 20)):
        on[job.has] += share
    whole = Job(gpus)
    waits(gpus, 1)
    kept = min(on, key=on.get)
    newcomers = [Job(gpus, 1, 10) for _ in range(3)]
    for job in newcomers:
        assert job.came.wait(30)
        assert job.has != kept
    late = Job(gpus, 1, 90)  # fits on neither: it waits behind the whole one
    waits(gpus, 2)
    for job in (a, b, c):
        if job.has == kept:
            job.end()
    assert whole.came.wait(30)
    assert whole.has == kept
    for job in (a, b, c, *newcomers):
        job.end()
    assert late.came.wait(30)
    assert late.has != kept
    whole.end(), late.end()


def test_a_job_without_a_gpu_gets_none_and_one_of_too_many_gets_all(gpus):
    with gpus.lent(0, 0) as none, gpus.lent(5) as everything:
        assert none == {VARIABLE: ""}
        assert everything == {VARIABLE: "0,1"}


def test_who_waits_is_told_that_the_run_is_cancelled(gpus):
    errors = []

    def wait():
        try:
            with gpus.lent(1):
                pass
        except KeyboardInterrupt as error:
            errors.append(error)

    with gpus.lent(2):
        thread = threading.Thread(target=wait)
        thread.start()
        waits(gpus, 1)
        gpus.close()
        thread.join(30)
    assert len(errors) == 1


@pytest.mark.parametrize("seed", range(5))
def test_shares_on_a_gpu_never_sum_to_more_than_all_of_it(monkeypatch, seed):
    choice = random.Random(seed)
    monkeypatch.setenv(VARIABLE, ",".join("abcd"[: choice.randint(1, 4)]))
    gpus, lock, used = Gpus(), threading.Lock(), Counter()
    fullest: list[int] = []

    def job(count: int, share: int, seconds: float) -> None:
        with gpus.lent(count, share) as env:
            mine = env[VARIABLE].split(",")
            with lock:
                used.update(dict.fromkeys(mine, share))
                fullest.append(max(used.values()))
            time.sleep(seconds)
            with lock:
                used.subtract(dict.fromkeys(mine, share))

    threads = []
    for _ in range(150):
        share = choice.choice([100, choice.randint(1, 100), 25, 10])
        count = choice.randint(1, 5) if share == 100 else 1
        arguments = (count, share, choice.random() / 200)
        threads.append(threading.Thread(target=job, args=arguments, daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "waits for ever"
    assert len(fullest) == 150
    assert max(fullest) <= 100
    assert set(used.values()) == {0}
