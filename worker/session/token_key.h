#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "orch/v1/worker.pb.h"

namespace orch::worker {

// TokenKey is a lease token as a key: ordered, so that whatever walks a map of them does so in the
// same order in every process.
struct TokenKey {
  std::string attempt;
  uint64_t fence = 0;

  TokenKey() = default;
  explicit TokenKey(const v1::LeaseToken& token) : attempt(token.attempt()), fence(token.fence()) {}

  v1::LeaseToken ToProto() const {
    v1::LeaseToken token;
    token.set_attempt(attempt);
    token.set_fence(fence);
    return token;
  }

  auto operator<=>(const TokenKey&) const = default;
};

}  // namespace orch::worker
