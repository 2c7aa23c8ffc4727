#include "controlplane/gateway/bind.h"

#include <algorithm>

#include "base/status_macros.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/json/codec.h"
#include "controlplane/gateway/errors.h"
#include "orch/v1/api.pb.h"

namespace orch::gateway {
namespace {

namespace pb = ::google::protobuf;

const pb::FieldDescriptor* FindByJsonName(const pb::Descriptor& type, const std::string& name) {
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == name) return type.field(i);
  }
  return nullptr;
}

// `[a][b][c]` into a, b, c; empty when it is anything else.
std::vector<std::string> Brackets(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const size_t end = text.find(']');
    if (text[0] != '[' || end == std::string_view::npos) return {};
    words.emplace_back(text.substr(1, end - 1));
    text.remove_prefix(end + 1);
  }
  return words;
}

constexpr std::string_view kFilters = "filters";

absl::Status BindFilter(const std::string& name, const std::string& value,
                        const pb::FieldDescriptor& field, pb::Message* request) {
  const std::vector<std::string> words = Brackets(std::string_view(name).substr(kFilters.size()));
  if (words.size() < 2 || words.size() > 3) {
    return api::BadField(name, "must have the form filters[field][OPERATION]");
  }
  auto* filter = static_cast<v1::Filter*>(request->GetReflection()->AddMessage(request, &field));
  filter->set_field(words[0]);
  filter->set_operation(words[1]);
  if (words.size() == 3) filter->set_key(words[2]);
  filter->set_value(value);
  return absl::OkStatus();
}

absl::Status BindParameter(const std::string& value, const pb::FieldDescriptor& field,
                           pb::Message* request) {
  const bool is_text = field.type() == pb::FieldDescriptor::TYPE_STRING;
  if (value.empty() && !is_text) return absl::OkStatus();
  if (value.empty() && field.is_repeated()) return absl::OkStatus();
  if (!field.is_repeated() || field.cpp_type() != pb::FieldDescriptor::CPPTYPE_ENUM) {
    return api::json::SetFromText(value, field, request);
  }
  for (size_t at = 0; at <= value.size();) {  // Words may share a parameter: state=RUNNING,PAUSED
    const size_t comma = std::min(value.find(',', at), value.size());
    ORCH_RETURN_IF_ERROR(api::json::SetFromText(value.substr(at, comma - at), field, request));
    at = comma + 1;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Bind(const Match& match, const Target& target, const Headers& headers,
                  pb::Message* request, std::vector<std::string>* warnings) {
  const pb::Descriptor& type = *request->GetDescriptor();
  std::vector<const pb::FieldDescriptor*> taken;
  for (const auto& [field, value] : match.fields) {
    ORCH_RETURN_IF_ERROR(api::json::SetFromText(value, *field, request));
    taken.push_back(field);
  }
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor& field = *type.field(i);
    const std::string& header = field.options().GetExtension(v1::header);
    if (header.empty()) continue;
    const std::string_view value = FindHeader(headers, header);
    if (!value.empty()) ORCH_RETURN_IF_ERROR(api::json::SetFromText(value, field, request));
    if (!value.empty()) taken.push_back(&field);
  }
  if (!match.route->rest.body_field().empty()) {
    taken.push_back(type.FindFieldByName(match.route->rest.body_field()));
  }
  const pb::FieldDescriptor* filters = type.FindFieldByName(std::string(kFilters));
  for (const auto& [name, value] : target.query) {
    if (filters != nullptr && name.rfind("filters[", 0) == 0) {
      ORCH_RETURN_IF_ERROR(BindFilter(name, value, *filters, request));
      continue;
    }
    const pb::FieldDescriptor* field = FindByJsonName(type, name);
    const bool free = field != nullptr && field != filters && field->name() != "tenant" &&
                      std::find(taken.begin(), taken.end(), field) == taken.end();
    if (!free) {
      if (filters != nullptr) return UnknownParameter(name);
      warnings->push_back("parameter " + name + " is unknown");
      continue;
    }
    ORCH_RETURN_IF_ERROR(BindParameter(value, *field, request));
  }
  return absl::OkStatus();
}

}  // namespace orch::gateway
