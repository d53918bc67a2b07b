"""Snakemake logger plugin: a progress display for runs of thousands of short jobs.

See README.md in the folder above.
"""

import sys
from logging import LogRecord

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase

from .display import Display


class LogHandler(LogHandlerBase):
    """Passes log records on to the display, or to Snakemake's own for who asks for details."""

    def __post_init__(self) -> None:
        own = self.common_settings
        stream = sys.stdout if own.stdout else sys.stderr
        self.inner: Display | ColorizingTextHandler
        if own.verbose or own.printshellcmds or own.debug_dag:
            self.inner = ColorizingTextHandler(
                nocolor=own.nocolor,
                stream=stream,
                formatter=DefaultFormatter(own.quiet, own.show_failed_logs),
                filter=DefaultFilter(
                    own.quiet, own.debug_dag, own.verbose, own.dryrun, own.printshellcmds
                ),
            )
        else:
            self.inner = Display(stream, own, self.lock)

    def emit(self, record: LogRecord) -> None:
        try:
            self.inner.handle(record)
        except Exception:  # an error here must not end the thread that passes records on
            self.handleError(record)

    def close(self) -> None:
        """Print the summary; Snakemake calls this at the end, also after Ctrl-C."""
        self.inner.close()
        super().close()

    writes_to_stream = True
    writes_to_file = False
    has_filter = True  # Snakemake's own would drop records that are counted here
    has_formatter = True
    needs_rulegraph = False
