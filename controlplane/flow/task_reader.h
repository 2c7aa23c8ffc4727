// TaskReader turns the nodes of tasks into tasks. Internal to flow/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/flow/flow.h"
#include "controlplane/flow/reading.h"
#include "controlplane/flow/yaml.h"

namespace orch::flow {

// The properties that every task may have.
const std::vector<std::string>& BaseProperties();

// `retry` of a task or a flow; nullopt when it is wrong.
// `runs`: false for what is disabled, which may ask for what the engine cannot do yet.
std::optional<Retry> ReadRetry(Reading* reading, const YamlNode& node, const std::string& path,
                               bool runs);
std::optional<WorkerGroup> ReadWorkerGroup(Reading* reading, const YamlNode& node,
                                           const std::string& path, bool runs);

class TaskReader {
 public:
  // Tasks get their indexes in `flow`.
  TaskReader(Reading* reading, Flow* flow) : reading_(reading), flow_(flow) {}

  // A list of tasks. `path` is where it stands; `parent` the task that owns it, -1 for the flow.
  TaskList ReadList(const YamlNode& list, const std::string& path, int parent, bool disabled_above);

 private:
  std::unique_ptr<Task> ReadTask(const YamlNode& node, const std::string& path, int parent,
                                 bool disabled_above);
  void ReadType(const YamlNode& node, Fields* fields, const std::string& path, Task* task,
                const TaskType** type);
  void RefuseUnknownType(const YamlNode& node, const std::string& path, const Task& task);
  void ReadBase(Fields* fields, const std::string& path, Task* task);
  void ReadProperties(const YamlNode& node, const std::string& path, const std::string& label,
                      const TaskType* type, Fields* fields, Task* task);
  void ReadLists(const YamlNode& node, const std::string& path, const TaskType& type, Task* task);
  void ReadDag(const YamlNode& list, const std::string& path, Task* task);
  void CheckFlowable(const YamlNode& node, Fields* fields, Task* task);
  void CheckDag(const YamlNode& node, const Task& task, const std::string& label);

  Reading* reading_;
  Flow* flow_;
};

}  // namespace orch::flow
