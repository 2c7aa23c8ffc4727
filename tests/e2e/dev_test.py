#!/usr/bin/env python3
"""What `orch dev` does beyond serving: folders, keys, signals."""

import glob
import os
import signal
import stat
import tempfile

from harness import Case, Process, free_ports, main, wait_for

FLOW = """id: {0}
namespace: dev
tasks:
  - id: say
    type: log.Log
    message: hi
"""


class Dev(Case):
    def flow_ids(self):
        return sorted(one["id"] for one in self.orch.cli("flow", "list", "-o", "json").json()["results"])

    def test_a_folder_of_flows_is_applied_and_watched(self):
        flows = self.orch.folder / "flows"
        flows.mkdir()
        (flows / "a.yaml").write_text(FLOW.format("a"))
        self.orch.start_dev("--flows", str(flows))
        wait_for("first flow", lambda: self.flow_ids() == ["a"])
        (flows / "b.yaml").write_text(FLOW.format("b"))
        wait_for("second flow", lambda: self.flow_ids() == ["a", "b"])
        (flows / "b.yaml").write_text("id: b\n")
        wait_for("complaint", lambda: "b.yaml: " in self.orch.server.text())
        self.assertEqual(self.flow_ids(), ["a", "b"])

    def test_a_folder_is_held_by_one_server(self):
        self.orch.start_dev()
        second = self.orch.cli("dev", "--data", str(self.orch.folder / "data"), "--http-port", "0",
                               "--grpc-port", "0", "--management-port", "0", timeout=30)
        self.assert_exit(second, 1)
        self.assertTrue(second.err)
        self.assertTrue(self.orch.ready())

    def test_several_run_side_by_side(self):
        self.orch.start_dev()
        self.orch.apply(FLOW.format("only_here"))
        http, grpc, management = free_ports(3)
        other = Process([self.orch.installation.path("orch"), "dev", "--data", str(self.orch.folder / "other"),
                         "--http-port", str(http), "--grpc-port", str(grpc), "--management-port",
                         str(management)], self.orch.folder / "other.log", self.orch.env)
        self.addCleanup(other.terminate)
        server = ("--server", f"http://127.0.0.1:{http}")
        wait_for("other server", lambda: self.orch.cli("flow", "list", *server).code == 0)
        self.assertEqual(self.orch.cli("flow", "list", "-o", "json", *server).json()["total"], 0)
        self.assertEqual(self.flow_ids(), ["only_here"])

    def test_an_ephemeral_server_leaves_nothing_behind(self):
        home = tempfile.mkdtemp(dir=self.orch.folder)
        http, grpc, management = free_ports(3)
        server = Process([self.orch.installation.path("orch"), "dev", "--ephemeral", "--http-port", str(http),
                          "--grpc-port", str(grpc), "--management-port", str(management)],
                         self.orch.folder / "server.log", {**self.orch.env, "TMPDIR": home})
        wait_for("addresses", lambda: f":{http}" in server.text())
        self.assertEqual(len(os.listdir(home)), 1)
        self.assertEqual(server.terminate(), 0)
        self.assertEqual(os.listdir(home), [])

    def test_it_makes_a_key_of_its_own_that_others_cannot_read(self):
        self.orch.start_dev()
        (path,) = glob.glob(str(self.orch.folder / "data" / "*.key"))
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        key = open(path, encoding="ascii").read()
        self.orch.server.terminate()
        self.orch.start_dev()
        self.assertEqual(open(path, encoding="ascii").read(), key)

    def test_it_listens_on_loopback_alone(self):
        result = self.orch.cli("dev", "--ephemeral", "--host", "0.0.0.0", timeout=30)
        self.assert_exit(result, 2)
        self.assertIn("this machine alone", result.err)

    def test_a_taken_port_is_said_and_nothing_is_left_running(self):
        self.orch.start_dev()
        result = self.orch.cli("dev", "--ephemeral", "--http-port", str(self.orch.http), "--grpc-port", "0",
                               "--management-port", "0", timeout=30)
        self.assert_exit(result, 1)
        self.assertIn(str(self.orch.http), result.err)

    def test_an_interrupt_ends_it_well_too(self):
        self.orch.start_dev()
        self.orch.server.process.send_signal(signal.SIGINT)
        self.assertEqual(self.orch.server.process.wait(timeout=30), 0)


if __name__ == "__main__":
    main(__name__)
