"""The rooms of the house, and which may use which.

Arrows point up: a room names what it may include. Besides, every room may use itself and base/, and
those of the control plane the plain values of expression/, flow/ and engine/ above them. Tests and
main.cc may reach further.
"""

EVERYTHING = "everything"

# A room stands in the list after everything that it may use.
ROOMS = {
    "base": [],
    "proto": [],
    "expression": [],
    "task_types": [],
    "secrets": [],
    "sdk-cpp": ["proto"],
    "controlplane/flow": ["task_types"],
    "controlplane/engine": ["secrets", "proto"],  # Events and records are messages; lines are scrubbed.
    "controlplane/store": ["proto"],
    "controlplane/store/postgres": ["controlplane/store", "proto"],
    "controlplane/store/sqlite": ["controlplane/store", "proto"],
    "controlplane/catalog": ["controlplane/store", "secrets", "task_types", "proto"],
    "controlplane/storage": [],
    "controlplane/storage/local": ["controlplane/storage"],
    "controlplane/storage/database": ["controlplane/storage", "controlplane/store"],
    "controlplane/storage/s3": ["controlplane/storage", "proto"],
    "controlplane/jq": [],
    "controlplane/auth": ["controlplane/store", "secrets", "proto"],
    "controlplane/facts": [
        "controlplane/store", "controlplane/catalog", "controlplane/storage", "controlplane/jq",
        "secrets", "proto"
    ],
    "controlplane/conductor": ["controlplane/store", "controlplane/facts", "secrets", "proto"],
    "controlplane/scheduler": ["controlplane/conductor", "controlplane/store", "proto"],
    "controlplane/dispatch": [
        "controlplane/conductor", "controlplane/catalog", "controlplane/store", "secrets", "proto"
    ],
    "controlplane/peer": ["controlplane/dispatch", "proto"],
    "controlplane/system": [
        "controlplane/dispatch", "controlplane/catalog", "controlplane/storage",
        "controlplane/store", "proto"
    ],
    "controlplane/api/json": ["proto"],
    "controlplane/api": [
        "controlplane/api/json", "controlplane/store", "controlplane/catalog",
        "controlplane/storage", "controlplane/auth", "controlplane/facts", "controlplane/conductor",
        "controlplane/scheduler", "controlplane/dispatch", "controlplane/peer",
        "controlplane/system", "task_types", "secrets", "proto"
    ],
    "controlplane/gateway": [
        "controlplane/api/json", "controlplane/api", "controlplane/storage", "proto", "webui"
    ],
    "controlplane/server": EVERYTHING,
    "worker/session": ["proto"],
    "worker/spool": ["worker/session", "proto"],
    "worker/link": ["worker/session", "proto"],
    "worker/shim": [],
    "worker/runner": ["worker/session", "worker/shim", "sdk-cpp", "secrets", "expression", "proto"],
    "worker/tasks": ["worker/runner", "sdk-cpp", "expression", "task_types", "proto"],
    "worker/web": ["sdk-cpp", "expression", "proto"],
    "worker/main": EVERYTHING,
    "cli": [],
    "cli/output": ["cli", "expression", "controlplane/api/json", "proto"],
    "cli/client": ["cli", "expression", "controlplane/api/json", "proto"],
    "cli/offline": [
        "cli", "cli/output", "expression", "task_types", "controlplane/flow", "controlplane/engine",
        "controlplane/jq", "controlplane/api/json", "proto"
    ],
    "cli/dev": EVERYTHING,
    "cli/command": [
        "cli", "cli/output", "cli/client", "cli/offline", "cli/dev", "expression",
        "controlplane/flow", "controlplane/api/json", "proto"
    ],
    "webui": [],
    "examples": EVERYTHING,
    "tests": EVERYTHING,
    "tools": [],
}

# Plain values of the control plane, for its rooms listed after them.
CONTROL_PLANE_VALUES = ["expression", "controlplane/flow", "controlplane/engine"]

# Rooms that decide, and do nothing: no I/O, no thread, no RPC, no log line.
PURE = ["expression", "controlplane/flow", "controlplane/engine", "worker/session"]

# Those of them that do not even ask what time it is, but are told.
TIMELESS = ["expression", "controlplane/flow", "controlplane/engine"]


def room_of(path):
    """The innermost room that holds the file at `path`, or None."""
    parts = path.split("/")
    for size in range(len(parts) - 1, 0, -1):
        name = "/".join(parts[:size])
        if name in ROOMS:
            return name
    return None


def may_use(room, path):
    """Whether `room` may include the file at `path`."""
    other = room_of(path)
    if other in (None, room, "base") or ROOMS[room] == EVERYTHING:
        return True
    if other in CONTROL_PLANE_VALUES and room.startswith("controlplane/"):
        order = list(ROOMS)
        return order.index(other) < order.index(room)
    # An arrow may point at a folder within a room; a room within a room is another one.
    return any(path.startswith(allowed + "/") and other == room_of(allowed + "/x")
               for allowed in ROOMS[room])
