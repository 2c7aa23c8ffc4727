#!/usr/bin/env python3
"""What `orch` does with no server: validation, expressions, and its own manners."""

import json

from harness import REPOSITORY, Case, main

GOOD = """id: good
namespace: e2e
tasks:
  - id: t
    type: log.Log
    message: hi
"""
BAD = """id: bad
namespace: e2e
tasks:
  - id: t
    type: log.Lgo
    message: hi
  - id: t
    type: log.Log
"""
FOREIGN = """id: foreign
namespace: e2e
tasks:
  - id: t
    type: acme.Thing
"""


class Offline(Case):
    def write(self, name, text):
        path = self.orch.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    # Validation.

    def test_a_good_flow_is_accepted(self):
        result = self.orch.cli("flow", "validate", self.write("good.yaml", GOOD))
        self.assert_exit(result, 0)
        self.assertIn("e2e.good is accepted", result.out)

    def test_every_complaint_comes_at_once_with_its_place(self):
        path = self.write("bad.yaml", BAD)
        result = self.orch.cli("flow", "validate", path)
        self.assert_exit(result, 6)
        self.assertRegex(result.out, r"bad\.yaml:5:\d+: error: .*log\.Lgo")
        self.assertIn("log.Log", result.out)  # The suggestion.
        self.assertRegex(result.out, r"(?i)duplicate task id")
        self.assertIn("    5 |     type: log.Lgo\n", result.out)
        self.assertIn("^", result.out)

    def test_json_is_the_list_of_the_api(self):
        good, bad = self.write("a.yaml", GOOD), self.write("b.yaml", BAD)
        result = self.orch.cli("flow", "validate", good, bad, "-o", "json")
        self.assert_exit(result, 6)
        first, second = result.json()
        self.assertEqual((first["index"], first["flow"], first["namespace"]), (0, "good", "e2e"))
        self.assertNotIn("constraints", first)
        self.assertEqual(second["index"], 1)
        self.assertIn("log.Lgo", second["constraints"])
        self.assertGreaterEqual(len(second["constraints"].split("\n")), 2)

    def test_a_type_that_nobody_brought_is_a_warning_and_strict_refuses_it(self):
        path = self.write("foreign.yaml", FOREIGN)
        self.assert_exit(self.orch.cli("flow", "validate", path), 0)
        lax = self.orch.cli("flow", "validate", path, "-o", "json").json()
        self.assertIn("acme.Thing", "".join(lax[0]["warnings"]))
        self.assert_exit(self.orch.cli("flow", "validate", "--strict", path), 6)

    def test_folders_patterns_and_stdin_are_read(self):
        self.write("flows/a.yaml", GOOD)
        self.write("flows/deep/b.yml", GOOD.replace("good", "other"))
        self.write("flows/notes.txt", "no flow")
        folder = self.orch.cli("flow", "validate", "flows", "-o", "json")
        self.assertEqual([one["flow"] for one in folder.json()], ["good", "other"])
        pattern = self.orch.cli("flow", "validate", "flows/*.yaml", "-o", "json")
        self.assertEqual([one["flow"] for one in pattern.json()], ["good"])
        stdin = self.orch.cli("flow", "validate", "-", stdin=GOOD + "---\n" + BAD)
        self.assert_exit(stdin, 6)
        self.assertIn("-:12:", stdin.out)

    def test_the_examples_draw_no_complaint(self):
        result = self.orch.cli("flow", "validate", "--strict", str(REPOSITORY / "examples"), "-o", "json")
        self.assert_exit(result, 0)
        for one in result.json():
            self.assertFalse({"constraints", "warnings", "infos", "deprecationPaths"} & set(one), one)
        self.assertEqual(len(result.json()), len(list((REPOSITORY / "examples").glob("*.yaml"))))

    def test_a_file_that_is_not_there_is_a_wrong_command_line(self):
        self.assert_exit(self.orch.cli("flow", "validate", "nowhere.yaml"), 2)

    # Expressions.

    def eval(self, expression, context=None, *options):
        arguments = ["expression", "eval", "--expr=" + expression, *options]
        if context is not None:
            arguments += ["--context-file", self.write("context.json", json.dumps(context))]
        return self.orch.cli(*arguments)

    def test_an_expression_gives_a_text(self):
        result = self.eval("{{ a ~ '-' ~ b }}", {"a": 1, "b": "x"})
        self.assert_exit(result, 0)
        self.assertEqual(result.out, "1-x\n")

    def test_an_empty_expression_is_one(self):
        self.assertEqual(self.eval("", {}, "--mode", "typed", "-o", "json").json(),
                         {"result": "", "type": "string"})

    def test_each_mode_answers_in_json(self):
        typed = self.eval("{{ [1, 'a'] }}", {}, "--mode", "typed", "-o", "json").json()
        self.assertEqual(typed, {"result": [1, "a"], "type": "list"})
        objects = self.eval('{"{{ k }}": ["{{ k }}", 1, null]}', {"k": "x"}, "--mode", "object", "-o", "json")
        self.assertEqual(objects.json(), {"result": {"x": ["x", 1, None]}})
        target = ("--mode", "property", "--target")
        self.assertEqual(self.eval("{{ v }}", {"v": "60.5"}, *target, "Duration", "-o", "json").json(),
                         {"result": "PT1M0.5S"})
        self.assertEqual(self.eval('["{{ v }}"]', {"v": 3}, *target, "List<Integer>", "-o", "json").json(),
                         {"result": [3]})

    def test_a_failing_expression_tells_its_code_on_stdout(self):
        for expression, code in (("{{ nope }}", "missing"), ("{{ ", "syntax"), ("{{ 'a' - 1 }}", "eval")):
            with self.subTest(expression):
                result = self.eval(expression, {}, "-o", "json")
                self.assert_exit(result, 1)
                self.assertEqual(result.json()["error"]["code"], code)
                self.assertTrue(result.json()["error"]["message"])
                self.assertEqual(result.err, "")

    def test_fixtures_answer_secrets_values_and_files(self):
        context = {"flow": {"namespace": "a.b", "id": "f"},
                   "$fixtures": {"secrets": {"K": "s3"}, "kv": {"a.b": {"n": {"x": 1}}},
                                 "files": {"/a/b/_files/d.txt": "hello"}}}
        result = self.eval("{{ secret('K') }} {{ kv('n').x }} {{ read('d.txt') }}", context, "-o", "json")
        self.assertEqual(result.json(), {"result": "s3 1 hello"})

    # Manners.

    def test_a_misspelt_verb_gets_a_suggestion(self):
        result = self.orch.cli("flow", "vaildate")
        self.assert_exit(result, 2)
        self.assertIn("did you mean `validate`?", result.err)
        self.assertEqual(result.out, "")

    def test_no_server_is_exit_eight_with_a_way_out(self):
        for line in (("flow", "list"), ("run", "e2e", "good"), ("execution", "get", "x"), ("kv", "list", "n")):
            with self.subTest(line):
                result = self.orch.cli(*line)
                self.assert_exit(result, 8)
                self.assertIn("orch dev", result.err)

    def test_help_is_data_and_no_error(self):
        for line in (("--help",), ("help",), ("help", "flow", "validate"), ("run", "--help")):
            with self.subTest(line):
                result = self.orch.cli(*line)
                self.assert_exit(result, 0)
                self.assertTrue(result.out)


if __name__ == "__main__":
    main(__name__)
