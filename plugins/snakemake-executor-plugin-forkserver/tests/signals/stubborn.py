"""Ignore the signals that can be ignored."""

import signal
import time
from pathlib import Path

signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path("started-stubborn").touch()
time.sleep(300)
