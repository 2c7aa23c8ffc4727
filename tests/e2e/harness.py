"""Starts the real executables in folders and on ports of their own, and reports cases as JUnit XML."""

import argparse
import contextlib
import glob
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import unittest
import urllib.error
import urllib.request
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
EXECUTABLES = ("orch", "orch-worker", "orch-shim")
START_SECONDS = 30
END_SECONDS = 120


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(what, condition, seconds=START_SECONDS):
    """The first true value of `condition`, which is asked again and again."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"no {what} within {seconds} s")
        time.sleep(0.05)


def http_status(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


class Installation:
    """The executables side by side in one folder, as they are shipped."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def path(self, name):
        return str(self.folder / name)

    @staticmethod
    def gather(paths, into):
        folder = pathlib.Path(into)
        for path in paths:
            shutil.copy2(os.path.realpath(path), folder / os.path.basename(path))
        return Installation(folder)


class Process:
    """One executable that runs, with its output in a file."""

    def __init__(self, line, log, env=None):
        self.log = pathlib.Path(log)
        self.log_start = self.log.stat().st_size if self.log.exists() else 0
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self, seconds=30):
        """Asks it to end and returns its exit code."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=seconds)

    def text(self):
        """What it wrote; the log may hold what earlier processes did."""
        return self.log.read_bytes()[self.log_start:].decode(errors="replace")


class Postgres:
    """A server of its own, reached over a unix socket; ended and removed by close()."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="orch-pg.", dir="/tmp"))
        self.folder.chmod(0o755)
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"),
                          key=lambda path: int(path.split("/")[4]))[-1]
        home = self.folder / "pg"
        home.mkdir()
        if os.getuid() == 0:
            shutil.chown(home, "postgres", "postgres")
        self.home = home
        self._run("initdb", "-D", f"{home}/data", "-U", "orch", "--auth=trust", "--no-sync", "-E",
                  "UTF8", "--locale=C.UTF-8")
        self._run("pg_ctl", "-D", f"{home}/data", "-w", "-l", f"{home}/log", "-o",
                  f"-k {home} -c listen_addresses=''", "start")
        self.count = 0

    def _run(self, program, *arguments):
        line = [f"{self.bin}/{program}", *arguments]
        if os.getuid() == 0:
            line = ["/usr/sbin/runuser", "-u", "postgres", "--", *line]
        subprocess.run(line, cwd="/", check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def database(self):
        """The URL of a new, empty database."""
        self.count += 1
        name = f"e2e{self.count}"
        self._run("createdb", "-h", str(self.home), "-U", "orch", name)
        return f"postgresql://orch@/{name}?host={self.home}"

    def close(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", f"{self.home}/data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


class Result:
    """What one command answered."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


class Orch:
    """A control plane with its store, workers that can be added, and the command line."""

    def __init__(self, installation, folder, store_url=""):
        self.installation = installation
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store_url = store_url
        self.http, self.grpc, self.management = free_ports(3)
        self.server = None
        self.workers = []
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("ORCH_")}
        self.env.update(HOME=str(self.folder), TZ="UTC", ORCH_SERVER=f"http://127.0.0.1:{self.http}")

    # The control plane.

    def start_dev(self, *options):
        self.server = Process(
            [self.installation.path("orch"), "dev", "--data", str(self.folder / "data"),
             *self._ports(), *options], self.folder / "server.log", self.env)
        self._wait_ready()

    def start_server(self):
        config = self.folder / "orch.json"  # JSON is YAML.
        store = {"type": "sqlite", "folder": str(self.folder / "data")}
        if self.store_url:
            store.update(type="postgres", url=self.store_url)
        config.write_text(json.dumps({
            "store": store, "http": {"port": self.http}, "grpc": {"port": self.grpc},
            "management": {"port": self.management}, "lease": {"ttl": "PT5S"}}))
        self.server = Process([self.installation.path("orch"), "server", "--config", str(config)],
                              self.folder / "server.log", self.env)
        self._wait_ready()

    def _ports(self):
        return ["--http-port", str(self.http), "--grpc-port", str(self.grpc),
                "--management-port", str(self.management)]

    def ready(self):
        return http_status(f"http://127.0.0.1:{self.management}/ready") == 200

    def _wait_ready(self):
        def ready_or_dead():
            if not self.server.alive():
                raise AssertionError("the server ended at once:\n" + self.server.text()[-4000:])
            return self.ready() and " is ready\n" in self.server.text()
        wait_for("ready server", ready_or_dead)

    # Workers.

    def start_worker(self, name="worker", slots=4):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        worker = Process(
            [self.installation.path("orch"), "worker", "--server", f"127.0.0.1:{self.grpc}",
             "--slots", str(slots), "--data", str(folder)], self.folder / f"{name}.log", self.env)
        self.workers.append(worker)
        return worker

    # The command line.

    def cli(self, *arguments, stdin=None, env=None, timeout=END_SECONDS):
        return Result(subprocess.run(
            [self.installation.path("orch"), *arguments], input=stdin, capture_output=True, text=True,
            env={**self.env, **(env or {})}, timeout=timeout, cwd=self.folder))

    def apply(self, text):
        result = self.cli("flow", "apply", "-", stdin=text)
        assert result.code == 0, result

    def run(self, namespace, flow, *arguments):
        result = self.cli("run", namespace, flow, *arguments)
        return result.out.split("\n")[0], result

    def execution(self, execution):
        result = self.cli("execution", "get", execution, "-o", "json")
        assert result.code == 0, result
        return result.json()

    def state(self, execution):
        return self.execution(execution)["state"]["current"]

    def wait_state(self, execution, *states, seconds=END_SECONDS):
        return wait_for(f"state {states} of {execution}",
                        lambda: self.state(execution) in states and self.state(execution), seconds)

    def close(self):
        for worker in self.workers:
            if worker.alive():
                worker.terminate()
        if self.server is not None and self.server.alive():
            self.server.terminate()

    def logs(self):
        """The ends of what server and workers wrote, for a case that failed."""
        texts = []
        for log in sorted(self.folder.glob("*.log")):
            text = log.read_text(encoding="utf-8", errors="replace")
            texts.append(f"--- {log.name}\n{text[-3000:]}")
        return "\n".join(texts)


class Setting:
    """What the command line of a test file chose; filled by main()."""

    installation = None
    store = "sqlite"
    postgres = None
    root = None
    count = 0

    @classmethod
    def folder(cls):
        cls.count += 1
        return cls.root / f"case{cls.count}"

    @classmethod
    def orch(cls):
        url = cls.postgres.database() if cls.postgres else ""
        return Orch(cls.installation, cls.folder(), url)


class Case(unittest.TestCase):
    """A case has an Orch of its own, not yet started."""

    def setUp(self):
        self.orch = Setting.orch()
        self.addCleanup(self.orch.close)

    def assert_exit(self, result, code):
        self.assertEqual(result.code, code, repr(result))


class _Outcome(unittest.TestResult):
    def __init__(self, classname):
        super().__init__()
        self.classname = classname
        self.cases = []
        self.began = 0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        print(f"[ RUN      ] {test._testMethodName}", flush=True)

    def _end(self, test, kind="", text=""):
        took = time.monotonic() - self.began
        if text and getattr(test, "orch", None) is not None:
            text += "\n" + test.orch.logs()
        self.cases.append((test._testMethodName, took, kind, text))
        word = "  FAILED  " if kind in ("failure", "error") else " SKIPPED  " if kind else "       OK "
        print(f"[{word}] {test._testMethodName} ({took:.1f} s)\n{text}", flush=True)

    def addSuccess(self, test):
        self._end(test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._end(test, "failure", "".join(traceback.format_exception(*error)))

    def addError(self, test, error):
        super().addError(test, error)
        self._end(test, "error", "".join(traceback.format_exception(*error)))

    def addSkip(self, test, reason):
        self._end(test, "skipped", reason)

    def write_xml(self, path):
        bad = sum(1 for case in self.cases if case[2] in ("failure", "error"))
        suites = xml.Element("testsuites")
        suite = xml.SubElement(suites, "testsuite", name=self.classname, tests=str(len(self.cases)),
                               failures=str(bad))
        for name, took, kind, text in self.cases:
            case = xml.SubElement(suite, "testcase", name=name, classname=self.classname,
                                  time=f"{took:.3f}")
            if kind:
                clean = "".join(c for c in text if c in "\t\n" or c >= " ")
                xml.SubElement(case, kind, message=clean.strip().split("\n")[-1][:200]).text = clean
        xml.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)


def main(module):
    parser = argparse.ArgumentParser()
    parser.add_argument("--dist", help="folder of the executables")
    parser.add_argument("--executable", action="append", default=[],
                        help="an executable; gathered into one folder with the others")
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("cases", nargs="*", help="names of cases; none means all")
    chosen = parser.parse_args()

    Setting.root = pathlib.Path(tempfile.mkdtemp(prefix="orch-e2e."))
    Setting.store = chosen.store
    if chosen.dist:
        Setting.installation = Installation(os.path.abspath(chosen.dist))
    else:
        bin_folder = Setting.root / "bin"
        bin_folder.mkdir()
        Setting.installation = Installation.gather(chosen.executable, bin_folder)
    if chosen.store == "postgres":
        Setting.postgres = Postgres()
    tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[module])
    suite = unittest.TestSuite(
        case for group in tests for case in group
        if not chosen.cases or case._testMethodName in chosen.cases)
    outcome = _Outcome(f"{pathlib.Path(sys.argv[0]).stem}.{chosen.store}")
    try:
        suite.run(outcome)
    finally:
        if Setting.postgres:
            Setting.postgres.close()
        if os.environ.get("XML_OUTPUT_FILE"):
            outcome.write_xml(os.environ["XML_OUTPUT_FILE"])
        if outcome.wasSuccessful():
            shutil.rmtree(Setting.root, ignore_errors=True)
        else:
            print(f"what was left behind is in {Setting.root}")
    passed = len(outcome.cases) - len(outcome.failures) - len(outcome.errors)
    print(f"{passed} passed, {len(outcome.failures) + len(outcome.errors)} failed")
    sys.exit(0 if outcome.wasSuccessful() and outcome.cases else 1)
