"""Snakemake's own tests of an executor plugin."""

import signal

import pytest
from snakemake.common.tests import TestWorkflowsLocalStorageBase

from snakemake_executor_plugin_forkserver import ExecutorSettings


@pytest.fixture(autouse=True)
def signals():
    """Put back what a run in this process has changed."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:pulp")  # of Snakemake's own scheduler
class TestForkServer(TestWorkflowsLocalStorageBase):
    __test__ = True

    def get_executor(self) -> str:
        return "forkserver"

    def get_executor_settings(self) -> ExecutorSettings:
        return ExecutorSettings()
