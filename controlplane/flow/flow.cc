#include "controlplane/flow/flow.h"

namespace orch::flow {

const TaskList* Task::FindBranch(std::string_view name) const {
  for (const Branch& branch : branches) {
    if (branch.name == name) return &branch.tasks;
  }
  return nullptr;
}

const Task* Flow::FindTask(std::string_view task_id) const {
  const auto found = tasks_by_id.find(task_id);
  return found == tasks_by_id.end() ? nullptr : found->second;
}

}  // namespace orch::flow
