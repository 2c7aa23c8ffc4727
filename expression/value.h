#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace orch::expression {

struct Fact;
struct MapEntry;
class Fuel;
class View;

// What a value is. Every kind but the last three has a counterpart in the language's specification;
// the arithmetic and the texts of a value depend on it.
enum class Kind : uint8_t {
  kNull,
  kBool,
  kI32,
  kI64,
  kBigInt,
  kF32,
  kF64,
  kBigDecimal,
  kChar,
  kString,
  kList,
  kArray,
  kSet,
  kMap,
  kEntry,
  kInstant,
  kZoned,
  kLocalDateTime,
  kLocalDate,
  kDate,
  kDuration,
  kUri,
  kEnum,
  kMarker,    // Opaque text that someone else fills in later.
  kView,      // A map whose members are fetched when they are asked for.
  kDeferred,  // Stands for the value of a fact; evaluation replaces it.
};

// The order in which a map that was built here is iterated.
enum class MapOrder : uint8_t { kInsertion, kJavaHash };

// A moment with the zone in which it is shown: a region ("Europe/Paris") or an offset ("+02:00", "Z").
struct ZonedTime {
  absl::Time time;
  std::string zone;
};

// A wall time without a zone.
struct LocalDateTime {
  absl::CivilSecond second;
  int nanosecond = 0;  // 0 .. 999,999,999
};

// Value is one value of the expression language.
//
// A value never changes. Lists and maps are shared, so a copy costs a reference count. Three facts
// about everything inside are known without a walk: whether any of it is secret (AnyTainted), whether
// any of it is a marker (HoldsMarker), and how deeply it nests (depth).
//
// Threads     Safe to read from many; assignment to one object is not.
// Memory      32 bytes, and one shared block for everything larger than a number.
class Value {
 public:
  Value() = default;  // null

  static Value Null() { return Value(); }
  static Value Bool(bool value);
  static Value Int(int32_t value);          // i32, as in JSON
  static Value Long(int64_t value);         // i64, as in integer literals
  static Value Integer(int64_t value);      // i32 if it fits, else i64: how JSON decodes integers
  static Value BigInt(std::string digits);  // decimal digits with an optional '-'
  static Value Float(float value);
  static Value Double(double value);
  static Value BigDecimal(std::string text);  // [-]digits[.digits][E[+-]digits]
  static Value Char(char16_t unit);
  static Value String(std::string text);  // UTF-8
  static Value List(std::vector<Value> items);
  static Value Array(std::vector<Value> items);  // what `split` yields: iterable, but no list
  static Value Set(std::vector<Value> items);    // the caller has removed duplicates
  static Value Entry(Value key, Value value);
  static Value Instant(absl::Time time);
  static Value Zoned(ZonedTime time);
  static Value Local(LocalDateTime time);
  static Value Date(absl::CivilDay day);     // local-date
  static Value LegacyDate(absl::Time time);  // java.util.Date
  static Value Duration(absl::Duration duration);
  static Value Uri(std::string text);
  static Value Enum(std::string name);
  // Opaque text. Printing and `~` keep it; any other use is an evaluation error.
  static Value Marker(std::string text);
  static Value OfView(std::shared_ptr<const View> view);
  // Stands for a fact that is fetched only if an expression reaches this value.
  static Value Deferred(Fact fact);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_bool() const { return kind_ == Kind::kBool; }
  bool is_integer() const { return kind_ == Kind::kI32 || kind_ == Kind::kI64; }
  bool is_number() const { return kind_ >= Kind::kI32 && kind_ <= Kind::kBigDecimal; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_list() const { return kind_ == Kind::kList; }
  bool is_map() const { return kind_ == Kind::kMap; }
  bool is_view() const { return kind_ == Kind::kView; }
  bool is_marker() const { return kind_ == Kind::kMarker; }
  // List, array or set: what items() serves.
  bool is_sequence() const { return kind_ >= Kind::kList && kind_ <= Kind::kSet; }

  // Each of these requires the kinds named beside it.
  bool AsBool() const { return payload_.boolean; }   // bool
  int64_t AsInt() const;                             // i32, i64
  double AsDouble() const;                           // every number
  char16_t AsChar() const { return payload_.unit; }  // char
  const std::string& AsString() const;  // string, uri, enum, marker; bigint and bigdec as written
  const std::vector<Value>& items() const;       // list, array, set
  const std::vector<MapEntry>& entries() const;  // map
  const Value& entry_key() const;                // entry
  const Value& entry_value() const;              // entry
  absl::Time AsTime() const;                     // instant, date, zoned
  const std::string& zone() const;               // zoned
  LocalDateTime AsLocal() const;                 // local-date-time
  absl::CivilDay AsDay() const;                  // local-date
  absl::Duration AsDuration() const;             // duration
  const View& view() const;                      // view
  const Fact& fact() const;                      // deferred

  // Members of a sequence, a map, or 0.
  size_t size() const;
  // The value under a string key of a map; null pointer if absent or if this is no map. The pointer
  // lives as long as a copy of this value does.
  const Value* Find(std::string_view key) const;
  // The same for a key of any kind; keys are equal only if their kinds are.
  const Value* FindKey(const Value& key) const;
  MapOrder order() const;  // map

  // Whether this, or anything inside, came from a secret.
  bool AnyTainted() const { return (flags_ & kTaintedFlag) != 0; }
  bool tainted() const { return AnyTainted(); }
  bool HoldsMarker() const { return (flags_ & kMarkerFlag) != 0; }
  // Whether this, or anything inside, is a view or a deferred value.
  bool HoldsDeferred() const { return (flags_ & kDeferredFlag) != 0; }
  // This value, and everything inside it, as secret.
  Value WithTaint() const;
  Value TaintedIf(bool taint) const { return taint ? WithTaint() : *this; }

  // 0 for a scalar, 1 for a flat list, and so on.
  int depth() const;
  // About how many bytes of text it makes. Shared parts count each time, so that a small value
  // that is large when written is seen as large. A view counts nothing for its members.
  size_t weight() const;

  // Java's equals: the same kind, and equal contents. 1 (i32) is not 1 (i64).
  friend bool operator==(const Value& a, const Value& b);

 private:
  friend class MapBuilder;
  struct Rep;
  struct SequenceRep;
  struct MapRep;
  enum Flag : uint8_t { kTaintedFlag = 1, kMarkerFlag = 2, kDeferredFlag = 4 };

  Value(Kind kind, std::shared_ptr<const void> rep, uint8_t flags = 0, uint16_t depth = 0)
      : kind_(kind), flags_(flags), depth_(depth), rep_(std::move(rep)) {}
  static Value Sequence(Kind kind, std::vector<Value> items);

  Kind kind_ = Kind::kNull;
  uint8_t flags_ = 0;
  uint16_t depth_ = 0;
  union {
    int64_t i64 = 0;
    bool boolean;
    double f64;
    float f32;
    char16_t unit;
  } payload_;
  std::shared_ptr<const void> rep_;
};

struct MapEntry {
  Value key;
  Value value;
};

// MapBuilder gathers the entries of one map.
class MapBuilder {
 public:
  // For kJavaHash, `capacity` is the size asked of the hash table: how the language orders a map
  // depends on it. 0 means the default.
  explicit MapBuilder(MapOrder order = MapOrder::kInsertion, size_t capacity = 0);
  ~MapBuilder();
  MapBuilder(MapBuilder&&) noexcept;
  MapBuilder& operator=(MapBuilder&&) noexcept;

  // Sets a key. A key that is there keeps its place and takes the new value.
  MapBuilder& Set(std::string_view key, Value value);
  MapBuilder& Set(Value key, Value value);
  // Whether the key was new; an old one keeps its value.
  bool Add(Value key, Value value);
  size_t size() const;

  // Ends the building; the builder is empty afterwards.
  Value Build();

 private:
  std::shared_ptr<Value::MapRep> rep_;
  MapOrder order_;
  size_t capacity_;
};

// View is a map that is too large to be built for each expression: `outputs`, `tasks`, `inputs`.
//
// Indexing it is a look-up. Iterating over it, printing it, or handing it to a filter materialises
// it, for which the evaluation pays.
//
// Threads     Get and Materialise may be called from many at once.
class View {
 public:
  virtual ~View() = default;
  // The member, which may be a view again, or a Deferred value; nullopt if there is none.
  virtual std::optional<Value> Get(std::string_view key) const = 0;
  // The whole as a map, a unit of fuel per value in it.
  //   kResourceExhausted  the fuel did not suffice.
  virtual absl::StatusOr<Value> Materialise(Fuel& fuel) const = 0;
  virtual bool Empty() const = 0;
};

}  // namespace orch::expression
