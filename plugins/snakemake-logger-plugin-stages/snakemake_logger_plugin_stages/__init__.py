"""A progress display for runs of thousands of short jobs: stages, counts and time left.

`snakemake --logger stages`. On a terminal it shows a live table with one row per stage; elsewhere a
line now and then. It also shows failed jobs with the end of their logs, a summary at the end, and
for a dry run the counts and reasons by stage. Snakemake writes everything in full to
.snakemake/log/ as always. With --verbose, --printshellcmds or --debug-dag the user wants details,
so Snakemake's own output appears instead.

A Snakefile may say where its results go, so that the summary names the place:
`logger.info("Results: out", extra={"results": "out"})`.
"""

import sys
from dataclasses import dataclass, field
from logging import LogRecord

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

from .display import Display


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Command-line options: --logger-stages-interval."""

    interval: int = field(
        default=10,
        metadata={
            "help": "Least number of seconds between two lines of progress where the output "
            "is not a terminal",
            "type": int,
        },
    )


class LogHandler(LogHandlerBase):
    """Passes log records on to the display."""

    def __post_init__(self) -> None:
        common = self.common_settings
        stream = sys.stdout if common.stdout else sys.stderr
        self.inner: Display | ColorizingTextHandler
        if common.verbose or common.printshellcmds or common.debug_dag:
            self.inner = ColorizingTextHandler(
                nocolor=common.nocolor,
                stream=stream,
                formatter=DefaultFormatter(common.quiet, common.show_failed_logs),
                filter=DefaultFilter(
                    common.quiet,
                    common.debug_dag,
                    common.verbose,
                    common.dryrun,
                    common.printshellcmds,
                ),
            )
        else:
            self.inner = Display(stream, common, self.settings, self.lock)

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
