"""Remove the lock of a run that was killed, unless it may be alive; for `make run` and `make rank`.

output: .snakemake/locks of the working folder, without the files of dead runs
"""

from basemodel.run.lock import remove_dead

remove_dead()
