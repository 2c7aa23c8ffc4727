#include "controlplane/engine/sealed.h"

#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "controlplane/engine/errors.h"
#include "expression/json.h"

namespace orch::engine {
namespace {

using expression::MapBuilder;
using expression::Value;

constexpr std::string_view kEnvelopeType = "io.kestra.datatype:aes_encrypted";

// The sealed text of an envelope; nullptr for any other value.
const std::string* SealedText(const Value& value) {
  if (!value.is_map() || value.size() != 2) return nullptr;
  const Value* type = value.Find("type");
  const Value* text = value.Find("value");
  if (type == nullptr || text == nullptr || !type->is_string() || !text->is_string())
    return nullptr;
  return type->AsString() == kEnvelopeType ? &text->AsString() : nullptr;
}

}  // namespace

absl::StatusOr<Value> SealWhole(const Value& value, const Sealer* sealer, uint64_t seed) {
  if (sealer == nullptr) return NoEncryptionKey();
  absl::StatusOr<std::string> sealed =
      sealer->Seal(value.is_string() ? value.AsString() : expression::ToJson(value), seed);
  if (absl::IsFailedPrecondition(sealed.status())) return NoEncryptionKey();
  ORCH_RETURN_IF_ERROR(sealed.status());
  MapBuilder envelope;
  envelope.Set("type", Value::String(std::string(kEnvelopeType)));
  envelope.Set("value", Value::String(*std::move(sealed)));
  return envelope.Build();
}

Value OpenEnvelopes(const Value& value, const Sealer* sealer) {
  if (sealer == nullptr) return value;
  if (const std::string* sealed = SealedText(value)) {
    absl::StatusOr<std::string> plain = sealer->Open(*sealed);
    if (!plain.ok()) return value;
    // What was sealed whole is a map; a single secret is a text.
    if (!plain->empty() && plain->front() == '{') {
      absl::StatusOr<Value> map = expression::ParseJson(*plain);
      if (map.ok()) return map->WithTaint();
    }
    return Value::String(*std::move(plain)).WithTaint();
  }
  if (value.is_map()) {
    MapBuilder map;
    for (const expression::MapEntry& entry : value.entries()) {
      map.Set(entry.key, OpenEnvelopes(entry.value, sealer));
    }
    return map.Build();
  }
  if (value.is_list()) {
    std::vector<Value> items;
    items.reserve(value.size());
    for (const Value& item : value.items()) items.push_back(OpenEnvelopes(item, sealer));
    return Value::List(std::move(items));
  }
  return value;
}

bool MayHoldEnvelope(std::string_view json) {
  return json.find(kEnvelopeType) != std::string_view::npos;
}

}  // namespace orch::engine
