#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "controlplane/api/json/codec.h"
#include "controlplane/api/json/errors.h"
#include "controlplane/api/json/times.h"
#include "orch/v1/common.pb.h"

namespace orch::api::json {
namespace {

namespace pb = ::google::protobuf;
namespace v1 = ::orch::v1;
using Type = pb::FieldDescriptor::CppType;

std::string Join(std::string_view path, std::string_view name) {
  if (path.empty()) return std::string(name);
  return std::string(path) + "." + std::string(name);
}

const pb::FieldDescriptor* FindField(const pb::Descriptor& type, const std::string& json_name) {
  if (const auto* field = type.FindFieldByCamelcaseName(json_name)) return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == json_name) return type.field(i);
  }
  return nullptr;
}

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Digits as from_chars reads them, after what JSON allows: 10, 1e1, 10.0 are the same integer.
template <typename T>
std::optional<T> ParseInteger(std::string_view text) {
  if (const auto value = ParseNumber<T>(text)) return value;
  const auto real = ParseNumber<double>(text);
  constexpr double kExactMax = 9007199254740992.0;  // 2^53: beyond it a double does not tell.
  if (!real || std::trunc(*real) != *real || std::abs(*real) > kExactMax) return std::nullopt;
  if (*real < static_cast<double>(std::numeric_limits<T>::min()) ||
      *real > static_cast<double>(std::numeric_limits<T>::max())) {
    return std::nullopt;
  }
  return static_cast<T>(*real);
}

template <typename T, typename Set, typename Add>
bool Put(const std::optional<T>& value, bool repeated, const Set& set, const Add& add) {
  if (!value) return false;
  repeated ? add(*value) : set(*value);
  return true;
}

std::string_view Wanted(const pb::FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case Type::CPPTYPE_INT32:
    case Type::CPPTYPE_INT64:
    case Type::CPPTYPE_UINT32:
    case Type::CPPTYPE_UINT64: return "an integer";
    case Type::CPPTYPE_DOUBLE:
    case Type::CPPTYPE_FLOAT: return "a number";
    case Type::CPPTYPE_BOOL: return "true or false";
    case Type::CPPTYPE_ENUM: return "one of the known words";
    case Type::CPPTYPE_STRING:
      return field.type() == pb::FieldDescriptor::TYPE_BYTES ? "base64" : "a text";
    case Type::CPPTYPE_MESSAGE:
      if (field.message_type() == v1::Instant::descriptor()) return "a date and time with its zone";
      if (field.message_type() == v1::Span::descriptor()) return "an ISO 8601 duration";
      return "an object";
  }
  return "something else";
}

// Sets a scalar, Instant or Span from its text; false when it does not fit.
bool SetScalar(std::string_view text, const pb::FieldDescriptor& field, pb::Message* message) {
  const pb::Reflection& r = *message->GetReflection();
  const bool many = field.is_repeated();
  const auto put = [&](const auto& value, auto set, auto add) {
    return Put(
        value, many, [&](auto v) { (r.*set)(message, &field, v); },
        [&](auto v) { (r.*add)(message, &field, v); });
  };
  using R = pb::Reflection;
  switch (field.cpp_type()) {
    case Type::CPPTYPE_INT32: return put(ParseInteger<int32_t>(text), &R::SetInt32, &R::AddInt32);
    case Type::CPPTYPE_INT64: return put(ParseInteger<int64_t>(text), &R::SetInt64, &R::AddInt64);
    case Type::CPPTYPE_UINT32:
      return put(ParseInteger<uint32_t>(text), &R::SetUInt32, &R::AddUInt32);
    case Type::CPPTYPE_UINT64:
      return put(ParseInteger<uint64_t>(text), &R::SetUInt64, &R::AddUInt64);
    case Type::CPPTYPE_DOUBLE: return put(ParseNumber<double>(text), &R::SetDouble, &R::AddDouble);
    case Type::CPPTYPE_FLOAT: return put(ParseNumber<float>(text), &R::SetFloat, &R::AddFloat);
    case Type::CPPTYPE_BOOL: {
      std::optional<bool> value;
      if (text == "true") value = true;
      if (text == "false") value = false;
      return put(value, &R::SetBool, &R::AddBool);
    }
    case Type::CPPTYPE_ENUM: {
      const auto* word = field.enum_type()->FindValueByName(std::string(text));
      if (word == nullptr || word->number() == 0) return false;
      many ? r.AddEnum(message, &field, word) : r.SetEnum(message, &field, word);
      return true;
    }
    case Type::CPPTYPE_STRING: {
      std::string value(text);
      if (field.type() == pb::FieldDescriptor::TYPE_BYTES &&
          !absl::Base64Unescape(absl::string_view(text.data(), text.size()), &value)) {
        return false;
      }
      many ? r.AddString(message, &field, std::move(value))
           : r.SetString(message, &field, std::move(value));
      return true;
    }
    case Type::CPPTYPE_MESSAGE: {
      const bool instant = field.message_type() == v1::Instant::descriptor();
      const bool span = field.message_type() == v1::Span::descriptor();
      if (!instant && !span) return false;
      const auto micros = instant ? ParseInstant(text) : ParseSpan(text);
      if (!micros) return false;
      pb::Message* child = many ? r.AddMessage(message, &field) : r.MutableMessage(message, &field);
      const auto* micros_field = child->GetDescriptor()->FindFieldByName("micros");
      child->GetReflection()->SetInt64(child, micros_field, *micros);
      return true;
    }
  }
  return false;
}

// Depth is bounded by the check of the text, and by the nesting of the message types.
class Decoder {
 public:
  explicit Decoder(std::vector<std::string>* unknown) : unknown_(unknown) {}

  absl::Status Object(Cursor& cursor, const std::string& path, pb::Message* message) {
    if (cursor.kind() != Cursor::Kind::kObject) {
      return WrongValue(path.empty() ? "the body" : path, "an object", cursor.TakeRaw());
    }
    cursor.Enter();
    std::string key;
    while (cursor.NextKey(&key)) {
      const auto* field = FindField(*message->GetDescriptor(), key);
      if (field == nullptr) {
        if (unknown_ != nullptr) unknown_->push_back(Join(path, key));
        cursor.TakeRaw();
        continue;
      }
      ORCH_RETURN_IF_ERROR(Field(cursor, Join(path, key), *field, message));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Field(Cursor& cursor, const std::string& path, const pb::FieldDescriptor& field,
                     pb::Message* message) {
    if (!field.is_repeated()) return Value(cursor, path, field, message);
    if (cursor.kind() == Cursor::Kind::kNull) {
      cursor.TakeRaw();
      return absl::OkStatus();
    }
    if (cursor.kind() != Cursor::Kind::kArray) return WrongValue(path, "a list", cursor.TakeRaw());
    cursor.Enter();
    for (int i = 0; cursor.NextElement(); ++i) {
      const std::string element = absl::StrFormat("%s[%d]", path, i);
      if (cursor.kind() == Cursor::Kind::kNull && field.message_type() != v1::Json::descriptor()) {
        return WrongValue(element, Wanted(field), "null");
      }
      ORCH_RETURN_IF_ERROR(Value(cursor, element, field, message));
    }
    return absl::OkStatus();
  }

  absl::Status Value(Cursor& cursor, const std::string& path, const pb::FieldDescriptor& field,
                     pb::Message* message) {
    const pb::Reflection& r = *message->GetReflection();
    if (field.message_type() == v1::Json::descriptor()) {
      pb::Message* child =
          field.is_repeated() ? r.AddMessage(message, &field) : r.MutableMessage(message, &field);
      static_cast<v1::Json*>(child)->set_utf8(std::string(cursor.TakeRaw()));
      return absl::OkStatus();
    }
    const Cursor::Kind kind = cursor.kind();
    if (kind == Cursor::Kind::kNull) {
      cursor.TakeRaw();
      return absl::OkStatus();
    }
    const bool scalar_message = field.message_type() == v1::Instant::descriptor() ||
                                field.message_type() == v1::Span::descriptor();
    if (field.cpp_type() == Type::CPPTYPE_MESSAGE && !scalar_message) {
      if (kind != Cursor::Kind::kObject) return WrongValue(path, "an object", cursor.TakeRaw());
      return Object(
          cursor, path,
          field.is_repeated() ? r.AddMessage(message, &field) : r.MutableMessage(message, &field));
    }
    const std::string_view raw = cursor.TakeRaw();
    if (kind == Cursor::Kind::kObject || kind == Cursor::Kind::kArray) {
      return WrongValue(path, Wanted(field), raw);
    }
    const bool text_wanted = field.cpp_type() == Type::CPPTYPE_STRING ||
                             field.cpp_type() == Type::CPPTYPE_ENUM || scalar_message;
    const bool is_text = kind == Cursor::Kind::kText;
    if (text_wanted != is_text) {
      // Digits in quotes are what other clients send for large integers.
      const bool quoted_number = is_text && field.cpp_type() != Type::CPPTYPE_BOOL;
      if (!quoted_number) return WrongValue(path, Wanted(field), raw);
    }
    if (!SetScalar(is_text ? Unquote(raw) : std::string(raw), field, message)) {
      return WrongValue(path, Wanted(field), raw);
    }
    return absl::OkStatus();
  }

  std::vector<std::string>* unknown_;
};

}  // namespace

absl::Status DecodeChecked(std::string_view checked, pb::Message* message,
                           std::vector<std::string>* unknown) {
  Cursor cursor(checked);
  return Decoder(unknown).Object(cursor, "", message);
}

absl::Status Decode(std::string_view text, pb::Message* message, std::vector<std::string>* unknown,
                    const JsonBudget& budget) {
  ORCH_RETURN_IF_ERROR(CheckJson(text, budget));
  return DecodeChecked(text, message, unknown);
}

absl::Status SetFromText(std::string_view text, const pb::FieldDescriptor& field,
                         pb::Message* message) {
  if (field.message_type() == v1::Json::descriptor()) {
    const pb::Reflection& r = *message->GetReflection();
    pb::Message* child =
        field.is_repeated() ? r.AddMessage(message, &field) : r.MutableMessage(message, &field);
    static_cast<v1::Json*>(child)->set_utf8(Quoted(text));
    return absl::OkStatus();
  }
  if (!SetScalar(text, field, message)) {
    return WrongValue(field.json_name(), Wanted(field), Quoted(text));
  }
  return absl::OkStatus();
}

}  // namespace orch::api::json
