#include "controlplane/api/filters.h"

#include <algorithm>
#include <set>

#include "base/status_macros.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/json/times.h"

namespace orch::api {
namespace {

constexpr int kPageSizeMax = 1'000;
constexpr int64_t kReachedByPageMax = 10'000;

std::string NameOf(const v1::Filter& filter) {
  return "filters[" + filter.field() + "][" + filter.operation() + "]";
}

absl::Status NoSuchFilter(const v1::Filter& filter) {
  return BadField(NameOf(filter), "there is no such filter here");
}

std::vector<std::string> Words(const std::string& list) {
  std::vector<std::string> words;
  for (size_t at = 0; at <= list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    if (comma > at) words.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return words;
}

bool IsEqual(const v1::Filter& filter) { return filter.operation() == "EQUALS"; }
bool IsPrefix(const v1::Filter& filter) {
  return filter.operation() == "PREFIX" || filter.operation() == "STARTS_WITH" ||
         filter.operation() == "EQUALS";
}

// One filter may say a thing once: two would have to be both true.
absl::Status SetOnce(const v1::Filter& filter, std::string value, std::string* field) {
  if (!field->empty() && *field != value) {
    return BadField(NameOf(filter), "another filter says otherwise");
  }
  *field = std::move(value);
  return absl::OkStatus();
}

absl::StatusOr<v1::State> StateOf(const std::string& word, const std::string& path) {
  v1::State state;
  if (!v1::State_Parse(word, &state) || state == v1::STATE_UNSPECIFIED) {
    return BadField(path, "there is no state " + word);
  }
  return state;
}

absl::StatusOr<absl::Time> TimeOf(const v1::Filter& filter) {
  const auto micros = json::ParseInstant(filter.value());
  if (!micros) return BadField(NameOf(filter), "must be a date and time with its zone");
  return absl::FromUnixMicros(*micros);
}

absl::Status AddStates(const v1::Filter& filter, std::vector<v1::State>* states) {
  std::set<v1::State> named;
  for (const std::string& word : Words(filter.value())) {
    ORCH_ASSIGN_OR_RETURN(const v1::State state, StateOf(word, NameOf(filter)));
    named.insert(state);
  }
  const std::string& operation = filter.operation();
  if (operation == "EQUALS" || operation == "IN") {
    states->insert(states->end(), named.begin(), named.end());
    return absl::OkStatus();
  }
  if (operation != "NOT_EQUALS" && operation != "NOT_IN") return NoSuchFilter(filter);
  for (int number = v1::State_MIN; number <= v1::State_MAX; ++number) {
    const auto state = static_cast<v1::State>(number);
    if (v1::State_IsValid(number) && state != v1::STATE_UNSPECIFIED && named.count(state) == 0) {
      states->push_back(state);
    }
  }
  return absl::OkStatus();
}

absl::Status Apply(const v1::Filter& filter, absl::Time now, store::ExecutionFilter* out) {
  const std::string& field = filter.field();
  const std::string& operation = filter.operation();
  if (field == "namespace" && IsPrefix(filter))
    return SetOnce(filter, filter.value(), &out->namespace_);
  if (field == "flowId" && IsEqual(filter)) return SetOnce(filter, filter.value(), &out->flow_id);
  if (field == "q" && IsEqual(filter)) return SetOnce(filter, filter.value(), &out->query);
  if (field == "state") return AddStates(filter, &out->states);
  if ((field == "parentId" || field == "triggerExecutionId") && IsEqual(filter)) {
    return SetOnce(filter, filter.value(), &out->parent_id);
  }
  if (field == "labels" && IsEqual(filter) && !filter.key().empty()) {
    v1::Label label;
    label.set_key(filter.key());
    label.set_value(filter.value());
    out->labels.push_back(std::move(label));
    return absl::OkStatus();
  }
  const bool from = operation == "GREATER_THAN_OR_EQUAL_TO" || operation == "GREATER_THAN";
  const bool until = operation == "LESS_THAN_OR_EQUAL_TO" || operation == "LESS_THAN";
  if (field == "startDate" && from) {
    ORCH_ASSIGN_OR_RETURN(out->created_after, TimeOf(filter));
    return absl::OkStatus();
  }
  if ((field == "endDate" || field == "startDate") && until) {
    ORCH_ASSIGN_OR_RETURN(out->created_before, TimeOf(filter));
    return absl::OkStatus();
  }
  if (field == "timeRange" && IsEqual(filter)) {
    const auto span = json::ParseSpan(filter.value());
    if (!span) return BadField(NameOf(filter), "must be an ISO 8601 duration");
    out->created_after = now - absl::Microseconds(*span);
    return absl::OkStatus();
  }
  if (field == "scope" && IsEqual(filter) && filter.value() == "USER") return absl::OkStatus();
  return NoSuchFilter(filter);
}

absl::Status CheckSort(const google::protobuf::RepeatedPtrField<std::string>& sorts,
                       const std::set<std::string>& known, const std::string& shown) {
  for (const std::string& sort : sorts) {
    if (!sort.empty() && known.count(sort) == 0) {
      return BadField("sort", "this list is sorted by " + shown + " only");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<store::Page> PageOf(int page, int size, const std::string& cursor) {
  const store::Page result{
      .page = page == 0 ? 1 : page, .size = size == 0 ? 10 : size, .cursor = cursor};
  if (result.size < 1 || result.size > kPageSizeMax) {
    return BadField("size", "must be between 1 and 1000");
  }
  if (result.page < 1) return BadField("page", "must be at least 1");
  if (cursor.empty() && int64_t{result.page} * result.size > kReachedByPageMax) {
    return BadField("page", "reaches no further than 10,000 entries; go on by the cursor");
  }
  return result;
}

absl::StatusOr<std::vector<v1::Label>> LabelsOf(
    const google::protobuf::RepeatedPtrField<std::string>& texts) {
  std::vector<v1::Label> labels;
  for (const std::string& text : texts) {
    const size_t colon = text.find(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
      return BadField("labels", "must have the form key:value, not '" + text.substr(0, 100) + "'");
    }
    v1::Label label;
    label.set_key(text.substr(0, colon));
    label.set_value(text.substr(colon + 1));
    labels.push_back(std::move(label));
  }
  return labels;
}

absl::StatusOr<store::ExecutionFilter> FilterOf(const v1::SearchExecutionsRequest& request,
                                                absl::Time now) {
  store::ExecutionFilter filter;
  filter.tenant = request.tenant();
  filter.namespace_ = request.namespace_();
  filter.flow_id = request.flow_id();
  filter.query = request.q();
  for (const int state : request.state()) filter.states.push_back(static_cast<v1::State>(state));
  ORCH_ASSIGN_OR_RETURN(filter.labels, LabelsOf(request.labels()));
  if (request.has_start_date() && request.has_time_range()) {
    return BadField("timeRange", "cannot be given together with startDate");
  }
  if (request.has_start_date()) {
    filter.created_after = absl::FromUnixMicros(request.start_date().micros());
  }
  if (request.has_time_range()) {
    filter.created_after = now - absl::Microseconds(request.time_range().micros());
  }
  if (request.has_end_date()) {
    filter.created_before = absl::FromUnixMicros(request.end_date().micros());
  }
  filter.parent_id =
      request.parent_id().empty() ? request.trigger_execution_id() : request.parent_id();
  if (!request.child_filter().empty()) {
    return BadField("childFilter", "is not served; use parentId for the children of one execution");
  }
  if (!request.scope().empty() && request.scope() != "USER") {
    return BadField("scope", "only USER is served");
  }
  ORCH_RETURN_IF_ERROR(CheckSort(request.sort(),
                                 {"state.startDate:desc", "startDate:desc", "id:desc"},
                                 "state.startDate:desc"));
  for (const v1::Filter& one : request.filters()) ORCH_RETURN_IF_ERROR(Apply(one, now, &filter));
  return filter;
}

absl::StatusOr<store::FlowFilter> FilterOf(const v1::SearchFlowsRequest& request) {
  store::FlowFilter filter;
  filter.tenant = request.tenant();
  filter.namespace_ = request.namespace_();
  filter.query = request.q();
  if (!request.labels().empty()) return BadField("labels", "flows are not searched by labels");
  if (!request.scope().empty() && request.scope() != "USER") {
    return BadField("scope", "only USER is served");
  }
  ORCH_RETURN_IF_ERROR(CheckSort(request.sort(), {"id:asc", "namespace:asc"}, "namespace:asc"));
  for (const v1::Filter& one : request.filters()) {
    if (one.field() == "namespace" && IsPrefix(one)) {
      ORCH_RETURN_IF_ERROR(SetOnce(one, one.value(), &filter.namespace_));
    } else if (one.field() == "q" && IsEqual(one)) {
      ORCH_RETURN_IF_ERROR(SetOnce(one, one.value(), &filter.query));
    } else if (!(one.field() == "scope" && IsEqual(one) && one.value() == "USER")) {
      return NoSuchFilter(one);
    }
  }
  return filter;
}

}  // namespace orch::api
