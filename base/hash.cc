#include "base/hash.h"

namespace orch {
namespace {

constexpr uint64_t kFnvBasis = 0xcbf29ce484222325;
constexpr uint64_t kFnvPrime = 0x100000001b3;

uint64_t AddByte(uint64_t hash, uint8_t byte) { return (hash ^ byte) * kFnvPrime; }

uint64_t AddBytes(uint64_t hash, std::string_view bytes) {
  for (const char c : bytes) hash = AddByte(hash, static_cast<uint8_t>(c));
  return hash;
}

// MurmurHash3's finalizer. FNV alone leaves the top bits of short keys nearly alike.
uint64_t Mix(uint64_t hash) {
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

uint16_t TopBits(uint64_t hash) { return static_cast<uint16_t>(hash >> 48); }

}  // namespace

uint64_t StableHash(std::string_view bytes) { return Mix(AddBytes(kFnvBasis, bytes)); }

uint16_t BucketOf(std::string_view tenant, std::string_view flow_namespace,
                  std::string_view flow_id) {
  // A zero byte, which no name holds, keeps ("a", "bc") and ("ab", "c") apart.
  uint64_t hash = AddByte(AddBytes(kFnvBasis, tenant), 0);
  hash = AddByte(AddBytes(hash, flow_namespace), 0);
  return TopBits(Mix(AddBytes(hash, flow_id)));
}

uint16_t BucketOfKey(std::string_view key) { return TopBits(StableHash(key)); }

}  // namespace orch
