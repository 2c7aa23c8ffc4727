// Hashes that are the same on every machine and in every release: they may be stored.
//
// Not for tables in memory (absl::Hash is), and no protection against someone who wants collisions.
#pragma once

#include <cstdint>
#include <string_view>

namespace orch {

// 64 bits of `bytes`: FNV-1a, then a mix that lets every byte reach every bit.
uint64_t StableHash(std::string_view bytes);

// The bucket in which everything of one flow lives. Buckets are spread over shards by range.
uint16_t BucketOf(std::string_view tenant, std::string_view flow_namespace,
                  std::string_view flow_id);

// The bucket of whatever else has a single key, such as a limit wider than a flow.
uint16_t BucketOfKey(std::string_view key);

}  // namespace orch
