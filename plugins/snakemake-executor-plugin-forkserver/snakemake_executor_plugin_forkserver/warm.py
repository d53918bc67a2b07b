"""What the fork server does once, so that each child has less to do."""

import atexit
import ctypes
import gc
import importlib
import logging
import shutil
import sys
import typing
import weakref
from pathlib import Path

from threadpoolctl import ThreadpoolController

MADV_HUGEPAGE, MADV_COLLAPSE, HUGE = 14, 25, 2 << 20  # from linux/mman.h; bytes of a huge page


def preload(modules: list[str]):
    """Import what scripts will import; return the handle on their thread pools, if any."""
    # What Snakemake's preamble of a script imports.
    for name in ["snakemake.iocontainers", "snakemake.logging", *modules]:
        try:
            importlib.import_module(name)
        except Exception as error:
            print(f"forkserver: cannot preload {name}: {error!r}", file=sys.stderr)
    return ThreadpoolController() if modules else None


def leave_imports_alone() -> None:
    """Spare the children work on what was imported here: with torch._dynamo, 60 ms per job."""
    # At exit torch._dynamo imports tabulate, makes a table of compile times and throws it away,
    # unless its log is on: 20 ms. What nanobind (triton) has registered empties typing's caches,
    # which copies their memory if they are not empty: 6 ms.
    if dynamo := sys.modules.get("torch._dynamo.utils"):
        table = getattr(dynamo, "dump_compile_times", None)
        if table and not dynamo.log.isEnabledFor(logging.INFO):
            atexit.unregister(table)
    for empty in getattr(typing, "_cleanups", []):
        empty()
    # A child's garbage collector would touch, and so copy, all memory.
    gc.collect()
    gc.freeze()
    # Children need not undo what imported modules have registered to be undone at exit (torch: 149
    # operator libraries).
    for finalizer in weakref.finalize._registry:
        finalizer.atexit = False
    # Where no folder is writable that it might use, matplotlib makes one for the process, which the
    # first child to end would delete.
    atexit.unregister(shutil.rmtree)


def use_huge_pages(libc: ctypes.CDLL) -> None:
    """Put the memory in 2 MiB pages: takes half a second once, saves 10 ms per job with torch.

    A fork copies the page tables and an exiting child frees them; these are 512 times smaller.
    """
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, access, _, _, inode, *name = line.split()
        if access == "rw-p" and inode == "0" and name in ([], ["[heap]"]):
            start, stop = (int(address, 16) for address in addresses.split("-"))
            start, stop = -(-start // HUGE) * HUGE, stop // HUGE * HUGE
            for advice in (MADV_HUGEPAGE, MADV_COLLAPSE) if start < stop else ():
                # If the kernel cannot do it, the small pages stay.
                libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), advice)
