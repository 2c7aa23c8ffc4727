#!/usr/bin/env python3
"""Real flows on a real server: the examples, what goes wrong, and sudden deaths."""

import base64
import json
import os
import pathlib
import subprocess
import sys
import time

from harness import HERE, REPOSITORY, Case, Setting, http_status, main, wait_for

DATA = "/usr/share/unicode/UnicodeData.txt"
PROCESS = "taskRunner: {type: runner.Process}"


def shell(flow, *commands, extra=""):
    lines = "".join(f"      - {json.dumps(command)}\n" for command in commands)
    return (f"id: {flow}\nnamespace: e2e\n{extra}tasks:\n  - id: script\n    type: scripts.shell.Commands\n"
            f"    {PROCESS}\n    commands:\n{lines}")


class ServerCase(Case):
    """A case with a server and one worker; under SQLite in one process, as `orch dev` has it."""

    def start(self):
        if Setting.store == "sqlite":
            self.orch.start_dev("--worker-slots", "4")
        else:
            self.orch.start_server()
            self.orch.start_worker()

    def start_apart(self):
        """A server and a worker that can die one by one."""
        self.orch.start_server()
        return self.orch.start_worker()

    def check_report(self, execution):
        """Compares the files of an execution of the main example with a computation of our own."""
        outputs = self.orch.cli("execution", "outputs", execution, "-o", "json").json()
        files = []
        for name in ("report", "summary"):
            path = self.orch.folder / name
            result = self.orch.cli("execution", "files", execution, outputs[name], "--to", str(path))
            self.assert_exit(result, 0)
            files.append(str(path))
        done = subprocess.run([sys.executable, str(HERE / "unicode_totals.py"), DATA, *files],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        totals = json.loads(pathlib.Path(files[1]).read_text(encoding="utf-8"))
        for key in ("lines", "categories", "codePoints", "named"):
            self.assertEqual(outputs[key], totals[key], key)

    # The examples.

    def test_the_main_example_finds_the_totals_that_we_compute_ourselves(self):
        self.start()
        self.assert_exit(self.orch.cli("flow", "apply", str(REPOSITORY / "examples")), 0)
        execution, result = self.orch.run("examples", "unicode_report", "-i", f"data=@{DATA}", "--follow")
        self.assert_exit(result, 0)
        self.assertIn("SUCCESS", result.err)
        self.check_report(execution)
        runs = self.orch.execution(execution)["taskRunList"]
        self.assertEqual(sum(1 for run in runs if run["taskId"] == "count"), 29)
        self.assertEqual({run["state"]["current"] for run in runs}, {"SUCCESS"})
        self.assertTrue(any(run["taskId"] == "report_known" for run in runs))

    def test_the_small_examples_give_what_they_say(self):
        self.start()
        self.assert_exit(self.orch.cli("flow", "apply", str(REPOSITORY / "examples")), 0)
        hello, result = self.orch.run("examples", "hello", "-i", "name=Orch", "--wait")
        self.assert_exit(result, 0)
        self.assertEqual(self.orch.execution(hello)["outputs"], {"greeting": "Hello, Orch!"})
        parallel, result = self.orch.run("examples", "parallel", "--wait")
        self.assert_exit(result, 0)
        self.assertEqual(self.orch.execution(parallel)["outputs"], {"processors": os.cpu_count()})
        loop, result = self.orch.run("examples", "for_each", "-i", 'words=["b","a"]', "--wait")
        self.assert_exit(result, 0)
        outputs = self.orch.execution(loop)["outputs"]
        self.assertEqual(outputs["lengths"], [1, 1])
        self.assertEqual(self.orch.cli("execution", "files", loop, outputs["sorted"]).out, "A\nB\n")

    # The contract of the server.

    def test_it_tells_its_addresses_answers_and_ends_well(self):
        self.start()
        self.assertIn(str(self.orch.http), self.orch.server.text())
        self.assertEqual(http_status(f"http://127.0.0.1:{self.orch.http}/api/v1/main/flows/search"), 200)
        self.assertEqual(self.orch.server.terminate(), 0)
        self.assertEqual(http_status(f"http://127.0.0.1:{self.orch.http}/api/v1/main/flows/search"), 0)

    def test_what_was_kept_is_there_after_a_restart(self):
        worker = self.start_apart()
        self.orch.apply(shell("kept", "echo hi"))
        execution, result = self.orch.run("e2e", "kept", "--wait")
        self.assert_exit(result, 0)
        before = self.orch.execution(execution)
        worker.terminate()
        self.assertEqual(self.orch.server.terminate(), 0)
        self.orch.start_server()
        self.assertEqual(self.orch.execution(execution), before)
        self.assertEqual(self.orch.cli("flow", "list", "-o", "json").json()["results"][0]["id"], "kept")

    def test_secrets_and_variables_of_the_environment_reach_a_flow(self):
        self.orch.env.update(SECRET_TOKEN=base64.b64encode(b"hush").decode(), ENV_COLOUR="blue")
        self.start()
        self.orch.apply(shell("reads", 'echo "$COLOUR $TOKEN"').replace(
            "    commands:", "    env:\n      TOKEN: \"{{ secret('TOKEN') }}\"\n"
            "      COLOUR: \"{{ envs.colour }}\"\n    commands:"))
        execution, result = self.orch.run("e2e", "reads", "--wait")
        self.assert_exit(result, 0)
        text = wait_for("line of the script", lambda: (
            lambda text: text if "blue" in text else None)(self.orch.cli("execution", "logs", execution).out))
        self.assertNotIn("hush", text)
        self.assertIn("******", text)

    # What goes wrong.

    def test_wrong_inputs_start_nothing(self):
        self.start()
        self.orch.apply(shell("strict", "true", extra="inputs:\n  - id: n\n    type: INT\n"))
        for arguments, reason in (((), "n"), (("-i", "n=abc"), "abc")):
            with self.subTest(arguments):
                result = self.orch.cli("run", "e2e", "strict", *arguments)
                self.assert_exit(result, 6)
                self.assertIn(reason, result.err)
                self.assertEqual(result.out, "")
        self.assert_exit(self.orch.cli("run", "e2e", "strict", "-i", "nonsense"), 2)
        self.assert_exit(self.orch.cli("run", "e2e", "strict", "-i", "n=@/nowhere"), 2)
        self.assertEqual(self.orch.cli("execution", "list", "-o", "json").json()["total"], 0)

    def test_what_is_not_there_is_exit_three(self):
        self.start()
        for line in (("run", "e2e", "none"), ("flow", "get", "e2e", "none"), ("execution", "get", "none"),
                     ("execution", "logs", "none"), ("kv", "get", "e2e", "none")):
            with self.subTest(line):
                self.assert_exit(self.orch.cli(*line), 3)

    def test_a_wrong_flow_is_refused_and_nothing_of_its_file_is_kept(self):
        self.start()
        text = shell("fine", "true") + "---\nid: bad\nnamespace: e2e\ntasks:\n  - id: t\n    type: log.Lgo\n"
        result = self.orch.cli("flow", "apply", "-", stdin=text)
        self.assert_exit(result, 6)
        self.assertIn("log.Lgo", result.err)
        self.assertEqual(self.orch.cli("flow", "list", "-o", "json").json()["total"], 0)

    def test_a_failing_script_is_exit_ten_and_its_words_are_kept(self):
        self.start()
        self.orch.apply(shell("failing", "echo before", "echo wrong >&2", "exit 7", "echo after"))
        execution, result = self.orch.run("e2e", "failing", "--wait")
        self.assert_exit(result, 10)
        logs = wait_for("lines of the script", lambda: (
            lambda text: text if "wrong" in text else None)(self.orch.cli("execution", "logs", execution).out))
        self.assertIn("before", logs)
        self.assertNotIn("after", logs)
        outputs = self.orch.cli("execution", "outputs", execution, "script", "-o", "json").json()
        self.assertEqual(outputs["exitCode"], 7)

    def test_a_killed_execution_is_exit_eleven_and_leaves_no_process(self):
        self.start()
        pid_file = self.orch.folder / "pid"
        self.orch.apply(shell("long", f"sleep 300 & echo $! > {pid_file}; wait"))
        execution, _ = self.orch.run("e2e", "long")
        pid = int(wait_for("process of the script", lambda: pid_file.exists() and pid_file.read_text().strip()))
        follower = subprocess.Popen(
            [self.orch.installation.path("orch"), "execution", "tree", execution, "--follow"],
            env=self.orch.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(follower.wait)
        self.assert_exit(self.orch.cli("execution", "kill", execution), 0)
        self.assertEqual(follower.wait(timeout=60), 11)
        wait_for("end of the script's child", lambda: not os.path.exists(f"/proc/{pid}"))

    # Verbs.

    def test_an_idempotency_key_starts_one_execution(self):
        self.start()
        self.orch.apply(shell("once", "true"))
        first, result = self.orch.run("e2e", "once", "--idempotency-key", "k1", "--wait")
        self.assert_exit(result, 0)
        second, _ = self.orch.run("e2e", "once", "--idempotency-key", "k1")
        self.assertEqual(first, second)
        self.assertEqual(self.orch.cli("execution", "list", "-o", "json").json()["total"], 1)

    def test_values_are_set_read_listed_and_deleted(self):
        self.start()
        self.assert_exit(self.orch.cli("kv", "set", "e2e", "n", "42"), 0)
        self.assert_exit(self.orch.cli("kv", "set", "e2e", "t", "--value-stdin", stdin="two words"), 0)
        self.assertEqual(self.orch.cli("kv", "get", "e2e", "n", "-o", "json").json()["value"], 42)
        self.assertEqual(self.orch.cli("kv", "get", "e2e", "t").out, "two words\n")
        keys = [entry["key"] for entry in self.orch.cli("kv", "list", "e2e", "-o", "json").json()]
        self.assertEqual(sorted(keys), ["n", "t"])
        self.assert_exit(self.orch.cli("kv", "delete", "e2e", "n"), 0)
        self.assert_exit(self.orch.cli("kv", "get", "e2e", "n"), 3)

    def test_flows_are_applied_read_and_deleted(self):
        self.start()
        text = shell("one", "true")
        self.orch.apply(text)
        self.assertEqual(self.orch.cli("flow", "get", "e2e", "one").out, text)
        self.orch.apply(text)
        self.assertEqual(self.orch.cli("flow", "get", "e2e", "one", "-o", "json").json()["revision"], 1)
        self.orch.apply(shell("one", "false"))
        self.assertEqual(self.orch.cli("flow", "get", "e2e", "one", "-o", "json").json()["revision"], 2)
        self.assert_exit(self.orch.cli("flow", "delete", "e2e", "one"), 0)
        self.assert_exit(self.orch.cli("flow", "get", "e2e", "one"), 3)

    def test_an_expression_is_evaluated_against_an_execution(self):
        self.start()
        self.orch.apply(shell("outs", 'echo "::{\\"outputs\\":{\\"x\\":5}}::"'))
        execution, result = self.orch.run("e2e", "outs", "--wait")
        self.assert_exit(result, 0)
        result = self.orch.cli("expression", "eval", "--expr={{ outputs.script.vars.x + 1 }}", "--execution",
                               execution, "-o", "json")
        self.assertEqual(result.json(), {"result": "6"})
        self.assert_exit(self.orch.cli("expression", "eval", "--expr={{ nope }}", "--execution", execution), 1)

    # Sudden deaths.

    def test_the_worker_dies_in_the_middle_and_the_work_is_done(self):
        worker = self.start_apart()
        self.assert_exit(self.orch.cli("flow", "apply", str(REPOSITORY / "examples")), 0)
        execution, _ = self.orch.run("examples", "unicode_report", "-i", f"data=@{DATA}")
        wait_for("some counts", lambda: sum(
            1 for run in self.orch.execution(execution).get("taskRunList", [])
            if run["taskId"] == "count" and run["state"]["current"] == "SUCCESS") >= 3)
        worker.kill()
        self.orch.start_worker()
        self.assertEqual(self.orch.wait_state(execution, "SUCCESS", "FAILED", "KILLED"), "SUCCESS")
        self.check_report(execution)

    def test_the_control_plane_dies_in_the_middle_and_the_work_is_done(self):
        self.start_apart()
        self.assert_exit(self.orch.cli("flow", "apply", str(REPOSITORY / "examples")), 0)
        execution, _ = self.orch.run("examples", "unicode_report", "-i", f"data=@{DATA}")
        wait_for("some counts", lambda: sum(
            1 for run in self.orch.execution(execution).get("taskRunList", [])
            if run["taskId"] == "count" and run["state"]["current"] == "SUCCESS") >= 3)
        self.orch.server.kill()
        self.orch.start_server()
        self.assertEqual(self.orch.wait_state(execution, "SUCCESS", "FAILED", "KILLED"), "SUCCESS")
        self.check_report(execution)
        runs = [run for run in self.orch.execution(execution)["taskRunList"] if run["taskId"] == "count"]
        self.assertEqual(len(runs), 29)

    def test_a_follower_stays_with_its_execution_while_the_server_is_away(self):
        self.start_apart()
        self.orch.apply(shell("slow", "sleep 6"))
        execution, _ = self.orch.run("e2e", "slow")
        follower = subprocess.Popen(
            [self.orch.installation.path("orch"), "execution", "tree", execution, "--follow"],
            env=self.orch.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1)
        self.orch.server.kill()
        time.sleep(1)
        self.orch.start_server()
        _, talk = follower.communicate(timeout=60)
        self.assertEqual(follower.returncode, 0, talk)
        self.assertIn("SUCCESS", talk)

    def test_a_script_outlives_the_control_plane_and_runs_once(self):
        self.start_apart()
        marks = self.orch.folder / "marks"
        self.orch.apply(shell("marking", f"echo begun >> {marks}", "sleep 4", f"echo done >> {marks}"))
        execution, _ = self.orch.run("e2e", "marking")
        wait_for("begin of the script", marks.exists)
        self.orch.server.kill()
        self.orch.start_server()
        self.assertEqual(self.orch.wait_state(execution, "SUCCESS", "FAILED"), "SUCCESS")
        self.assertEqual(marks.read_text(), "begun\ndone\n")


if __name__ == "__main__":
    main(__name__)
