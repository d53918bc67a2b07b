"""Jobs without a log go on when nobody reads what they print (any more): `snakemake | head`."""

import os
import subprocess
import time

import pytest

WAYS = ["python", "errors", "child", "library", "exit", "shell", "run"]
STREAMS = ("stdout", "stderr")


@pytest.mark.parametrize("piped", [("stdout", "stderr"), ("stdout",), ("stderr",)])
def test_a_reader_that_leaves_fails_no_job(workflow, piped):
    reader, writer = os.pipe()
    streams = {name: writer if name in piped else subprocess.DEVNULL for name in STREAMS}
    command = workflow.command("--cores", "8", "--keep-going")
    process = subprocess.Popen(command, cwd=workflow.folder, **streams)
    os.close(writer)
    try:
        while not all(workflow.has(f"started.{way}") for way in WAYS):
            assert process.poll() is None
            time.sleep(0.1)
        os.close(reader)
        (workflow.folder / "gone").touch()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
    assert all(workflow.has(f"out/{way}.txt") for way in WAYS)


def test_a_reader_that_stays_gets_everything_in_its_order(workflow):
    (workflow.folder / "gone").touch()
    command = workflow.command("--cores", "1", "out/child.txt", "out/shell.txt")
    run = subprocess.run(
        command, cwd=workflow.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert run.returncode == 0, run.stdout
    numbers = [int(line) for line in run.stdout.splitlines() if line.isdecimal()]
    assert numbers == [*range(1, 20001)] * 4
