// What this machine can do without Orch: the denominators of tests/load.
//
//   floors machine --count N
//   floors prepare --postgres CONNINFO               makes the tables that the floor writes into
//   floors sqlite --folder DIR | postgres --postgres CONNINFO  --rows N --commits N
//
// On standard output one line of JSON, times in microseconds.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "controlplane/store/postgres/floor.h"
#include "controlplane/store/postgres/postgres_store.h"
#include "controlplane/store/sqlite/floor.h"
#include "tests/load/ping_pong.h"

namespace orch::load {
namespace {

// The one that `share` of all are at most; 0.5 is the median.
int64_t Quantile(std::vector<int64_t> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1,
                         static_cast<size_t>(share * static_cast<double>(values.size())))];
}

absl::Status PrintTimes(const char* name, const absl::StatusOr<std::vector<int64_t>>& micros,
                        const char* end) {
  ORCH_RETURN_IF_ERROR(micros.status());
  std::printf("\"%s_p50\": %lld, \"%s_p99\": %lld%s", name,
              static_cast<long long>(Quantile(*micros, 0.5)), name,
              static_cast<long long>(Quantile(*micros, 0.99)), end);
  return absl::OkStatus();
}

struct Wanted {
  std::string folder, conninfo;
  int rows = 0, commits = 0, count = 0;
};

absl::Status Machine(const Wanted& wanted) {
  std::printf("{");
  ORCH_RETURN_IF_ERROR(PrintTimes("ping_pong", PingPongMicros(wanted.count), ", "));
  return PrintTimes("spawn", SpawnMicros(std::max(10, wanted.count / 10)), "}\n");
}

absl::Status Prepare(const Wanted& wanted) {
  ORCH_RETURN_IF_ERROR(
      store::postgres::PostgresStore::Open({.conninfo = wanted.conninfo}).status());
  std::printf("{}\n");
  return absl::OkStatus();
}

absl::Status OfStore(const Wanted& wanted, bool postgres) {
  std::printf("{");
  if (wanted.commits > 0) {
    ORCH_RETURN_IF_ERROR(
        PrintTimes("commit",
                   postgres ? store::postgres::SingleCommitMicros(wanted.conninfo, wanted.commits)
                            : store::sqlite::SingleCommitMicros(wanted.folder, wanted.commits),
                   ", "));
  }
  ORCH_ASSIGN_OR_RETURN(const double rate,
                        postgres
                            ? store::postgres::UpsertRunsPerSecond(wanted.conninfo, wanted.rows)
                            : store::sqlite::UpsertRunsPerSecond(wanted.folder, wanted.rows));
  std::printf("\"rows_per_s\": %.0f}\n", rate);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Wanted wanted;
  CLI::App app{"Measures the floors of this machine."};
  app.require_subcommand(1);
  CLI::App* machine = app.add_subcommand("machine", "Stream round trips, and processes");
  machine->add_option("--count", wanted.count, "Round trips")->required();
  CLI::App* prepare = app.add_subcommand("prepare", "Makes the tables in an empty database");
  prepare->add_option("--postgres", wanted.conninfo, "How libpq reaches it")->required();
  CLI::App* sqlite = app.add_subcommand("sqlite", "Commits and upserts in a new file");
  sqlite->add_option("--folder", wanted.folder, "Where the file is made")->required();
  CLI::App* postgres = app.add_subcommand("postgres", "Commits and upserts in a database");
  postgres->add_option("--postgres", wanted.conninfo, "How libpq reaches it")->required();
  for (CLI::App* one : {sqlite, postgres}) {
    one->add_option("--rows", wanted.rows, "Rows to put")->required();
    one->add_option("--commits", wanted.commits, "Single commits before that")->required();
  }
  CLI11_PARSE(app, argc, argv);

  const absl::Status status = machine->parsed()   ? Machine(wanted)
                              : prepare->parsed() ? Prepare(wanted)
                                                  : OfStore(wanted, postgres->parsed());
  if (status.ok()) return 0;
  std::fprintf(stderr, "floors: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace orch::load

int main(int argc, char** argv) { return orch::load::Main(argc, argv); }
