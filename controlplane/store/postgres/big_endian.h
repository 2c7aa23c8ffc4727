// Numbers in the byte order of PostgreSQL's protocol.
#pragma once

#include <concepts>
#include <string>

namespace orch::store::postgres {

template <std::unsigned_integral T>
void AppendBigEndian(T value, std::string* out) {
  char bytes[sizeof(T)];
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes[sizeof(T) - 1 - i] = static_cast<char>(value & 0xff);
    value = static_cast<T>(value >> (sizeof(T) > 1 ? 8 : 0));
  }
  out->append(bytes, sizeof(T));
}

template <std::unsigned_integral T>
std::string BigEndian(T value) {
  std::string bytes;
  AppendBigEndian(value, &bytes);
  return bytes;
}

template <std::unsigned_integral T>
T ReadBigEndian(const char* bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>((value << 8) | static_cast<unsigned char>(bytes[i]));
  }
  return value;
}

}  // namespace orch::store::postgres
