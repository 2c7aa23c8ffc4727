#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <algorithm>
#include <bit>

namespace orch {

uint64_t Random::Below(uint64_t limit) {
  // Numbers below 2^64 mod limit are drawn again, or small remainders would come up too often.
  const uint64_t unfair_below = -limit % limit;
  uint64_t drawn = Next();
  while (drawn < unfair_below) drawn = Next();
  return drawn % limit;
}

double Random::Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

uint64_t SystemRandom::Next() {
  std::array<uint8_t, 8> bytes;
  Fill(bytes);
  return std::bit_cast<uint64_t>(bytes);
}

void SystemRandom::Fill(std::span<uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = getrandom(bytes.data(), bytes.size(), 0);
    if (count < 0) {
      if (errno == EINTR) continue;
      abort();
    }
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
}

SeededRandom::SeededRandom(uint64_t seed) {
  for (uint64_t& word : state_) {  // splitmix64
    seed += 0x9e3779b97f4a7c15;
    uint64_t mixed = seed;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    word = mixed ^ (mixed >> 31);
  }
}

uint64_t SeededRandom::Next() {  // xoshiro256**
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

void SeededRandom::Fill(std::span<uint8_t> bytes) {
  while (!bytes.empty()) {
    uint64_t word = Next();
    const size_t count = std::min<size_t>(bytes.size(), 8);
    for (uint8_t& byte : bytes.first(count)) {  // Lowest byte first, whatever the machine.
      byte = static_cast<uint8_t>(word);
      word >>= 8;
    }
    bytes = bytes.subspan(count);
  }
}

}  // namespace orch
