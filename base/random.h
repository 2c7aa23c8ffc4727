// Random is the only way chance gets in: numbers of 64 bits, and bytes.
//
// Each implementation says whether its numbers can be guessed. Keys, tokens and nonces need
// SystemRandom; everything that is to be replayed needs SeededRandom.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace orch {

class Random {
 public:
  virtual ~Random() = default;

  // The next 64 bits.
  virtual uint64_t Next() = 0;

  // Fills `bytes`.
  virtual void Fill(std::span<uint8_t> bytes) = 0;

  // A number in [0, limit), each equally likely. `limit` > 0.
  uint64_t Below(uint64_t limit);

  // A number in [0, 1).
  double Unit();
};

// The kernel's generator; fit for secrets. When the kernel refuses, the process ends: there is no
// safe way on without it.
//
// Threads     Thread-safe.
class SystemRandom final : public Random {
 public:
  uint64_t Next() override;
  void Fill(std::span<uint8_t> bytes) override;
};

// The same seed gives the same numbers, on every machine and in every release (xoshiro256**, its
// state filled by splitmix64). Can be guessed: never for secrets.
//
// Threads     Not thread-safe.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed);

  uint64_t Next() override;
  void Fill(std::span<uint8_t> bytes) override;

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace orch
