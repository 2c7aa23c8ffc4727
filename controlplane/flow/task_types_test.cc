#include "controlplane/flow/task_types.h"

#include "base/status_matchers.h"
#include "controlplane/flow/language.h"
#include "expression/json.h"
#include "task_types/task_types.h"

namespace orch::flow {
namespace {

using testing::HasSubstr;

TaskTypes BuiltIn() { return *TaskTypes::BuiltIn(); }

TEST(TaskTypes, EveryBuiltInSchemaIsReadAndNamedForItsFile) {
  const TaskTypes types = BuiltIn();
  EXPECT_EQ(types.all().size(), task_types::EmbeddedSchemas().size());
  for (const task_types::EmbeddedSchema& embedded : task_types::EmbeddedSchemas()) {
    const std::string name(embedded.file.substr(0, embedded.file.size() - 5));
    const TaskType* type = types.Find(name);
    ASSERT_NE(type, nullptr) << name;
    EXPECT_EQ(type->name, name);
    EXPECT_TRUE(type->built_in);
    EXPECT_FALSE(type->title.empty()) << name;
    for (const auto& [property, schema] : type->schema.properties) {
      EXPECT_FALSE(schema->description.empty()) << name << "." << property;
    }
  }
}

TEST(TaskTypes, ATypeIsFoundByAllItsNames) {
  const TaskTypes types = BuiltIn();
  struct Case {
    const char* as_written;
    const char* canonical;
    bool is_alias;
  };
  const Case cases[] = {
      {"log.Log", "log.Log", false},
      {"io.kestra.plugin.core.log.Log", "log.Log", false},
      {"io.kestra.core.tasks.log.Log", "log.Log", true},
      {"io.kestra.core.tasks.debugs.Return", "debug.Return", true},
      {"io.kestra.core.tasks.flows.If", "flow.If", true},
      {"io.kestra.core.tasks.flows.Worker", "flow.WorkingDirectory", true},
      {"io.kestra.plugin.core.flow.WaitFor", "flow.LoopUntil", true},
      {"io.kestra.core.tasks.flows.ForEach", "io.kestra.core.tasks.flows.ForEach", false},
      {"io.kestra.plugin.fs.http.Request", "http.Request", true},
      {"io.kestra.plugin.scripts.shell.Commands", "scripts.shell.Commands", false},
      {"io.kestra.core.models.triggers.types.Schedule", "trigger.Schedule", true},
      {"io.kestra.plugin.core.condition.DayWeekCondition", "condition.DayWeek", true},
      {"io.kestra.plugin.core.condition.ExpressionCondition", "condition.Expression", true},
      {"acme.Do", "acme.Do", false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(types.Canonical(c.as_written), c.canonical) << c.as_written;
    EXPECT_EQ(types.IsAlias(c.as_written), c.is_alias) << c.as_written;
  }
  EXPECT_EQ(types.Find("log.log"), nullptr);
  EXPECT_EQ(types.Find("io.kestra.plugin.core.flow.If")->place, Place::kFlowable);
  EXPECT_EQ(types.Find("kv.Set")->place, Place::kSystem);
}

TEST(TaskTypes, CoreGroupsBelongToTheCore) {
  EXPECT_TRUE(TaskTypes::IsCore("log.Anything"));
  EXPECT_TRUE(TaskTypes::IsCore("io.kestra.plugin.core.made.Up"));
  EXPECT_FALSE(TaskTypes::IsCore("scripts.shell.Commands"));
  EXPECT_FALSE(TaskTypes::IsCore("acme.Do"));
  EXPECT_FALSE(TaskTypes::IsCore("log"));
}

TEST(TaskTypes, AWorkerMayBringTypesOfItsOwn) {
  TaskTypes types = BuiltIn();
  EXPECT_THAT(
      types.Add(R"({"$id": "acme.Do", "type": "object", "properties": {"x": {"type": "integer"}},
                            "additionalProperties": false,
                            "$orch": {"place": "worker", "aliases": ["acme.DoOld", "log.Log"],
                                      "lateFields": ["x"]}})"),
      IsOk());
  const TaskType* type = types.Find("io.kestra.plugin.acme.Do");
  ASSERT_NE(type, nullptr);
  EXPECT_EQ(type, types.Find("acme.DoOld"));
  EXPECT_FALSE(type->schema.additional);
  EXPECT_TRUE(type->late_fields.empty());             // Only built-in types have any.
  EXPECT_EQ(types.Find("log.Log")->name, "log.Log");  // Nobody takes a built-in name.
}

TEST(TaskTypes, ABadSchemaIsRefusedAndSaysWhy) {
  struct Case {
    const char* json;
    absl::StatusCode code;
    const char* message;
  };
  const Case cases[] = {
      {"[", absl::StatusCode::kInvalidArgument, ""},
      {"[]", absl::StatusCode::kInvalidArgument, "a schema must be an object"},
      {R"({"type": "object"})", absl::StatusCode::kInvalidArgument, "is no name of a task type"},
      {R"({"$id": "acme..Do"})", absl::StatusCode::kInvalidArgument, "is no name of a task type"},
      {R"({"$id": "acme.Do", "type": "thing"})", absl::StatusCode::kInvalidArgument,
       "is `thing`, which is no type"},
      {R"({"$id": "acme.Do", "properties": {"x": {"pattern": "("}}})",
       absl::StatusCode::kInvalidArgument, ""},
      {R"({"$id": "acme.Do", "required": "x"})", absl::StatusCode::kInvalidArgument,
       "`required` of a schema must be a list"},
      {R"({"$id": "acme.Do", "$orch": {"place": "inline"}})", absl::StatusCode::kInvalidArgument,
       "claims a place"},
      {R"({"$id": "acme.Do", "$orch": {"place": "moon"}})", absl::StatusCode::kInvalidArgument,
       "must be inline"},
      {R"({"$id": "log.Log"})", absl::StatusCode::kAlreadyExists, "built in"},
  };
  for (const Case& c : cases) {
    TaskTypes types = BuiltIn();
    EXPECT_THAT(types.Add(c.json), StatusIs(c.code, HasSubstr(c.message))) << c.json;
  }
}

TEST(TaskTypes, TheClosestNameIsGivenAsTheAuthorWrites) {
  const TaskTypes types = BuiltIn();
  EXPECT_EQ(types.Closest("log.Lgo"), "log.Log");
  EXPECT_EQ(types.Closest("io.kestra.plugin.core.flow.Foreach"),
            "io.kestra.plugin.core.flow.ForEach");
  EXPECT_EQ(types.Closest("core.Parallel"), "flow.Parallel");
  EXPECT_EQ(types.Closest("http.Reqest"), "http.Request");
  EXPECT_EQ(types.Closest("something.Else"), "");
}

}  // namespace
}  // namespace orch::flow
