#include "controlplane/store/columns.h"

#include "base/ids.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::store {
namespace {

TEST(Columns, AnIdsDayIsThatOfItsTimeAndOthersHaveDayZero) {
  SeededRandom random(1);
  const std::string id = NewTimeId(absl::FromUnixSeconds(86'400 * 5 - 1), random);
  EXPECT_EQ(DayOfExecution(id), 4);
  EXPECT_EQ(DayOfAggregate(id), 4);
  EXPECT_EQ(DayOfExecution(NewTimeId(absl::FromUnixSeconds(86'400 * 5), random)), 5);
  EXPECT_EQ(DayOfExecution(""), 0);
  EXPECT_EQ(DayOfExecution("flow/main/a/b/and-26-chars"), 0);
  EXPECT_EQ(DayOfAggregate(FlowAddress("main", "n", "f")), 0);
}

TEST(Columns, ALabelIsFoundOnlyWhereItIs) {
  google::protobuf::RepeatedPtrField<v1::Label> labels;
  const auto add = [&](const std::string& key, const std::string& value) {
    v1::Label* label = labels.Add();
    label->set_key(key);
    label->set_value(value);
    return *label;
  };
  const auto made = [](const std::string& key, const std::string& value) {
    v1::Label label;
    label.set_key(key);
    label.set_value(value);
    return label;
  };
  EXPECT_EQ(LabelsText(labels), "");
  const v1::Label first = add("a", "1\n2");
  const v1::Label second = add("b", std::string("\x1f\\\0", 3));
  const std::string text = LabelsText(labels);
  const auto holds = [&](const v1::Label& label) {
    return text.find(LabelText(label)) != std::string::npos;
  };
  EXPECT_TRUE(holds(first));
  EXPECT_TRUE(holds(second));
  EXPECT_FALSE(holds(made("a", "1")));
  EXPECT_FALSE(holds(made("", "2")));
  EXPECT_FALSE(holds(made("a", "1\\n2")));
  EXPECT_FALSE(holds(made("b", "")));
  EXPECT_EQ(text.find('\0'), std::string::npos);
}

TEST(Columns, EachRowOfABatchFindsItsAggregate) {
  Rows rows;
  rows.heads.emplace_back().set_id("e1");
  rows.payloads.emplace_back().set_execution_id("e1");
  rows.runs.emplace_back().set_execution_id("e2");
  rows.run_payloads.emplace_back().set_execution_id("e2");
  rows.timers.emplace_back().set_execution_id("e2");
  rows.timers_gone.emplace_back().set_execution_id("e1");
  rows.mails.emplace_back().set_sender("execution/e1");
  rows.mails.emplace_back().set_sender("flow/main/n/f");
  rows.mails_gone.push_back({.receiver = "execution/e2"});
  rows.engine_logs.emplace_back().set_execution_id("e1");
  rows.records.emplace_back().set_aggregate("flow/main/n/f");
  v1::FlowState& state = rows.flow_states.emplace_back();
  state.set_tenant("main");
  state.set_namespace_("n");
  state.set_flow_id("f");
  v1::FlowSlot& slot = rows.slots.emplace_back();
  slot.set_tenant("main");
  slot.set_namespace_("n");
  slot.set_flow_id("f");
  rows.slots_gone.push_back(slot);
  rows.idempotency_keys.push_back({.execution_id = "e1"});
  rows.audits.emplace_back().set_resource("execution/e1");
  const std::vector<AggregateRows> split = SplitByAggregate(rows);
  ASSERT_EQ(split.size(), 3u);
  EXPECT_EQ(split[0].aggregate, "e1");
  EXPECT_EQ(split[0].rows.Count(), 7);
  EXPECT_EQ(split[1].aggregate, "e2");
  EXPECT_EQ(split[1].rows.Count(), 4);
  EXPECT_EQ(split[2].aggregate, "flow/main/n/f");
  EXPECT_EQ(split[2].rows.Count(), 5);
  EXPECT_EQ(rows.Count(), 16) << "no row is lost";
}

}  // namespace
}  // namespace orch::store
