#pragma once

#include "worker/runner/types.h"

namespace orch::worker {

// The program orch-worker, with the types that it is to serve: reads the command line, runs until
// it is told to stop (SIGTERM and SIGINT drain; a second one halts), and returns the exit code:
//   0 ended as told   1 cannot work here   2 wrong command line   4 refused by the control plane
int WorkerMain(int argc, char** argv, TypeRegistry types);

}  // namespace orch::worker
