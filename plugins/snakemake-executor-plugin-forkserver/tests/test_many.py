"""Among many short jobs no exit code is lost or given to another job."""

import re

import pytest


@pytest.mark.full
def test_exit_codes(workflow):
    result = workflow.run("all", "--keep-going", "--cores", "8")
    assert result.returncode == 1
    failed = [i for i in range(200) if i % 7 == 0]
    codes = [int(code) for code in re.findall(r"ended with exit code (\d+)", result.stderr)]
    assert sorted(codes) == sorted(i % 100 + 1 for i in failed)
    for i in range(200):
        if i in failed:
            assert not workflow.has(f"out/{i}.txt")
        else:
            assert workflow.read(f"out/{i}.txt") == str(i)
