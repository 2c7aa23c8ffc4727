// Sometimes remembers situations that many seeds together must reach: a simulation that never gets
// there proves nothing about them.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace orch::simulation {

class Sometimes {
 public:
  // Names a situation that must be reached.
  void Expect(const std::string& name) { counts_.try_emplace(name, 0); }
  void Reach(const std::string& name) { ++counts_[name]; }
  std::vector<std::string> Missed() const {
    std::vector<std::string> missed;
    for (const auto& [name, count] : counts_) {
      if (count == 0) missed.push_back(name);
    }
    return missed;
  }
  const std::map<std::string, int64_t>& counts() const { return counts_; }

 private:
  std::map<std::string, int64_t> counts_;
};

}  // namespace orch::simulation
