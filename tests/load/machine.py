"""What processes and the machine used, read from /proc."""

import os
import struct
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def process_cpu(pid):
    """Seconds of CPU of a process, without its children."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICK


def family_cpu(pid):
    """Seconds of CPU of a process, of its children, and of those that have ended."""
    fields = _stat(pid)
    ticks = sum(int(field) for field in fields[11:15])
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            child = _stat(name)
        except OSError:
            continue  # It has just ended.
        if child[1] == str(pid):
            ticks += int(child[11]) + int(child[12])
    return ticks / TICK


def machine_cpu():
    """Seconds of CPU that all of the machine has spent on work."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:]]
    user, nice, system, _, _, irq, softirq = fields[:7]
    return (user + nice + system + irq + softirq) / TICK


def cpu_name():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return f"{len(names)} × {names[0]}" if names else "unknown"


def on_disk(folder):
    """Whether a folder lies on a file system that a power failure does not empty."""
    folder = os.path.realpath(folder)
    best, kind = "", ""
    with open("/proc/mounts", encoding="utf-8") as file:
        for line in file:
            _, mount, this_kind = line.split()[:3]
            inside = folder == mount or folder.startswith(mount.rstrip("/") + "/")
            if inside and len(mount) >= len(best):
                best, kind = mount, this_kind
    return kind not in ("tmpfs", "ramfs")


class WalCounter:
    """Counts the bytes that go into a SQLite write-ahead log.

    The log is written over from its beginning once it has been copied into the database, so its size
    says nothing. The header of its index counts its frames; a new salt says that it began anew. What
    was written between the last look and a new beginning is missed.
    """

    HEADER = struct.Struct("=14xHI12xI")  # Page size, frames, …, the salt that a beginning changes.

    def __init__(self, database, interval=0.01):
        self.path = database + "-shm"
        self.interval = interval
        self.total = 0
        self.last = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def look(self):
        try:
            with open(self.path, "rb") as file:
                header = file.read(self.HEADER.size)
        except OSError:
            return
        if len(header) < self.HEADER.size:
            return
        page, frames, salt = self.HEADER.unpack(header)
        page = 65536 if page == 1 else page
        if self.last is not None:
            last_frames, last_salt = self.last
            written = frames - last_frames if salt == last_salt else frames
            self.total += max(0, written) * (page + 24)
        self.last = (frames, salt)

    def _run(self):
        while not self.stopping.wait(self.interval):
            self.look()

    def start(self):
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.thread.join()


class Usage:
    """What named processes, and the rest of the machine, used since it was made.

    `processes` is a map of names to functions that give seconds of CPU.
    """

    def __init__(self, processes):
        self.processes = processes
        self.before = {name: cpu() for name, cpu in processes.items()}
        self.machine = machine_cpu()
        self.began = time.monotonic()

    def end(self, **known):
        """CPU seconds by name; `known` are those of processes that have ended and told theirs."""
        used = {name: cpu() - self.before[name] for name, cpu in self.processes.items()}
        used.update(known)
        seconds = time.monotonic() - self.began
        others = max(0.0, machine_cpu() - self.machine - sum(used.values()))
        return used, others / (seconds * os.cpu_count()) if seconds > 0 else 0.0
