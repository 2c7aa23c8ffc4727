#include "controlplane/api/operations.h"

#include <map>

#include "controlplane/api/declarations.h"
#include "controlplane/api/declarations_are_complete.h"

namespace orch::api {
namespace {

namespace pb = ::google::protobuf;

const std::map<std::string, const pb::MethodDescriptor*>& ServedMethods() {
  static const auto& methods = *[] {
    auto* all = new std::map<std::string, const pb::MethodDescriptor*>();
    for (const pb::ServiceDescriptor* service : ServedServices()) {
      for (int i = 0; i < service->method_count(); ++i) {
        (*all)[NameOf(*service->method(i))] = service->method(i);
      }
    }
    return all;
  }();
  return methods;
}

}  // namespace

Operation& Operations::AddEntry(const std::string& name, const pb::Descriptor* request,
                                const pb::Descriptor* answer,
                                std::function<Operation::MessagePtr()> new_request) {
  const auto found = ServedMethods().find(name);
  if (found == ServedMethods().end()) {
    faults_ += name + " has a handler and is no RPC; ";
  } else if (found->second->input_type() != request ||
             (answer != nullptr && found->second->output_type() != answer)) {
    faults_ += name + " has a handler for other messages; ";
  }
  const auto [entry, added] = operations_.try_emplace(name);
  if (!added) faults_ += name + " has two handlers; ";
  entry->second.method = found == ServedMethods().end() ? nullptr : found->second;
  entry->second.new_request = std::move(new_request);
  return entry->second;
}

absl::Status Operations::Check() const {
  std::string faults = faults_;
  for (const auto& [name, method] : ServedMethods()) {
    const Operation* operation = Find(name);
    if (operation == nullptr) {
      faults += name + " has no handler; ";
      continue;
    }
    const bool bytes = method->output_type()->full_name() == "orch.v1.BytesPart";
    const bool fits = method->server_streaming()
                          ? (bytes ? bool(operation->bytes) : bool(operation->events))
                          : bool(operation->unary) || bool(operation->async);
    if (!fits) faults += name + " has a handler of another kind; ";
  }
  if (faults.empty()) return absl::OkStatus();
  faults.resize(faults.size() - 2);
  return absl::InternalError(faults);
}

const Operation* Operations::Find(std::string_view name) const {
  const auto found = operations_.find(name);
  return found == operations_.end() ? nullptr : &found->second;
}

}  // namespace orch::api
