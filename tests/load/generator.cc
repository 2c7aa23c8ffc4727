// Starts executions through the gateway, and writes a line for each into a file:
//
//   due sent answered status execution     micros since 1970, 0 where it did not happen; "-" for no
//   id
//
//   generator --port N --namespace NS --flow ID --file F (--rate R --seconds S | --count N)
//   [--wait]
//
// On standard output one line of JSON: what it counted, and the CPU it took itself.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "orch/v1/execution_service.pb.h"
#include "tests/load/http_load.h"

namespace orch::load {
namespace {

double CpuSeconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

bool Write(const std::string& path, const std::vector<Exchange>& exchanges, int* answered) {
  FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  for (const Exchange& one : exchanges) {
    v1::Execution execution;
    std::string id = "-";
    if (one.status == 200 && execution.ParseFromString(one.body) && !execution.id().empty()) {
      id = execution.id();
      ++*answered;
    } else if (one.status != 200 && one.status != 0 && *answered == 0) {
      std::fprintf(stderr, "generator: answered %d: %.300s\n", one.status, one.body.c_str());
    }
    std::fprintf(file, "%lld %lld %lld %d %s\n", static_cast<long long>(one.due_micros),
                 static_cast<long long>(one.sent_micros),
                 static_cast<long long>(one.answered_micros), one.status, id.c_str());
  }
  return std::fclose(file) == 0;
}

int Main(int argc, char** argv) {
  HttpLoad::Options options;
  options.target = "/rpc/orch.v1.ExecutionService/CreateExecution";
  v1::CreateExecutionRequest start;
  std::string space, flow, file;
  double rate = 0, seconds = 0;
  int count = 0;
  bool wait = false;
  CLI::App app{"Starts executions, and notes when."};
  app.add_option("--port", options.port, "HTTP port of the control plane")->required();
  app.add_option("--namespace", space, "Of the flow")->required();
  app.add_option("--flow", flow, "The flow")->required();
  app.add_option("--file", file, "Where to write the times")->required();
  app.add_option("--rate", rate, "Open loop: starts a second");
  app.add_option("--seconds", seconds, "Open loop: for so long");
  app.add_option("--count", count, "Closed loop: so many starts");
  app.add_option("--connections", options.connection_count_max, "At most");
  app.add_flag("--wait", wait, "Starts are answered when the execution has ended");
  CLI11_PARSE(app, argc, argv);

  start.set_namespace_(space);
  start.set_flow_id(flow);
  start.set_wait(wait);
  options.body = start.SerializeAsString();
  HttpLoad load(options);
  const auto exchanges = count > 0 ? load.Repeat(count) : load.Offer(rate, absl::Seconds(seconds));
  const double cpu = CpuSeconds();  // Without reading the answers, which comes after the load.
  if (!exchanges.ok()) {
    std::fprintf(stderr, "generator: %s\n", std::string(exchanges.status().message()).c_str());
    return 1;
  }
  int answered = 0;
  if (!Write(file, *exchanges, &answered)) {
    std::perror("generator");
    return 1;
  }
  std::printf("{\"requests\": %zu, \"answered\": %d, \"cpu_s\": %.4f}\n", exchanges->size(),
              answered, cpu);
  return 0;
}

}  // namespace
}  // namespace orch::load

int main(int argc, char** argv) { return orch::load::Main(argc, argv); }
