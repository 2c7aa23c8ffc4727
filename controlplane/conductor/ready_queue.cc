#include "controlplane/conductor/ready_queue.h"

namespace orch::conductor {

void ReadyQueue::Add(const std::string& queue, const std::string& type, Item item) {
  Insert(queue, type, std::move(item), /*first=*/false);
}

void ReadyQueue::AddFirst(const std::string& queue, const std::string& type, Item item) {
  Insert(queue, type, std::move(item), /*first=*/true);
}

void ReadyQueue::Insert(const std::string& queue, const std::string& type, Item item, bool first) {
  if (!members_.insert({item.execution_id, item.run}).second) return;
  by_execution_[item.execution_id].insert(item.run);
  Line& line = lines_[{queue, type}];
  std::deque<int64_t>& runs = line.runs[item.execution_id];
  if (runs.empty()) {
    if (first) {
      line.turns.push_front(item.execution_id);
    } else {
      line.turns.push_back(item.execution_id);
    }
  }
  if (first) {
    runs.push_front(item.run);
  } else {
    runs.push_back(item.run);
  }
}

std::optional<ReadyQueue::Item> ReadyQueue::Take(const std::string& queue,
                                                 const std::string& type) {
  const auto found = lines_.find({queue, type});
  if (found == lines_.end()) return std::nullopt;
  Line& line = found->second;
  // Runs that were removed are passed over here, so that removing costs nothing.
  while (!line.turns.empty()) {
    std::string execution_id = std::move(line.turns.front());
    line.turns.pop_front();
    const auto runs = line.runs.find(execution_id);
    if (runs == line.runs.end()) continue;  // A turn left over from a line that was emptied.
    std::optional<int64_t> taken;
    while (!runs->second.empty() && !taken.has_value()) {
      const int64_t run = runs->second.front();
      runs->second.pop_front();
      if (members_.erase({execution_id, run}) > 0) taken = run;
    }
    if (runs->second.empty()) {
      line.runs.erase(runs);
    } else {
      line.turns.push_back(execution_id);
    }
    if (!taken.has_value()) continue;
    const auto members = by_execution_.find(execution_id);
    if (members != by_execution_.end()) {
      members->second.erase(*taken);
      if (members->second.empty()) by_execution_.erase(members);
    }
    return Item{std::move(execution_id), *taken};
  }
  lines_.erase(found);
  return std::nullopt;
}

void ReadyQueue::Remove(const std::string& execution_id, int64_t run) {
  if (members_.erase({execution_id, run}) == 0) return;
  const auto members = by_execution_.find(execution_id);
  members->second.erase(run);
  if (members->second.empty()) by_execution_.erase(members);
  for (auto& [key, line] : lines_) {
    const auto runs = line.runs.find(execution_id);
    if (runs != line.runs.end()) std::erase(runs->second, run);
  }
}

void ReadyQueue::RemoveExecution(const std::string& execution_id) {
  const auto members = by_execution_.find(execution_id);
  if (members == by_execution_.end()) return;
  for (const int64_t run : members->second) members_.erase({execution_id, run});
  by_execution_.erase(members);
  for (auto& [key, line] : lines_) {
    const auto runs = line.runs.find(execution_id);
    if (runs != line.runs.end()) runs->second.clear();
  }
}

void ReadyQueue::Clear() {
  lines_.clear();
  members_.clear();
  by_execution_.clear();
}

std::vector<std::string> ReadyQueue::Types(const std::string& queue) const {
  std::vector<std::string> types;
  for (auto it = lines_.lower_bound({queue, ""}); it != lines_.end() && it->first.first == queue;
       ++it) {
    types.push_back(it->first.second);
  }
  return types;
}

std::vector<std::pair<std::string, std::string>> ReadyQueue::QueuesAndTypes() const {
  std::vector<std::pair<std::string, std::string>> keys;
  for (const auto& [key, line] : lines_) keys.push_back(key);
  return keys;
}

int64_t ReadyQueue::Count(const std::string& queue, const std::string& type) const {
  const auto found = lines_.find({queue, type});
  if (found == lines_.end()) return 0;
  int64_t count = 0;
  for (const auto& [execution_id, runs] : found->second.runs) {
    count += static_cast<int64_t>(runs.size());
  }
  return count;
}

}  // namespace orch::conductor
