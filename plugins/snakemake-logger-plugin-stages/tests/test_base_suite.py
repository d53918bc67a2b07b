"""The interface's own tests of a logger plugin."""

from snakemake_interface_logger_plugins.tests import TestLogHandlerBase

from snakemake_logger_plugin_stages import LogHandler


class TestStages(TestLogHandlerBase):
    __test__ = True

    def get_log_handler_cls(self) -> type[LogHandler]:
        return LogHandler

    def get_log_handler_settings(self) -> None:
        return None
