#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "expression/context.h"

namespace orch::expression {

// Why a step of an evaluation has no value. Only kMissing can be rescued, by `??`, `default` and
// `is defined`.
struct Failure {
  enum class Code { kMissing, kSyntax, kEval, kLimit, kNeed };
  Code code = Code::kEval;
  std::string text;         // kMissing: the name; else what went wrong.
  int line = 0;             // 0 until the node that failed fills it in.
  std::string source = {};  // The text it happened in, where that is not the one rendered.
};

// A T, or why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT: converts, as a return value must
  Result(Failure failure) : failure_(std::make_unique<Failure>(std::move(failure))) {}  // NOLINT

  bool ok() const { return failure_ == nullptr; }
  const T& operator*() const& { return *value_; }
  T& operator*() & { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  const T* operator->() const { return &*value_; }
  const Failure& failure() const { return *failure_; }
  Failure& failure() { return *failure_; }
  bool Failed(Failure::Code code) const { return !ok() && failure_->code == code; }

 private:
  std::optional<T> value_;
  std::unique_ptr<Failure> failure_;
};

inline Failure EvalFailure(std::string text) { return {Failure::Code::kEval, std::move(text), 0}; }
inline Failure MissingFailure(std::string_view name) {
  return {Failure::Code::kMissing, std::string(name), 0};
}
inline Failure LimitFailure(std::string text) {
  return {Failure::Code::kLimit, std::move(text), 0};
}
inline Failure FailureOf(const absl::Status& status) {
  return {absl::IsResourceExhausted(status) ? Failure::Code::kLimit : Failure::Code::kEval,
          std::string(status.message().data(), status.message().size()), 0};
}

#define EXPRESSION_JOIN_AGAIN_(left, right) left##right
#define EXPRESSION_JOIN_(left, right) EXPRESSION_JOIN_AGAIN_(left, right)

// Gives the value of a Result a name, or returns its failure.
#define ASSIGN_OR_FAIL(declaration, ...) \
  ASSIGN_OR_FAIL_NAMED_(EXPRESSION_JOIN_(result_, __LINE__), declaration, __VA_ARGS__)
#define ASSIGN_OR_FAIL_NAMED_(result, declaration, ...) \
  auto result = (__VA_ARGS__);                          \
  if (!result.ok()) return std::move(result.failure()); \
  declaration = *std::move(result)

// The same for an absl::StatusOr.
#define ASSIGN_OR_FAIL_STATUS(declaration, ...) \
  ASSIGN_OR_FAIL_STATUS_NAMED_(EXPRESSION_JOIN_(status_or_, __LINE__), declaration, __VA_ARGS__)
#define ASSIGN_OR_FAIL_STATUS_NAMED_(result, declaration, ...) \
  auto result = (__VA_ARGS__);                                 \
  if (!result.ok()) return FailureOf(result.status());         \
  declaration = *std::move(result)

}  // namespace orch::expression
