"""One Orch at work: a control plane, perhaps workers, and a generator that starts executions."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import time

from harness import Process, free_ports, http_status, wait_for
from machine import Usage, process_cpu
from stores import spare_environment

NAMESPACE = "bench"
WORKERS = 2
SLOTS = 2000

# A task that does nothing: within the engine, or on a worker. The second of two reads the first one's
# output.
TASKS = {
    "inline": ("output.OutputValues", "    values: {{value: {value}}}\n", "values.value"),
    "remote": ("bench.Noop", "    value: {value}\n", "value"),
}


def flow_text(flow, place, task_count):
    task_type, properties, output = TASKS[place]
    text = f"id: {flow}\nnamespace: {NAMESPACE}\ntasks:\n"
    for i in range(task_count):
        value = "1" if i == 0 else f'"{{{{ outputs.t{i - 1}.{output} }}}}"'
        text += f"  - id: t{i}\n    type: {task_type}\n" + properties.format(value=value)
    return text


class Started:
    """What the generator noted of one start."""

    __slots__ = ("due", "sent", "answered", "status", "execution")

    def __init__(self, line):
        due, sent, answered, status, self.execution = line.split()
        self.due, self.sent, self.answered, self.status = map(int, (due, sent, answered, status))


class Plant:
    """Begins with an empty store. Use it as a context; it ends what it started."""

    def __init__(self, tools, store, root, place):
        self.tools = tools
        self.store = store
        self.place = place
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=root, prefix="plant"))
        self.http, self.grpc, self.management = free_ports(3)
        self.env = {**spare_environment(), "HOME": str(self.folder),
                    "ORCH_SERVER": f"http://127.0.0.1:{self.http}"}
        self.server = None
        self.workers = []
        self.started = 0     # Starts that were answered.
        self.uncertain = 0   # Starts whose answer never came.
        self.task_runs = 0   # Of them all.

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _start(self):
        options = self.store.new(self.folder)
        self.server = Process(
            [self.tools["orch-controlplane"], *options, "--http-port", str(self.http), "--grpc-port",
             str(self.grpc), "--management-port", str(self.management)],
            self.folder / "controlplane.log", self.env)
        wait_for("control plane", self._ready)
        self.store.begin()
        if self.place == "remote":
            for i in range(WORKERS):
                data = self.folder / f"worker{i}"
                self.workers.append(Process(
                    [self.tools["bench-worker"], "--server", f"127.0.0.1:{self.grpc}", "--slots",
                     str(SLOTS), "--data", str(data), "--shim", self.tools["orch-shim"], "--name",
                     f"bench{i}"], self.folder / f"worker{i}.log", self.env))

    def _ready(self):
        if not self.server.alive():
            raise RuntimeError("the control plane ended at once:\n" + self.server.text()[-2000:])
        return http_status(f"http://127.0.0.1:{self.management}/ready") == 200

    def apply(self, flow, task_count):
        done = subprocess.run(
            [self.tools["orch"], "flow", "apply", "-"], input=flow_text(flow, self.place, task_count),
            capture_output=True, text=True, env=self.env, timeout=30)
        if done.returncode != 0:
            raise RuntimeError(f"flow apply: {done.stdout}{done.stderr}")

    def usage(self):
        processes = {"controlplane": lambda: process_cpu(self.server.pid)}
        if self.workers:
            processes["worker"] = lambda: sum(process_cpu(one.pid) for one in self.workers)
        processes.update(self.store.processes())
        return Usage(processes)

    def metric(self, name):
        done = subprocess.run(["curl", "-sf", f"http://127.0.0.1:{self.management}/metrics"],
                              capture_output=True, text=True, timeout=10)
        for line in done.stdout.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise RuntimeError(f"no metric {name}")

    def generate(self, flow, task_count, *options, timeout, beside=()):
        """Starts executions; what was noted of each, and the CPU of the generator.

        `beside` are the options of a second generator that runs at the same time; what it noted comes
        third then.
        """
        generators = [self._generator(flow, "starts", options)]
        if beside:
            generators.append(self._generator(flow, "probes", beside))
        texts = []
        try:
            for generator in generators:
                texts.append(generator.communicate(timeout=timeout)[0])
                if generator.returncode != 0:
                    raise RuntimeError("the generator failed\n" + self.logs())
        finally:
            for generator in generators:
                if generator.poll() is None:
                    generator.kill()
                    generator.wait()
        starts = self._noted("starts", task_count)
        cpu = sum(json.loads(text)["cpu_s"] for text in texts)
        return (starts, cpu, self._noted("probes", task_count)) if beside else (starts, cpu)

    def _generator(self, flow, name, options):
        return subprocess.Popen(
            [self.tools["generator"], "--port", str(self.http), "--namespace", NAMESPACE, "--flow",
             flow, "--file", str(self.folder / name), *map(str, options)], stdout=subprocess.PIPE)

    def _noted(self, name, task_count):
        with open(self.folder / name, encoding="ascii") as lines:
            starts = [Started(line) for line in lines]
        answered = sum(1 for one in starts if one.status == 200)
        self.started += answered
        self.uncertain += sum(1 for one in starts if one.status == 0 and one.sent > 0)
        self.task_runs += answered * task_count
        return starts

    def settle(self, seconds):
        """Waits until nothing is under way any more. Whether that came to be."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.metric("orch_execution_live") == 0 and self.live_count() == 0:
                return True
            time.sleep(0.1)
        return False

    def live_count(self):
        return int(self.store.query("SELECT count(*) FROM head WHERE live")[0][0])

    def check(self, task_count_of_uncertain):
        """Why what the store holds is not what was started; None if it is."""
        heads = {int(state): int(count) for state, count in
                 self.store.query("SELECT state, count(*) FROM head GROUP BY state")}
        runs = {int(state): int(count) for state, count in
                self.store.query("SELECT state, count(*) FROM task_run GROUP BY state")}
        success = 6  # State of orch/v1/common.proto.
        if set(heads) - {success} or set(runs) - {success}:
            return f"not all ended as SUCCESS: executions {heads}, task runs {runs}"
        executions, task_runs = heads.get(success, 0), runs.get(success, 0)
        extra = executions - self.started
        if not 0 <= extra <= self.uncertain:
            return f"{self.started} starts were answered, {executions} executions are stored"
        if task_runs != self.task_runs + extra * task_count_of_uncertain:
            return f"{executions} executions have {task_runs} task runs"
        for table in ("head", "task_run"):
            if int(self.store.query(f"SELECT count(*) FROM {table} WHERE live")[0][0]):
                return f"{table} has rows that are live"
        return None

    def repeated_runs(self):
        """Task runs that took another attempt than their first."""
        return sum(1 for run in self.store.rows("runs", "task_run") if int(run[4]) > 1)

    def logs(self):
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}"
                         for log in sorted(self.folder.glob("*.log")))

    def close(self):
        for process in [*self.workers, self.server]:
            if process is None or not process.alive():
                continue
            try:
                process.terminate(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self.store.forget()
        shutil.rmtree(self.folder, ignore_errors=True)
