"""The tests that Snakemake has for every scheduler plugin."""

from snakemake_interface_scheduler_plugins.tests import TestSchedulerBase

from snakemake_scheduler_plugin_depth_first import Scheduler


class TestScheduler(TestSchedulerBase):
    __test__ = True

    def get_scheduler_cls(self):
        return Scheduler

    def get_scheduler_settings(self):
        return None
