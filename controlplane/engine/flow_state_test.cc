#include "controlplane/engine/flow_state.h"

#include "base/hash.h"
#include "gtest/gtest.h"

namespace orch::engine {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(1'767'268'800);

v1::Event Saved(int revision, int limit = 0) {
  v1::Event event;
  event.mutable_flow_saved()->set_revision(revision);
  event.mutable_flow_saved()->set_limit(limit);
  return event;
}

v1::Event Deleted(int revision) {
  v1::Event event;
  event.mutable_flow_deleted()->set_revision(revision);
  return event;
}

v1::Event CreatedOf(const std::string& flow_id) {
  v1::Event event;
  event.mutable_execution_created()->set_tenant("main");
  event.mutable_execution_created()->set_namespace_("acme");
  event.mutable_execution_created()->set_flow_id(flow_id);
  return event;
}

v1::Event Killed() {
  v1::Event event;
  event.mutable_kill_requested();
  return event;
}

std::string Tell(const v1::FlowState& state) {
  return "revision " + std::to_string(state.revision()) + ", limit " +
         std::to_string(state.limit()) + (state.deleted() ? ", deleted" : "") + ", executions " +
         std::to_string(state.execution_count()) + ", version " + std::to_string(state.version());
}

TEST(FlowState, EachEventHasOneAnswer) {
  struct Case {
    const char* name;
    std::vector<v1::Event> given;
    v1::Event when;
    const char* then;  // "" when nothing changes.
  };
  const Case cases[] = {
      {"the first revision", {}, Saved(1, 3), "revision 1, limit 3, executions 0, version 1"},
      {"a flow that is older than its mail",
       {},
       Saved(7),
       "revision 7, limit 0, executions 0, version 1"},
      {"the next revision takes the limit away",
       {Saved(1, 3)},
       Saved(2),
       "revision 2, limit 0, executions 0, version 2"},
      {"the same mail again", {Saved(1, 3)}, Saved(1, 3), ""},
      {"a revision that was overtaken", {Saved(4)}, Saved(3, 2), ""},
      {"a deletion",
       {Saved(1, 3)},
       Deleted(2),
       "revision 2, limit 3, deleted, executions 0, version 2"},
      {"a deletion that was overtaken", {Saved(1), Saved(3)}, Deleted(2), ""},
      {"the same deletion again", {Saved(1), Deleted(2)}, Deleted(2), ""},
      {"a flow comes back",
       {Saved(1), Deleted(2)},
       Saved(3, 1),
       "revision 3, limit 1, executions 0, version 3"},
      {"an execution",
       {Saved(1), CreatedOf("f")},
       CreatedOf("f"),
       "revision 1, limit 0, executions 2, version 3"},
      {"an execution of another flow", {Saved(1)}, CreatedOf("g"), ""},
      {"what happens to executions", {Saved(1)}, Killed(), ""},
      {"nothing at all", {Saved(1)}, v1::Event(), ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    FlowAggregate flow("main", "acme", "f");
    for (const v1::Event& event : c.given) flow.Apply(DecideFlow(flow, event, kNoon, 1).record);
    const std::string before = flow.state().SerializeAsString();
    const FlowStep step = DecideFlow(flow, c.when, kNoon, 1);
    EXPECT_EQ(flow.state().SerializeAsString(), before) << "deciding touches nothing";
    EXPECT_EQ(step.changed, *c.then != '\0');
    EXPECT_EQ(step.record.has_changes(), step.changed);
    flow.Apply(step.record);
    if (step.changed) {
      EXPECT_EQ(Tell(flow.state()), c.then);
    } else {
      EXPECT_EQ(flow.state().SerializeAsString(), before);
    }
  }
}

TEST(FlowState, FoldingTheRecordsGivesTheRows) {
  FlowAggregate flow("main", "acme", "f");
  FlowAggregate folded;
  int64_t number = 0;
  for (const v1::Event& event : {Saved(1, 2), CreatedOf("f"), Saved(1, 2), Saved(2), Deleted(3)}) {
    const FlowStep step = DecideFlow(flow, event, kNoon, 5);
    if (!step.changed) continue;
    EXPECT_EQ(step.record.number(), ++number) << "numbers have no gap";
    EXPECT_EQ(step.record.cause().SerializeAsString(), event.SerializeAsString());
    EXPECT_EQ(step.record.now_micros(), absl::ToUnixMicros(kNoon));
    EXPECT_EQ(step.record.seed(), 5u);
    EXPECT_GT(step.record.engine_version(), 0);
    flow.Apply(step.record);
    folded.Apply(step.record);
  }
  EXPECT_EQ(number, 4);
  EXPECT_EQ(folded.state().SerializeAsString(), flow.state().SerializeAsString());
  EXPECT_EQ(folded.state().tenant(), "main");
  EXPECT_EQ(folded.state().namespace_(), "acme");
  EXPECT_EQ(folded.state().flow_id(), "f");
  EXPECT_EQ(folded.state().bucket(), BucketOf("main", "acme", "f"));
}

TEST(FlowState, SlotsAreFoldedByTheirExecution) {
  v1::FlowSlot slot;
  slot.set_execution_id("e1");
  FlowAggregate flow(v1::FlowState(), {slot});
  v1::Record record;
  record.mutable_changes()->add_slots_gone()->set_execution_id("e1");
  record.mutable_changes()->add_slots()->set_execution_id("e2");
  flow.Apply(record);
  ASSERT_EQ(flow.slots().size(), 1u);
  EXPECT_EQ(flow.slots().begin()->first, "e2");
}

}  // namespace
}  // namespace orch::engine
