#include "controlplane/server/metrics.h"

#include <string>
#include <utility>
#include <vector>

namespace orch::server {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily Number(const std::string& name, const std::string& help, MetricType type,
                    int64_t value) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  ClientMetric metric;
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) =
      static_cast<double>(value);
  family.metric.push_back(metric);
  return family;
}

}  // namespace

// A registry whose numbers are read when somebody asks, so that the strand counts in plain integers.
class Metrics::Collector final : public prometheus::Registry {
 public:
  explicit Collector(std::function<conductor::Strand::Counts()> counts)
      : counts_(std::move(counts)) {}

  std::vector<MetricFamily> Collect() const override {
    const conductor::Strand::Counts counts = counts_();
    const auto counter = MetricType::Counter;
    const auto gauge = MetricType::Gauge;
    return {
        Number("kestra_executor_execution_started_count_total", "Executions created", counter,
               counts.executions_created),
        Number("kestra_executor_execution_end_count_total", "Executions that ended", counter,
               counts.executions_ended),
        Number("orch_strand_steps_total", "Decisions", counter, counts.steps),
        Number("orch_strand_batches_total", "Batches committed", counter, counts.batches),
        Number("orch_strand_rows_total", "Rows committed", counter, counts.rows),
        Number("orch_strand_refused_total", "Commits that were refused", counter, counts.refused),
        Number("orch_strand_unknown_total", "Commits whose answer was lost", counter,
               counts.unknown),
        Number("orch_strand_fenced_total", "Batches that were fenced", counter, counts.fenced),
        Number("orch_lease_granted_total", "Leases granted", counter, counts.leases_granted),
        Number("orch_result_accepted_total", "Results accepted", counter, counts.results_accepted),
        Number("orch_lease_fenced_total", "Results that came too late", counter,
               counts.results_fenced),
        Number("orch_execution_live", "Executions in memory", gauge, counts.live),
        Number("kestra_worker_job_pending", "Task runs that wait for a slot", gauge,
               counts.waiting),
        Number("orch_execution_quarantined", "Executions that cannot be read or stored", gauge,
               counts.quarantined),
        Number("orch_strand_ready", "1 when shards are owned and loaded", gauge,
               counts.ready ? 1 : 0),
    };
  }

 private:
  const std::function<conductor::Strand::Counts()> counts_;
};

Metrics::Metrics(std::function<conductor::Strand::Counts()> counts)
    : registry_(std::make_unique<Collector>(std::move(counts))) {}

}  // namespace orch::server
