// Ids: strings that cannot be swapped for one another, and new ones that sort by time.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"

namespace orch {

// A string that names one kind of thing. Two kinds do not convert into each other:
//   using TaskRunId = StrongId<struct TaskRunIdTag>;
// Orders and hashes as its string does. Empty names nothing.
template <typename Tag>
class StrongId {
 public:
  StrongId() = default;
  explicit StrongId(std::string value) : value_(std::move(value)) {}
  explicit StrongId(std::string_view value) : value_(value) {}
  explicit StrongId(const char* value) : value_(value) {}

  const std::string& value() const { return value_; }
  bool empty() const { return value_.empty(); }

  friend bool operator==(const StrongId&, const StrongId&) = default;
  friend auto operator<=>(const StrongId&, const StrongId&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const StrongId& id) {
    return H::combine(std::move(state), id.value_);
  }
  friend std::ostream& operator<<(std::ostream& out, const StrongId& id) {
    return out << id.value_;
  }

 private:
  std::string value_;
};

inline constexpr size_t kTimeIdSize = 26;

// A new id of 26 characters, lower-case Crockford base32: 48 bits of `now` in milliseconds, then 80
// bits of `random`. Ids made at different milliseconds sort by time. Times before 1970 count as
// 1970.
std::string NewTimeId(absl::Time now, Random& random);
std::string NewTimeId(Clock& clock, Random& random);

// When an id was made, to the millisecond.
//   kInvalidArgument  `id` did not come from NewTimeId.
absl::StatusOr<absl::Time> TimeOfId(std::string_view id);

// The day on which an id was made, in days since 1970-01-01 UTC. Errors as TimeOfId.
absl::StatusOr<int> DayOfId(std::string_view id);

// The day of `time`, counted likewise; floors before 1970.
int DayOf(absl::Time time);

}  // namespace orch

template <typename Tag>
struct std::hash<orch::StrongId<Tag>> {
  size_t operator()(const orch::StrongId<Tag>& id) const {
    return std::hash<std::string>()(id.value());
  }
};
