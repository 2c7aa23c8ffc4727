#include "worker/main/worker_main.h"
#include "worker/tasks/builtin.h"

int main(int argc, char** argv) {
  return orch::worker::WorkerMain(argc, argv, orch::worker::BuiltinTypes());
}
