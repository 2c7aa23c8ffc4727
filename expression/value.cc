#include "expression/value.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "expression/decimal.h"
#include "expression/fact.h"
#include "expression/java_hash.h"

namespace orch::expression {
namespace {

using TimeRep = ZonedTime;
using EntryRep = std::pair<Value, Value>;

// From this size on a map keeps an index of its string keys.
constexpr size_t kIndexedFrom = 9;

uint16_t Deeper(int depth) {
  return static_cast<uint16_t>(std::min(depth + 1, int{std::numeric_limits<uint16_t>::max()}));
}

}  // namespace

struct Value::SequenceRep {
  std::vector<Value> items;
  size_t weight = 0;
};

struct Value::MapRep {
  std::vector<MapEntry> entries;
  absl::flat_hash_map<std::string, size_t> index;  // Of string keys, once there are many.
  size_t weight = 0;
  uint16_t depth = 0;
  uint8_t flags = 0;
  MapOrder order = MapOrder::kInsertion;

  size_t FindString(std::string_view key) const {
    if (entries.size() >= kIndexedFrom) {
      const auto found = index.find(absl::string_view(key.data(), key.size()));
      return found == index.end() ? entries.size() : found->second;
    }
    size_t at = 0;
    while (at < entries.size() &&
           !(entries[at].key.is_string() && entries[at].key.AsString() == key)) {
      ++at;
    }
    return at;
  }
  size_t FindAny(const Value& key) const {
    if (key.is_string()) return FindString(key.AsString());
    size_t at = 0;
    while (at < entries.size() && !(entries[at].key == key)) ++at;
    return at;
  }
  void Reindex() {
    index.clear();
    if (entries.size() < kIndexedFrom) return;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].key.is_string()) index[entries[i].key.AsString()] = i;
    }
  }
};

Value Value::Bool(bool value) {
  Value result(Kind::kBool, nullptr);
  result.payload_.boolean = value;
  return result;
}

Value Value::Int(int32_t value) {
  Value result(Kind::kI32, nullptr);
  result.payload_.i64 = value;
  return result;
}

Value Value::Long(int64_t value) {
  Value result(Kind::kI64, nullptr);
  result.payload_.i64 = value;
  return result;
}

Value Value::Integer(int64_t value) {
  const bool fits =
      value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max();
  return fits ? Int(static_cast<int32_t>(value)) : Long(value);
}

Value Value::BigInt(std::string digits) {
  return Value(Kind::kBigInt, std::make_shared<const std::string>(std::move(digits)));
}

Value Value::Float(float value) {
  Value result(Kind::kF32, nullptr);
  result.payload_.f32 = value;
  return result;
}

Value Value::Double(double value) {
  Value result(Kind::kF64, nullptr);
  result.payload_.f64 = value;
  return result;
}

Value Value::BigDecimal(std::string text) {
  return Value(Kind::kBigDecimal, std::make_shared<const std::string>(std::move(text)));
}

Value Value::Char(char16_t unit) {
  Value result(Kind::kChar, nullptr);
  result.payload_.unit = unit;
  return result;
}

Value Value::String(std::string text) {
  return Value(Kind::kString, std::make_shared<const std::string>(std::move(text)));
}

Value Value::Sequence(Kind kind, std::vector<Value> items) {
  auto rep = std::make_shared<SequenceRep>();
  uint8_t flags = 0;
  int depth = 0;
  size_t weight = 2;
  for (const Value& item : items) {
    flags |= item.flags_;
    depth = std::max(depth, int{item.depth_});
    weight = SaturatingAdd(weight, SaturatingAdd(item.weight(), 1));
  }
  rep->items = std::move(items);
  rep->weight = weight;
  return Value(kind, std::move(rep), flags, Deeper(depth));
}

Value Value::List(std::vector<Value> items) { return Sequence(Kind::kList, std::move(items)); }
Value Value::Array(std::vector<Value> items) { return Sequence(Kind::kArray, std::move(items)); }
Value Value::Set(std::vector<Value> items) { return Sequence(Kind::kSet, std::move(items)); }

Value Value::Entry(Value key, Value value) {
  const uint8_t flags = key.flags_ | value.flags_;
  const uint16_t depth = Deeper(std::max(key.depth_, value.depth_));
  return Value(Kind::kEntry, std::make_shared<const EntryRep>(std::move(key), std::move(value)),
               flags, depth);
}

Value Value::Instant(absl::Time time) {
  return Value(Kind::kInstant, std::make_shared<const TimeRep>(TimeRep{time, "UTC"}));
}

Value Value::Zoned(ZonedTime time) {
  return Value(Kind::kZoned, std::make_shared<const TimeRep>(std::move(time)));
}

Value Value::Local(LocalDateTime time) {
  return Value(Kind::kLocalDateTime, std::make_shared<const LocalDateTime>(time));
}

Value Value::Date(absl::CivilDay day) {
  return Value(Kind::kLocalDate, std::make_shared<const absl::CivilDay>(day));
}

Value Value::LegacyDate(absl::Time time) {
  return Value(Kind::kDate, std::make_shared<const TimeRep>(TimeRep{time, "UTC"}));
}

Value Value::Duration(absl::Duration duration) {
  return Value(Kind::kDuration, std::make_shared<const absl::Duration>(duration));
}

Value Value::Uri(std::string text) {
  return Value(Kind::kUri, std::make_shared<const std::string>(std::move(text)));
}

Value Value::Enum(std::string name) {
  return Value(Kind::kEnum, std::make_shared<const std::string>(std::move(name)));
}

Value Value::Marker(std::string text) {
  return Value(Kind::kMarker, std::make_shared<const std::string>(std::move(text)), kMarkerFlag);
}

Value Value::OfView(std::shared_ptr<const View> view) {
  return Value(Kind::kView, std::make_shared<const std::shared_ptr<const View>>(std::move(view)),
               kDeferredFlag, 1);
}

Value Value::Deferred(Fact fact) {
  const uint8_t flags = kDeferredFlag | (fact.tainted() ? kTaintedFlag : 0);
  return Value(Kind::kDeferred, std::make_shared<const Fact>(std::move(fact)), flags);
}

int64_t Value::AsInt() const { return payload_.i64; }

double Value::AsDouble() const {
  switch (kind_) {
    case Kind::kI32:
    case Kind::kI64: return static_cast<double>(payload_.i64);
    case Kind::kF32: return payload_.f32;
    case Kind::kF64: return payload_.f64;
    case Kind::kBigInt:
    case Kind::kBigDecimal: return DecimalToDouble(AsString());
    default: return 0;
  }
}

const std::string& Value::AsString() const {
  static const std::string* const empty = new std::string();
  switch (kind_) {
    case Kind::kString:
    case Kind::kUri:
    case Kind::kEnum:
    case Kind::kMarker:
    case Kind::kBigInt:
    case Kind::kBigDecimal: return *static_cast<const std::string*>(rep_.get());
    default: return *empty;
  }
}

const std::vector<Value>& Value::items() const {
  static const auto* const empty = new std::vector<Value>();
  return is_sequence() ? static_cast<const SequenceRep*>(rep_.get())->items : *empty;
}

const std::vector<MapEntry>& Value::entries() const {
  static const auto* const empty = new std::vector<MapEntry>();
  return is_map() ? static_cast<const MapRep*>(rep_.get())->entries : *empty;
}

const Value& Value::entry_key() const { return static_cast<const EntryRep*>(rep_.get())->first; }
const Value& Value::entry_value() const { return static_cast<const EntryRep*>(rep_.get())->second; }
absl::Time Value::AsTime() const { return static_cast<const TimeRep*>(rep_.get())->time; }
const std::string& Value::zone() const { return static_cast<const TimeRep*>(rep_.get())->zone; }
LocalDateTime Value::AsLocal() const { return *static_cast<const LocalDateTime*>(rep_.get()); }
absl::CivilDay Value::AsDay() const { return *static_cast<const absl::CivilDay*>(rep_.get()); }
absl::Duration Value::AsDuration() const { return *static_cast<const absl::Duration*>(rep_.get()); }
const View& Value::view() const {
  return **static_cast<const std::shared_ptr<const View>*>(rep_.get());
}
const Fact& Value::fact() const { return *static_cast<const Fact*>(rep_.get()); }

size_t Value::size() const {
  if (is_sequence()) return items().size();
  return is_map() ? entries().size() : 0;
}

const Value* Value::Find(std::string_view key) const {
  if (!is_map()) return nullptr;
  const auto* rep = static_cast<const MapRep*>(rep_.get());
  const size_t at = rep->FindString(key);
  return at < rep->entries.size() ? &rep->entries[at].value : nullptr;
}

const Value* Value::FindKey(const Value& key) const {
  if (!is_map()) return nullptr;
  const auto* rep = static_cast<const MapRep*>(rep_.get());
  const size_t at = rep->FindAny(key);
  return at < rep->entries.size() ? &rep->entries[at].value : nullptr;
}

MapOrder Value::order() const {
  return is_map() ? static_cast<const MapRep*>(rep_.get())->order : MapOrder::kInsertion;
}

int Value::depth() const { return depth_; }

size_t Value::weight() const {
  switch (kind_) {
    case Kind::kList:
    case Kind::kArray:
    case Kind::kSet: return static_cast<const SequenceRep*>(rep_.get())->weight;
    case Kind::kMap: return static_cast<const MapRep*>(rep_.get())->weight;
    case Kind::kEntry:
      return SaturatingAdd(entry_key().weight(), SaturatingAdd(entry_value().weight(), 1));
    case Kind::kString:
    case Kind::kUri:
    case Kind::kEnum:
    case Kind::kMarker:
    case Kind::kBigInt:
    case Kind::kBigDecimal: return AsString().size() + 2;
    default: return 8;
  }
}

Value Value::WithTaint() const {
  Value result = *this;
  result.flags_ |= kTaintedFlag;
  if (is_sequence()) {
    std::vector<Value> tainted;
    tainted.reserve(size());
    for (const Value& item : items()) tainted.push_back(item.WithTaint());
    result = Sequence(kind_, std::move(tainted));
  } else if (is_map()) {
    auto copy = std::make_shared<MapRep>(*static_cast<const MapRep*>(rep_.get()));
    for (MapEntry& entry : copy->entries) entry.value = entry.value.WithTaint();
    result.rep_ = std::move(copy);
  } else if (kind_ == Kind::kEntry) {
    result = Entry(entry_key().WithTaint(), entry_value().WithTaint());
  }
  result.flags_ |= kTaintedFlag;
  return result;
}

bool operator==(const Value& a, const Value& b) {
  if (a.kind_ != b.kind_) return false;
  if (a.rep_ != nullptr && a.rep_ == b.rep_) return true;
  switch (a.kind_) {
    case Kind::kNull: return true;
    case Kind::kBool: return a.payload_.boolean == b.payload_.boolean;
    case Kind::kI32:
    case Kind::kI64: return a.payload_.i64 == b.payload_.i64;
    case Kind::kF32: return a.payload_.f32 == b.payload_.f32;
    case Kind::kF64: return a.payload_.f64 == b.payload_.f64;
    case Kind::kChar: return a.payload_.unit == b.payload_.unit;
    case Kind::kBigInt:
    case Kind::kBigDecimal:
    case Kind::kString:
    case Kind::kUri:
    case Kind::kEnum:
    case Kind::kMarker: return a.AsString() == b.AsString();
    case Kind::kList:
    case Kind::kArray: return a.items() == b.items();
    case Kind::kSet:
      return a.size() == b.size() &&
             std::all_of(a.items().begin(), a.items().end(), [&](const Value& item) {
               return std::find(b.items().begin(), b.items().end(), item) != b.items().end();
             });
    case Kind::kMap:
      return a.size() == b.size() &&
             std::all_of(a.entries().begin(), a.entries().end(), [&](const MapEntry& entry) {
               const Value* other = b.FindKey(entry.key);
               return other != nullptr && *other == entry.value;
             });
    case Kind::kEntry: return a.entry_key() == b.entry_key() && a.entry_value() == b.entry_value();
    case Kind::kInstant:
    case Kind::kDate: return a.AsTime() == b.AsTime();
    case Kind::kZoned: return a.AsTime() == b.AsTime() && a.zone() == b.zone();
    case Kind::kLocalDateTime:
      return a.AsLocal().second == b.AsLocal().second &&
             a.AsLocal().nanosecond == b.AsLocal().nanosecond;
    case Kind::kLocalDate: return a.AsDay() == b.AsDay();
    case Kind::kDuration: return a.AsDuration() == b.AsDuration();
    case Kind::kView: return &a.view() == &b.view();
    case Kind::kDeferred: return a.fact().Key() == b.fact().Key();
  }
  return false;
}

MapBuilder::MapBuilder(MapOrder order, size_t capacity)
    : rep_(std::make_shared<Value::MapRep>()), order_(order), capacity_(capacity) {}
MapBuilder::~MapBuilder() = default;
MapBuilder::MapBuilder(MapBuilder&&) noexcept = default;
MapBuilder& MapBuilder::operator=(MapBuilder&&) noexcept = default;

MapBuilder& MapBuilder::Set(std::string_view key, Value value) {
  return Set(Value::String(std::string(key)), std::move(value));
}

MapBuilder& MapBuilder::Set(Value key, Value value) {
  const size_t at = rep_->FindAny(key);
  if (at < rep_->entries.size()) {
    rep_->entries[at].value = std::move(value);
  } else {
    Add(std::move(key), std::move(value));
  }
  return *this;
}

bool MapBuilder::Add(Value key, Value value) {
  if (rep_->FindAny(key) < rep_->entries.size()) return false;
  if (key.is_string() && rep_->entries.size() + 1 > kIndexedFrom) {
    rep_->index[key.AsString()] = rep_->entries.size();
  }
  rep_->entries.push_back({std::move(key), std::move(value)});
  if (rep_->entries.size() == kIndexedFrom) rep_->Reindex();
  return true;
}

size_t MapBuilder::size() const { return rep_->entries.size(); }

Value MapBuilder::Build() {
  std::shared_ptr<Value::MapRep> rep = std::move(rep_);
  rep_ = std::make_shared<Value::MapRep>();
  if (order_ == MapOrder::kJavaHash) {
    SortByJavaHash(rep->entries, capacity_);
    rep->Reindex();
  }
  rep->order = order_;
  size_t weight = 2;
  int depth = 0;
  uint8_t flags = 0;
  for (const MapEntry& entry : rep->entries) {
    weight = SaturatingAdd(
        weight, SaturatingAdd(2, SaturatingAdd(entry.key.weight(), entry.value.weight())));
    depth = std::max({depth, int{entry.key.depth_}, int{entry.value.depth_}});
    flags |= entry.key.flags_ | entry.value.flags_;
  }
  rep->weight = weight;
  return Value(Kind::kMap, std::move(rep), flags, Deeper(depth));
}

}  // namespace orch::expression
