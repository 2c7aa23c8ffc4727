// orch-worker with one type more: bench.Noop.
#include "tests/load/noop.h"
#include "worker/main/worker_main.h"
#include "worker/tasks/builtin.h"

int main(int argc, char** argv) {
  orch::worker::TypeRegistry types = orch::worker::BuiltinTypes();
  types.tasks.Add(orch::load::NoopType());
  return orch::worker::WorkerMain(argc, argv, std::move(types));
}
