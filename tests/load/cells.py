"""The workloads. Each cell takes floors in the same minute, and counts only if the store agrees."""

import dataclasses
import subprocess
import tempfile
import time

from harness import Process, free_ports, http_status
from plant import Plant
from report import median, quantile
from stores import call_floors, spare_environment


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much of everything."""

    floor_rows: int = 100_000
    floor_commits: int = 300
    machine_count: int = 2_000
    warm_up: int = 1_000
    single_count: int = 1_000      # W1
    chain_count: int = 25          # W2
    chain_tasks: int = 40
    step_seconds: float = 8.0      # W3
    first_share: float = 0.02
    factor: float = 1.5
    step_count_max: int = 12
    rounds: int = 3
    drain_seconds: float = 30.0
    start_count: int = 7


QUICK = Scale(floor_rows=10_000, floor_commits=50, machine_count=200, warm_up=50, single_count=30,
              chain_count=2, step_seconds=1.0, step_count_max=3, rounds=1, start_count=2)

LATENCY_MAX_S = 1.0
UNSTEADY = 1.5
LOWEST = -6  # Number of the lowest step: 0.02 U / 1.5⁶, tried when those above it are too much.
# Starts that wait for the end of their execution, so that a client sees it: few, for each holds a
# connection as long.
PROBES_PER_S = 40
PROBE_CONNECTIONS = 190  # With those of the other generator fewer than the gateway allows.
CLOCK_SLACK_MICROS = 60_000_000  # Between the clocks of the generator and of the store.


class Void(Exception):
    """Nothing of the cell counts."""


class Bench:
    def __init__(self, tools, root, report, scale, deadline, say):
        self.tools, self.root, self.report, self.scale = tools, root, report, scale
        self.deadline, self.say = deadline, say
        self.floors = {}  # Of all minutes, by store.

    def floor(self, store):
        one = store.floor(self.scale.floor_rows, self.scale.floor_commits)
        self.floors.setdefault(store.name, []).append(one)
        return one

    def floor_of(self, store, name):
        return median([one[name] for one in self.floors[store.name]])

    # W0

    def machine(self):
        one = call_floors(self.tools, "machine", "--count", self.scale.machine_count)
        for name in ("ping_pong", "spawn"):
            for share in ("p50", "p99"):
                self.report.add("W0", "none", f"{name}_{share}", one[f"{name}_{share}"], "µs")

    def tell_floors(self, store):
        self.report.add("W0", store.name, "commit_p50", self.floor_of(store, "commit_p50"), "µs")
        self.report.add("W0", store.name, "commit_p99", self.floor_of(store, "commit_p99"), "µs")
        self.report.add("W0", store.name, "upsert_rows_per_s", self.floor_of(store, "rows_per_s"), "/s")

    # W1 and W2: one at a time.

    def closed(self, store, place, flow, task_count, count):
        """Executions one after the other, with their runs; and the commit floor of that minute."""
        before = self.floor(store)
        with Plant(self.tools, store, self.root, place) as plant:
            plant.apply(flow, task_count)
            warm = max(1, self.scale.warm_up // task_count)
            plant.generate(flow, task_count, "--count", warm, "--wait", timeout=120)
            starts, _ = plant.generate(flow, task_count, "--count", count, "--wait", timeout=240)
            if not plant.settle(self.scale.drain_seconds):
                raise Void("executions are still under way\n" + plant.logs())
            bad = [one for one in starts if one.status != 200]
            if bad:
                raise Void(f"{len(bad)} of {count} starts failed, the first with {bad[0].status}\n"
                           + plant.logs())
            if (fault := plant.check(task_count)) is not None:
                raise Void(fault)
            runs = {}
            for run in store.rows("runs", "task_run"):
                runs.setdefault(run[0], {})[int(run[1])] = run
        after = self.floor(store)
        return starts, runs, median([before["commit_p50"], after["commit_p50"]])

    @staticmethod
    def began(run, place):
        """When a run started, in microseconds: on the worker by its own clock."""
        if place == "remote":
            return int(run[7].rpartition('"at":')[2].rstrip("}"))
        return int(run[5])

    def w1(self, store, place):
        starts, runs, commit = self.closed(store, place, f"single_{place}", 1,
                                           self.scale.single_count)
        start = [self.began(runs[one.execution][0], place) - one.due for one in starts]
        done = [one.answered - one.due for one in starts]
        for name, values in (("submit_to_start", start), ("submit_to_done", done)):
            for share in (0.5, 0.99):
                self.report.add("W1", store.name, f"{name}_p{round(share * 100)}_{place}",
                                quantile(values, share), "µs", commit)

    def w2(self, store, place):
        tasks = self.scale.chain_tasks
        starts, runs, commit = self.closed(store, place, f"chain_{place}", tasks,
                                           self.scale.chain_count)
        self.report.add("W2", store.name, f"task_p50_{place}",
                        median([(one.answered - one.due) / tasks for one in starts]), "µs", commit)
        if place == "inline":
            return  # All of the chain is one step of the engine.
        gaps = []
        for one in starts:
            began = [self.began(run, place) for _, run in sorted(runs[one.execution].items())]
            gaps += [after - before for before, after in zip(began, began[1:])]
        for share in (0.5, 0.99):
            self.report.add("W2", store.name, f"task_to_task_p{round(share * 100)}_{place}",
                            quantile(gaps, share), "µs", commit)

    # W3: as much as it bears.

    def step(self, plant, flow, rate):
        """Offers `rate` task runs a second, waits for their ends, and tells what was seen."""
        store, scale = plant.store, self.scale
        wal, rows = store.wal_bytes(), plant.metric("orch_strand_rows_total")
        batches = plant.metric("orch_strand_batches_total")
        usage = plant.usage()
        began = time.monotonic()
        starts, generator_cpu, probes = plant.generate(
            flow, 2, "--rate", rate / 2 - PROBES_PER_S, "--seconds", scale.step_seconds,
            beside=("--rate", PROBES_PER_S, "--seconds", scale.step_seconds, "--connections",
                    PROBE_CONNECTIONS, "--wait"), timeout=scale.step_seconds + 60)
        settled = plant.settle(scale.drain_seconds)
        used, others = usage.end(generator=generator_cpu)
        took = time.monotonic() - began
        if not settled:
            raise Void(f"at {rate:,.0f} task runs/s {plant.live_count()} executions do not end\n"
                       + plant.logs())
        ended = {head[0]: int(head[2])
                 for head in store.rows("heads", "head", starts[0].due - CLOCK_SLACK_MICROS)}
        good = [one for one in starts + probes if one.status == 200]
        refused = len(starts) + len(probes) - len(good)
        missing = sum(1 for one in good if one.execution not in ended)
        if missing:
            raise Void(f"{missing} of {len(good)} executions that were answered are not stored")
        stored = [(ended[one.execution] - one.due) / 1e6 for one in good]
        last = max((ended[one.execution] for one in good), default=starts[-1].due)
        seen = [(one.answered - one.due) / 1e6 for one in probes if one.status == 200]
        p95 = max(quantile(stored, 0.95) or 0, quantile(seen, 0.95) or 0) if good else None
        task_runs = 2 * len(good)
        per_1000 = 1000 / max(1, task_runs)
        seconds = max(scale.step_seconds, (last - starts[0].due) / 1e6)
        result = {
            "offered": rate, "rate": task_runs / seconds, "p50": quantile(seen, 0.5), "p95": p95,
            "p99": quantile(seen, 0.99), "refused": refused, "others": others,
            "sustained": refused == 0 and p95 is not None and p95 <= LATENCY_MAX_S,
            "cpu": {name: cpu * per_1000 for name, cpu in used.items()},
            "rows": (plant.metric("orch_strand_rows_total") - rows) * per_1000,
            "batches": (plant.metric("orch_strand_batches_total") - batches) * per_1000,
            "wal": (store.wal_bytes() - wal) * per_1000,
        }
        cpu = "  ".join(f"{name} {seconds * 1000:.1f}" for name, seconds in result["cpu"].items())
        self.say(f"    {rate:>9,.0f} offered  {result['rate']:>9,.0f} done/s  p50 "
                 f"{_ms(result['p50'])}  p95 {_ms(p95)}  refused {refused}  µs CPU: {cpu}  "
                 f"{result['rows'] / 1000:.2f} rows {result['wal'] / 1000:,.0f} B of log a run  "
                 f"others {others:.0%}  {took:.1f} s")
        return result

    def w3_round(self, store, place, unit, first):
        """Steps of one round from number `first`; the results by number, and the floors around it."""
        scale = self.scale
        flow = f"pair_{place}"
        before = self.floor(store)
        results = {}
        with Plant(self.tools, store, self.root, place) as plant:
            plant.apply(flow, 2)
            plant.generate(flow, 2, "--count", 1, "--wait", timeout=60)  # Workers are there.
            plant.generate(flow, 2, "--rate", max(50.0, unit * scale.first_share / 2), "--seconds",
                           scale.warm_up / max(50.0, unit * scale.first_share / 2), timeout=120)
            if not plant.settle(scale.drain_seconds):
                raise Void("the warm-up does not end\n" + plant.logs())
            number = first
            while number not in results and len(results) < scale.step_count_max:
                rate = unit * scale.first_share * scale.factor ** number
                results[number] = self.step(plant, flow, rate)
                if results[number]["sustained"]:
                    number += 1
                elif number == first and number > LOWEST:
                    first = number = number - 1  # It bears less than this.
                else:
                    break
                if time.monotonic() > self.deadline:
                    break
            if (fault := plant.check(2)) is not None:
                raise Void(fault)
            repeated = plant.repeated_runs()
            if repeated:
                self.say(f"    {repeated} task runs took a second attempt")
        after = self.floor(store)
        moved = after["commit_p50"] / before["commit_p50"]
        steady = 1 / UNSTEADY <= moved <= UNSTEADY
        if not steady:
            self.say(f"    discarded: the commit floor moved {moved:.2f}×")
        return results, [before, after], steady

    def w3(self, cells):
        """All cells in turn, round by round. `cells` are pairs of a store and a place."""
        rounds = {cell: [] for cell in cells}
        unit = {store: self.floor(store)["rows_per_s"] for store in {store for store, _ in cells}}
        for number in range(self.scale.rounds):
            for cell in cells:
                store, place = cell
                if number > 0 and (not rounds[cell] or time.monotonic() > self.deadline):
                    continue
                first = 0
                if number > 0:
                    first = max(LOWEST, _sustained(rounds[cell][-1][0], LOWEST) - 1)
                self.say(f"  W3 {store.name} {place}, round {number + 1}")
                try:
                    rounds[cell].append(self.w3_round(store, place, unit[store], first))
                except Void as void:
                    self.report.void(f"W3 {store.name} {place} round {number + 1}", void)
                    self.say(f"    void: {void}")
        for cell in cells:
            self.tell_w3(*cell, rounds[cell])

    def tell_w3(self, store, place, rounds):
        kept = [one for one in rounds if one[2]] or rounds
        if not kept:
            return
        best = [results[_sustained(results, min(results))] for results, _, _ in kept]
        floors = [floor for _, around, _ in kept for floor in around]
        upsert, commit = (median([floor[name] for floor in floors])
                          for name in ("rows_per_s", "commit_p50"))
        sustained = [one for one in best if one["sustained"]]

        def add(metric, value, unit, floor=None):
            self.report.add("W3", store.name, f"{metric}_{place}", value, unit, floor)

        # A round that could not bear its first step sustained nothing.
        rates = [one["rate"] if one["sustained"] else 0 for one in best]
        add("task_runs_per_s", median(rates), "/s", upsert)
        add("task_runs_per_s_min", min(rates), "/s", upsert)
        add("task_runs_per_s_max", max(rates), "/s", upsert)
        add("task_runs_per_s_peak",
            median([max(step["rate"] for step in results.values()) for results, _, _ in kept]), "/s",
            upsert)
        for share in ("p50", "p95", "p99"):
            add(f"due_to_done_{share}", median([one[share] * 1e6 for one in sustained]), "µs", commit)
        low = [results[min(results)] for results, _, _ in kept if results[min(results)]["sustained"]]
        add("due_to_done_p50_low", median([one["p50"] * 1e6 for one in low]), "µs", commit)
        for name in best[0]["cpu"]:
            add(f"cpu_s_per_1000_{name}", median([one["cpu"][name] for one in best]), "s")
        add("rows_per_1000", median([one["rows"] for one in best]), "rows")
        add("batches_per_1000", median([one["batches"] for one in best]), "batches")
        add("wal_bytes_per_1000", median([one["wal"] for one in best]), "B")
        add("others_cpu_share", median([one["others"] for one in best]), "share")
        add("rounds_discarded", len(rounds) - len([one for one in rounds if one[2]]), "rounds")

    # How long a user waits for `orch dev`.

    def start(self):
        times = []
        for _ in range(self.scale.start_count):
            with tempfile.TemporaryDirectory(dir=self.root) as folder:
                http, grpc, management = free_ports(3)
                env = {**spare_environment(), "HOME": folder}
                began = time.monotonic()
                dev = Process(
                    [self.tools["orch"], "dev", "--data", f"{folder}/data", "--http-port", str(http),
                     "--grpc-port", str(grpc), "--management-port", str(management)],
                    f"{folder}/log", env)
                try:
                    while http_status(f"http://127.0.0.1:{management}/ready") != 200:
                        if not dev.alive() or time.monotonic() > began + 30:
                            raise Void("orch dev does not answer:\n" + dev.text()[-2000:])
                        time.sleep(0.001)
                    times.append((time.monotonic() - began) * 1000)
                finally:
                    try:
                        dev.terminate(10)
                    except subprocess.TimeoutExpired:
                        dev.kill()
        self.report.add("start", "sqlite", "dev_ready_p50", median(times), "ms")
        self.report.add("start", "sqlite", "dev_ready_max", max(times), "ms")


def _ms(seconds):
    return "–" if seconds is None else f"{seconds * 1000:,.1f} ms"


def _sustained(results, otherwise):
    """The highest step below the first one that was too much."""
    best = otherwise
    for number in sorted(results):
        if not results[number]["sustained"]:
            break
        best = number
    return best
