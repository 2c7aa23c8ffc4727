// Secret holds a value that must not be printed by accident: it has no stream operator, no string
// conversion and no comparison, and wipes its bytes when it ends.
//
// Threads     Safe to read from many.
// Ownership   Owns its bytes. A copy has bytes of its own, wiped likewise.
#pragma once

#include <string.h>

#include <string>
#include <string_view>
#include <utility>

namespace orch::secrets {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  ~Secret() { Wipe(); }
  Secret(const Secret& other) = default;
  Secret& operator=(const Secret& other) {
    if (this == &other) return *this;
    Wipe();
    value_ = other.value_;
    return *this;
  }
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.Wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this == &other) return *this;
    Wipe();
    value_ = std::move(other.value_);
    other.Wipe();
    return *this;
  }

  // The value itself. Where this word stands, a reviewer looks.
  std::string_view Expose() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  void Wipe() {
    if (!value_.empty()) explicit_bzero(value_.data(), value_.size());
    value_.clear();
  }

  std::string value_;
};

}  // namespace orch::secrets
