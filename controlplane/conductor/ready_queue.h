// ReadyQueue holds the runs that wait for a slot: by queue and type, executions taking turns.
//
// Invariant: a run stands in it at most once. A huge execution delays no other: within one queue and
// type, each execution gives one run and goes to the back.
//
// Threads     Not thread-safe; lives on its strand.
// Memory      An entry per waiting run.
// Durability  None: after a takeover the waiting rows are offered again.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace orch::conductor {

class ReadyQueue {
 public:
  struct Item {
    std::string execution_id;
    int64_t run = 0;
  };

  // Adding what is there changes nothing.
  void Add(const std::string& queue, const std::string& type, Item item);
  // Puts a run that was taken back in front of its execution's others.
  void AddFirst(const std::string& queue, const std::string& type, Item item);
  // Takes the next of a queue and type.
  std::optional<Item> Take(const std::string& queue, const std::string& type);
  // Removing what is not there is no error.
  void Remove(const std::string& execution_id, int64_t run);
  void RemoveExecution(const std::string& execution_id);
  void Clear();

  // Types of a queue in which something waits.
  std::vector<std::string> Types(const std::string& queue) const;
  std::vector<std::pair<std::string, std::string>> QueuesAndTypes() const;
  int64_t size() const { return static_cast<int64_t>(members_.size()); }
  int64_t Count(const std::string& queue, const std::string& type) const;

 private:
  using Key = std::pair<std::string, std::string>;  // queue, type
  using Member = std::pair<std::string, int64_t>;   // execution, run
  struct Line {
    std::deque<std::string> turns;  // Executions with waiting runs.
    absl::flat_hash_map<std::string, std::deque<int64_t>> runs;
  };

  void Insert(const std::string& queue, const std::string& type, Item item, bool first);

  std::map<Key, Line> lines_;
  absl::flat_hash_set<Member> members_;
  absl::flat_hash_map<std::string, absl::flat_hash_set<int64_t>> by_execution_;
};

}  // namespace orch::conductor
