// Metrics shows what the control plane does as Prometheus numbers, read when they are asked for.
//
// Threads     Thread-safe.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/registry.h>

#include <functional>
#include <memory>

#include "controlplane/conductor/strand.h"

namespace orch::server {

class Metrics {
 public:
  explicit Metrics(std::function<conductor::Strand::Counts()> counts);
  prometheus::Registry& registry() { return *registry_; }

 private:
  class Collector;
  std::unique_ptr<prometheus::Registry> registry_;
};

}  // namespace orch::server
