#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace orch::load {

// How long each of `count` round trips takes on a gRPC stream of the worker protocol over loopback:
// a message of one result there, of one ack back.
absl::StatusOr<std::vector<int64_t>> PingPongMicros(int count);

// How long it takes, each of `count` times, to spawn /bin/true and see it end.
absl::StatusOr<std::vector<int64_t>> SpawnMicros(int count);

}  // namespace orch::load
