// Functions over values, time and chance.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "expression/crypto.h"
#include "expression/evaluator.h"
#include "expression/filters_date.h"
#include "expression/ion.h"
#include "expression/json.h"
#include "expression/operators.h"
#include "expression/registry.h"
#include "expression/text.h"
#include "expression/text_tools.h"
#include "expression/yaml.h"

namespace orch::expression {
namespace {

using Args = const CallArguments&;

Failure NeedsArgument(std::string_view function, std::string_view argument) {
  return EvalFailure("The '" + std::string(function) + "' function expects an argument '" +
                     std::string(argument) + "'");
}

Result<Value> Extreme(Args arguments, bool greatest) {
  Value best;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Value* value = arguments.Get(i);
    if (value == nullptr) continue;
    if (best.is_null()) {
      best = *value;
      continue;
    }
    if (!best.is_number() || !value->is_number())
      return EvalFailure("Only numbers can be compared");
    const bool better =
        greatest ? value->AsDouble() > best.AsDouble() : value->AsDouble() < best.AsDouble();
    if (better) best = *value;
  }
  return best;
}
Result<Value> Max(Args arguments, Evaluator&) { return Extreme(arguments, true); }
Result<Value> Min(Args arguments, Evaluator&) { return Extreme(arguments, false); }

Result<Value> RangeOf(Args arguments, Evaluator&) {
  return Range(arguments.Or(0), arguments.Or(1), arguments.Or(2, Value::Long(1)));
}

Result<Value> Now(Args arguments, Evaluator& evaluator) {
  ASSIGN_OR_FAIL(const Zone zone, ZoneOf(arguments.Get(1), evaluator));
  return Formatted(evaluator.context().now, zone, arguments.Get(0), arguments.Get(3));
}

Result<Value> FromJson(Args arguments, Evaluator&) {
  const Value* json = arguments.Get(0);
  if (json == nullptr) return NeedsArgument("fromJson", "json");
  if (json->is_null()) return Value::Null();
  if (!json->is_string())
    return EvalFailure("The 'fromJson' function expects an argument 'json' with type string");
  if (json->AsString().find_first_not_of(" \t\r\n") == std::string::npos) return Value::Null();
  size_t end = 0;
  ASSIGN_OR_FAIL_STATUS(Value value, ParseJsonPrefix(json->AsString(), &end));
  return value;
}

Result<Value> FromIon(Args arguments, Evaluator&) {
  const Value* ion = arguments.Get(0);
  if (ion == nullptr) return NeedsArgument("fromIon", "ion");
  if (ion->is_null()) return Value::Null();
  if (!ion->is_string())
    return EvalFailure("The 'fromIon' function expects an argument 'ion' with type string");
  const Value all = arguments.Or(1, Value::Bool(false));
  if (!all.is_bool()) return EvalFailure("The argument 'allRows' must be a boolean");
  ASSIGN_OR_FAIL_STATUS(std::vector<Value> values, ReadIon(ion->AsString(), all.AsBool()));
  if (all.AsBool()) return Value::List(std::move(values));
  return values.empty() ? Value::Null() : values.front();
}

Result<Value> FromYaml(Args arguments, Evaluator&) {
  const Value* yaml = arguments.Get(0);
  if (yaml == nullptr) return NeedsArgument("yaml", "yaml");
  if (!yaml->is_string())
    return EvalFailure("The 'yaml' function expects an argument 'yaml' with type string");
  ASSIGN_OR_FAIL_STATUS(Value value, ReadYaml(yaml->AsString()));
  return value;
}

std::string FromAlphabet(Dice& dice, std::string_view alphabet, size_t length) {
  std::string text;
  for (size_t i = 0; i < length; ++i) text.push_back(alphabet[dice.Below(alphabet.size())]);
  return text;
}

constexpr std::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

Result<Value> Uuid(Args, Evaluator& evaluator) {
  const uint64_t high = (evaluator.dice().Next() & ~0xF000ULL) | 0x4000;
  const uint64_t low = (evaluator.dice().Next() >> 2) | 0x8000000000000000ULL;
  return Value::String(absl::StrFormat("%08x-%04x-%04x-%04x-%012x", high >> 32,
                                       (high >> 16) & 0xFFFF, high & 0xFFFF, low >> 48,
                                       low & 0xFFFFFFFFFFFFULL));
}

Result<Value> Id(Args, Evaluator& evaluator) {
  return Value::String(FromAlphabet(evaluator.dice(), kBase62, 22));
}

// 27 letters of base 62: seconds since its epoch, then 128 random bits.
Result<Value> Ksuid(Args, Evaluator& evaluator) {
  constexpr int64_t kEpoch = 1'400'000'000;
  std::vector<uint32_t> words = {
      static_cast<uint32_t>(absl::ToUnixSeconds(evaluator.context().now) - kEpoch)};
  for (int i = 0; i < 2; ++i) {
    const uint64_t bits = evaluator.dice().Next();
    words.push_back(static_cast<uint32_t>(bits >> 32));
    words.push_back(static_cast<uint32_t>(bits));
  }
  std::string text(27, '0');
  for (size_t at = text.size(); at-- > 0;) {
    uint64_t rest = 0;
    for (uint32_t& word : words) {
      const uint64_t part = (rest << 32) | word;
      word = static_cast<uint32_t>(part / 62);
      rest = part % 62;
    }
    text[at] = kBase62[rest];
  }
  return Value::String(std::move(text));
}

Result<Value> NanoId(Args arguments, Evaluator& evaluator) {
  const Value length = arguments.Or(0, Value::Long(21));
  const Value alphabet = arguments.Or(
      1, Value::String("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"));
  if (!length.is_integer() || length.AsInt() < 1 || length.AsInt() > 1000) {
    return EvalFailure("The length of nanoId must be between 1 and 1000");
  }
  if (!alphabet.is_string() || alphabet.AsString().empty()) {
    return EvalFailure("The alphabet of nanoId must be text");
  }
  return Value::String(
      FromAlphabet(evaluator.dice(), alphabet.AsString(), static_cast<size_t>(length.AsInt())));
}

Result<Value> RandomInt(Args arguments, Evaluator& evaluator) {
  const Value lower = arguments.Or(0);
  const Value upper = arguments.Or(1);
  if (!lower.is_integer() || !upper.is_integer()) {
    return EvalFailure("The 'randomInt' function expects two whole numbers, 'lower' and 'upper'");
  }
  if (upper.AsInt() < lower.AsInt()) {
    return EvalFailure("In 'randomInt' upper must not be less than lower");
  }
  const uint64_t span = static_cast<uint64_t>(upper.AsInt()) - static_cast<uint64_t>(lower.AsInt());
  if (span == 0) return lower;
  return Value::Integer(
      static_cast<int64_t>(static_cast<uint64_t>(lower.AsInt()) + evaluator.dice().Below(span)));
}

Result<Value> RandomPort(Args, Evaluator& evaluator) {
  constexpr uint64_t kFirst = 49152;
  return Value::Int(static_cast<int32_t>(kFirst + evaluator.dice().Below(65536 - kFirst)));
}

// An empty or null text needs no cipher.
bool NothingToDo(const Value& text) {
  return text.is_null() || (text.is_string() && text.AsString().empty());
}

Result<Value> Encrypt(Args arguments, Evaluator& evaluator) {
  if (arguments.Get(0) == nullptr) return NeedsArgument("encrypt", "key");
  if (arguments.Get(1) == nullptr) return NeedsArgument("encrypt", "plaintext");
  if (NothingToDo(*arguments.Get(1))) return *arguments.Get(1);
  std::string iv;
  for (int i = 0; i < 2; ++i) {
    const uint64_t bits = evaluator.dice().Next();
    for (int byte = 0; byte < 6; ++byte) iv.push_back(static_cast<char>(bits >> (byte * 8)));
  }
  ASSIGN_OR_FAIL_STATUS(std::string text,
                        EncryptText(JavaText(*arguments.Get(0)), JavaText(*arguments.Get(1)), iv));
  return Value::String(std::move(text));
}

Result<Value> Decrypt(Args arguments, Evaluator&) {
  if (arguments.Get(0) == nullptr) return NeedsArgument("decrypt", "key");
  if (arguments.Get(1) == nullptr) return NeedsArgument("decrypt", "encrypted");
  if (NothingToDo(*arguments.Get(1))) return *arguments.Get(1);
  ASSIGN_OR_FAIL_STATUS(std::string text,
                        DecryptText(JavaText(*arguments.Get(0)), JavaText(*arguments.Get(1))));
  return Value::String(std::move(text));
}

Result<Value> Render(Args arguments, Evaluator& evaluator) {
  if (arguments.Get(0) == nullptr) return NeedsArgument("render", "toRender");
  const Value recursive = arguments.Or(1, Value::Bool(true));
  if (!recursive.is_bool())
    return EvalFailure("The 'render' function expects 'recursive' to be a boolean");
  return evaluator.RenderAgain(*arguments.Get(0), recursive.AsBool());
}

Result<Value> RenderOnce(Args arguments, Evaluator& evaluator) {
  if (arguments.Get(0) == nullptr) return NeedsArgument("renderOnce", "toRender");
  return evaluator.RenderAgain(*arguments.Get(0), false);
}

Result<Value> FetchContext(Args, Evaluator& evaluator) { return evaluator.AllVariables(); }

Result<Value> I18n(Args, Evaluator&) { return EvalFailure("There is no bundle of translations"); }

}  // namespace

std::span<const FunctionSpec> CoreFunctions() {
  static const auto* const functions = new std::vector<FunctionSpec>{
      {"max", Parameters::Any(), Max},
      {"min", Parameters::Any(), Min},
      {"range", Parameters::Of({"start", "end", "increment"}), RangeOf},
      {"now", Parameters::Of({"format", "timeZone", "existingFormat", "locale"}), Now},
      {"uuid", Parameters::Of({}), Uuid},
      {"id", Parameters::Of({}), Id},
      {"ksuid", Parameters::Of({}), Ksuid},
      {"nanoId", Parameters::Of({"length", "alphabet"}), NanoId},
      {"randomInt", Parameters::Of({"lower", "upper"}), RandomInt},
      {"randomPort", Parameters::Of({}), RandomPort},
      {"render", Parameters::Of({"toRender", "recursive"}), Render},
      {"renderOnce", Parameters::Of({"toRender"}), RenderOnce},
      {"fetchContext", Parameters::Of({}), FetchContext},
      {"printContext", Parameters::Of({}), FetchContext},
      {"i18n", Parameters::Any(), I18n},
  };
  return *functions;
}

std::span<const FunctionSpec> DataFunctions() {
  static const auto* const functions = new std::vector<FunctionSpec>{
      {"fromJson", Parameters::Of({"json"}), FromJson},
      {"json", Parameters::Of({"json"}), FromJson},
      {"fromIon", Parameters::Of({"ion", "allRows"}), FromIon},
      {"yaml", Parameters::Of({"yaml"}), FromYaml},
      {"encrypt", Parameters::Of({"key", "plaintext"}), Encrypt},
      {"decrypt", Parameters::Of({"key", "encrypted"}), Decrypt},
  };
  return *functions;
}

}  // namespace orch::expression
