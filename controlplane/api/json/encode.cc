#include <charconv>
#include <cmath>

#include "absl/strings/escaping.h"
#include "controlplane/api/json/codec.h"
#include "controlplane/api/json/times.h"
#include "orch/v1/common.pb.h"
#include "orch/v1/options.pb.h"

namespace orch::api::json {
namespace {

namespace pb = ::google::protobuf;
namespace v1 = ::orch::v1;
using Type = pb::FieldDescriptor::CppType;

template <typename T>
void AppendNumber(T value, std::string* out) {
  char buffer[40];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  out->append(buffer, end);
}

void AppendReal(double value, std::string* out) {
  if (!std::isfinite(value)) {
    out->append("null");  // JSON has no word for it.
  } else {
    AppendNumber(value, out);
  }
}

void AppendMessage(const pb::Message& message, std::string* out);

// One value of a field: element `index` of a repeated one, else the field itself (index -1).
void AppendValue(const pb::Message& message, const pb::FieldDescriptor& field, int index,
                 std::string* out) {
  const pb::Reflection& r = *message.GetReflection();
  const bool many = index >= 0;
  switch (field.cpp_type()) {
    case Type::CPPTYPE_INT32:
      return AppendNumber(
          many ? r.GetRepeatedInt32(message, &field, index) : r.GetInt32(message, &field), out);
    case Type::CPPTYPE_INT64:
      return AppendNumber(
          many ? r.GetRepeatedInt64(message, &field, index) : r.GetInt64(message, &field), out);
    case Type::CPPTYPE_UINT32:
      return AppendNumber(
          many ? r.GetRepeatedUInt32(message, &field, index) : r.GetUInt32(message, &field), out);
    case Type::CPPTYPE_UINT64:
      return AppendNumber(
          many ? r.GetRepeatedUInt64(message, &field, index) : r.GetUInt64(message, &field), out);
    case Type::CPPTYPE_DOUBLE:
      return AppendReal(
          many ? r.GetRepeatedDouble(message, &field, index) : r.GetDouble(message, &field), out);
    case Type::CPPTYPE_FLOAT:
      return AppendReal(
          many ? r.GetRepeatedFloat(message, &field, index) : r.GetFloat(message, &field), out);
    case Type::CPPTYPE_BOOL:
      out->append((many ? r.GetRepeatedBool(message, &field, index) : r.GetBool(message, &field))
                      ? "true"
                      : "false");
      return;
    case Type::CPPTYPE_ENUM: {
      const auto* word =
          many ? r.GetRepeatedEnum(message, &field, index) : r.GetEnum(message, &field);
      return AppendQuoted(word->name(), out);
    }
    case Type::CPPTYPE_STRING: {
      std::string scratch;
      const std::string& text = many
                                    ? r.GetRepeatedStringReference(message, &field, index, &scratch)
                                    : r.GetStringReference(message, &field, &scratch);
      if (field.type() == pb::FieldDescriptor::TYPE_BYTES) {
        return AppendQuoted(absl::Base64Escape(text), out);
      }
      return AppendQuoted(text, out);
    }
    case Type::CPPTYPE_MESSAGE:
      return AppendMessage(
          many ? r.GetRepeatedMessage(message, &field, index) : r.GetMessage(message, &field), out);
  }
}

bool IsPresent(const pb::Message& message, const pb::FieldDescriptor& field) {
  const pb::Reflection& r = *message.GetReflection();
  if (field.is_repeated()) return r.FieldSize(message, &field) > 0;
  if (!r.HasField(message, &field)) return false;
  if (field.message_type() == v1::Json::descriptor()) {
    return !static_cast<const v1::Json&>(r.GetMessage(message, &field)).utf8().empty();
  }
  return true;
}

void AppendField(const pb::Message& message, const pb::FieldDescriptor& field, std::string* out) {
  if (!field.is_repeated()) return AppendValue(message, field, -1, out);
  out->push_back('[');
  const int count = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < count; ++i) {
    if (i > 0) out->push_back(',');
    AppendValue(message, field, i, out);
  }
  out->push_back(']');
}

// Members of the object in `json` stand beside the fields, which win where names are the same.
void AppendSpliced(const std::string& json, const pb::Descriptor& type, bool* first,
                   std::string* out) {
  Cursor cursor(json);
  if (cursor.kind() != Cursor::Kind::kObject) return;
  cursor.Enter();
  std::string key;
  while (cursor.NextKey(&key)) {
    const std::string_view raw = cursor.TakeRaw();
    if (type.FindFieldByCamelcaseName(key) != nullptr) continue;
    if (!*first) out->push_back(',');
    *first = false;
    AppendQuoted(key, out);
    out->push_back(':');
    out->append(raw);
  }
}

void AppendMessage(const pb::Message& message, std::string* out) {
  const pb::Descriptor* type = message.GetDescriptor();
  if (type == v1::Json::descriptor()) {
    const std::string& utf8 = static_cast<const v1::Json&>(message).utf8();
    out->append(utf8.empty() ? "null" : utf8);
    return;
  }
  if (type == v1::Instant::descriptor()) {
    return AppendQuoted(InstantText(static_cast<const v1::Instant&>(message).micros()), out);
  }
  if (type == v1::Span::descriptor()) {
    return AppendQuoted(SpanText(static_cast<const v1::Span&>(message).micros()), out);
  }
  out->push_back('{');
  bool first = true;
  for (int i = 0; i < type->field_count(); ++i) {
    const pb::FieldDescriptor& field = *type->field(i);
    const bool present = IsPresent(message, field);
    if (field.options().GetExtension(v1::spliced)) {
      if (!present) continue;
      const auto& json =
          static_cast<const v1::Json&>(message.GetReflection()->GetMessage(message, &field));
      AppendSpliced(json.utf8(), *type, &first, out);
      continue;
    }
    const bool always = field.options().GetExtension(v1::always) &&
                        (field.is_repeated() || field.cpp_type() != Type::CPPTYPE_MESSAGE);
    if (!present && !always) continue;
    if (!first) out->push_back(',');
    first = false;
    AppendQuoted(field.json_name(), out);
    out->push_back(':');
    AppendField(message, field, out);
  }
  out->push_back('}');
}

}  // namespace

void Encode(const pb::Message& message, std::string* out) { AppendMessage(message, out); }

std::string ToJson(const pb::Message& message) {
  std::string out;
  AppendMessage(message, &out);
  return out;
}

void EncodeField(const pb::Message& message, const pb::FieldDescriptor& field, std::string* out) {
  if (!field.is_repeated() && field.cpp_type() == Type::CPPTYPE_MESSAGE &&
      !message.GetReflection()->HasField(message, &field)) {
    out->append("null");
    return;
  }
  AppendField(message, field, out);
}

}  // namespace orch::api::json
