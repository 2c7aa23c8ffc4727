#include "controlplane/store/columns.h"

#include <map>

#include "base/ids.h"

namespace orch::store {
namespace {

constexpr std::string_view kExecutionPrefix = "execution/";
constexpr char kPairEnd = '\n';
constexpr char kKeyEnd = '\x1f';

void AppendEscaped(std::string_view text, std::string* out) {
  for (const char c : text) {
    switch (c) {
      case '\\': *out += "\\\\"; break;
      case kPairEnd: *out += "\\n"; break;
      case kKeyEnd: *out += "\\u"; break;
      case '\0': *out += "\\0"; break;  // Postgres keeps none in a text.
      default: *out += c;
    }
  }
}

void AppendPair(const v1::Label& label, std::string* out) {
  AppendEscaped(label.key(), out);
  *out += kKeyEnd;
  AppendEscaped(label.value(), out);
  *out += kPairEnd;
}

// The aggregate that an address names.
std::string AggregateOf(std::string_view address) {
  if (address.starts_with(kExecutionPrefix)) address.remove_prefix(kExecutionPrefix.size());
  return std::string(address);
}

}  // namespace

int DayOfExecution(std::string_view execution_id) {
  if (execution_id.size() != kTimeIdSize) return 0;
  const absl::StatusOr<int> day = DayOfId(execution_id);
  return day.ok() ? *day : 0;
}

int DayOfAggregate(std::string_view aggregate) { return DayOfExecution(aggregate); }

bool Awaits(const v1::TaskRun& run) {
  if (!run.live()) return false;
  return !run.has_branch() || run.has_waiting() || run.state() == v1::PAUSED ||
         run.state() == v1::BREAKPOINT;
}

std::string LabelsText(const google::protobuf::RepeatedPtrField<v1::Label>& labels) {
  std::string text;
  if (labels.empty()) return text;
  text += kPairEnd;
  for (const v1::Label& label : labels) AppendPair(label, &text);
  return text;
}

std::string LabelText(const v1::Label& label) {
  std::string text(1, kPairEnd);
  AppendPair(label, &text);
  return text;
}

std::string ExecutionAddress(std::string_view execution_id) {
  return std::string(kExecutionPrefix).append(execution_id);
}

std::string FlowAddress(std::string_view tenant, std::string_view ns, std::string_view flow_id) {
  std::string address = "flow/";
  address.append(tenant).append("/").append(ns).append("/").append(flow_id);
  return address;
}

std::vector<AggregateRows> SplitByAggregate(const Rows& rows) {
  std::map<std::string, Rows> parts;
  for (const auto& row : rows.heads) parts[row.id()].heads.push_back(row);
  for (const auto& row : rows.payloads) parts[row.execution_id()].payloads.push_back(row);
  for (const auto& row : rows.runs) parts[row.execution_id()].runs.push_back(row);
  for (const auto& row : rows.run_payloads) parts[row.execution_id()].run_payloads.push_back(row);
  for (const auto& row : rows.timers) parts[row.execution_id()].timers.push_back(row);
  for (const auto& row : rows.timers_gone) parts[row.execution_id()].timers_gone.push_back(row);
  for (const auto& row : rows.mails) parts[AggregateOf(row.sender())].mails.push_back(row);
  for (const auto& row : rows.mails_gone)
    parts[AggregateOf(row.receiver)].mails_gone.push_back(row);
  for (const auto& row : rows.engine_logs) parts[row.execution_id()].engine_logs.push_back(row);
  for (const auto& row : rows.records) parts[row.aggregate()].records.push_back(row);
  const auto flow_of = [](const auto& row) {
    return FlowAddress(row.tenant(), row.namespace_(), row.flow_id());
  };
  for (const auto& row : rows.flow_states) parts[flow_of(row)].flow_states.push_back(row);
  for (const auto& row : rows.slots) parts[flow_of(row)].slots.push_back(row);
  for (const auto& row : rows.slots_gone) parts[flow_of(row)].slots_gone.push_back(row);
  for (const auto& row : rows.idempotency_keys) {
    parts[row.execution_id].idempotency_keys.push_back(row);
  }
  for (const auto& row : rows.audits) parts[AggregateOf(row.resource())].audits.push_back(row);
  std::vector<AggregateRows> split;
  split.reserve(parts.size());
  for (auto& [aggregate, part] : parts) split.push_back({aggregate, std::move(part)});
  return split;
}

}  // namespace orch::store
