// The museum: bugs that were made once or nearly, each behind a switch, so that the simulation can show that it
// would catch them. They exist in one build of their own (`--define=museum=1`); elsewhere every
// switch is a constant false, and the product holds none of them.
//
// Threads     One bug is chosen before anything starts; reading it is safe from many.
#pragma once

#include <string_view>

namespace orch {

#ifdef ORCH_MUSEUM

inline std::string_view& MuseumExhibit() {
  static std::string_view exhibit;
  return exhibit;
}
// From now on this bug is in; "" for none.
inline void ShowExhibit(std::string_view name) { MuseumExhibit() = name; }
inline bool HasBug(std::string_view name) { return MuseumExhibit() == name; }

#else

constexpr bool HasBug(std::string_view) { return false; }

#endif

}  // namespace orch
