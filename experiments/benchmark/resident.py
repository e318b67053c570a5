"""Memory of this process."""

import resource
import sys
from pathlib import Path

from toymodels import files


def resident_peak() -> int:
    """Bytes of this process that were in memory at most. Linux tells it in /proc; its `getrusage` would count the
    parent process as well."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in files.read_text(status).splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
