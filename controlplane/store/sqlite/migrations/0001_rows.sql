CREATE TABLE shard (
  id INTEGER PRIMARY KEY,
  bucket_first INTEGER NOT NULL,
  bucket_last INTEGER NOT NULL,
  owner TEXT NOT NULL DEFAULT '',
  epoch INTEGER NOT NULL DEFAULT 0,
  seq INTEGER NOT NULL DEFAULT 0,
  batch TEXT NOT NULL DEFAULT '',
  expires_micros INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Executions. `day` comes from the id; `body` is the row's message, the other columns are what SQL asks for.
CREATE TABLE head (
  day INTEGER NOT NULL,
  id TEXT NOT NULL,
  bucket INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  namespace TEXT NOT NULL,
  flow_id TEXT NOT NULL,
  parent_id TEXT NOT NULL,
  created_micros INTEGER NOT NULL,
  state INTEGER NOT NULL,
  live INTEGER NOT NULL,
  continue_due INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (day, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX head_live ON head (day, id) WHERE live;
CREATE INDEX head_flow ON head (tenant, namespace, flow_id, day, id);
CREATE INDEX head_parent ON head (parent_id) WHERE parent_id <> '';

CREATE TABLE payload (
  day INTEGER NOT NULL,
  execution_id TEXT NOT NULL,
  labels TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (day, execution_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_run (
  day INTEGER NOT NULL,
  execution_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  state INTEGER NOT NULL,
  live INTEGER NOT NULL,
  awaits INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (day, execution_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_payload (
  day INTEGER NOT NULL,
  execution_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (day, execution_id, number, kind)
) STRICT;

-- Rows of a kilobyte or more are in tables with a rowid: in a tree without one, what is beyond a quarter of a
-- page spills into a page of its own, and a record would cost 4 KiB.
CREATE TABLE record (
  day INTEGER NOT NULL,
  aggregate TEXT NOT NULL,
  first_number INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (day, aggregate, first_number)
) STRICT;

CREATE TABLE engine_log (
  day INTEGER NOT NULL,
  execution_id TEXT NOT NULL,
  run INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (day, execution_id, run, attempt, sequence)
) STRICT;

CREATE TABLE timer (
  execution_id TEXT NOT NULL,
  run INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  due_micros INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (execution_id, run, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due_micros);

CREATE TABLE mail (
  receiver TEXT NOT NULL,
  sender TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (receiver, sender, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE flow_state (
  tenant TEXT NOT NULL,
  namespace TEXT NOT NULL,
  flow_id TEXT NOT NULL,
  bucket INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (tenant, namespace, flow_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE flow_slot (
  tenant TEXT NOT NULL,
  namespace TEXT NOT NULL,
  flow_id TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  queued INTEGER NOT NULL,
  since_micros INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (tenant, namespace, flow_id, execution_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_key (
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  created_micros INTEGER NOT NULL,
  PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  tenant TEXT NOT NULL,
  micros INTEGER NOT NULL,
  id TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (tenant, micros, id)
) STRICT, WITHOUT ROWID;

-- What belongs to no shard.
CREATE TABLE flow (
  tenant TEXT NOT NULL,
  namespace TEXT NOT NULL,
  id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  disabled INTEGER NOT NULL,
  source TEXT NOT NULL,
  digest TEXT NOT NULL,
  description TEXT NOT NULL,
  labels BLOB NOT NULL,
  updated_micros INTEGER NOT NULL,
  PRIMARY KEY (tenant, namespace, id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE flow_latest (
  tenant TEXT NOT NULL,
  namespace TEXT NOT NULL,
  id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  PRIMARY KEY (tenant, namespace, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE kv (
  tenant TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  value TEXT NOT NULL,
  description TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_micros INTEGER NOT NULL,
  updated_micros INTEGER NOT NULL,
  expires_micros INTEGER,
  PRIMARY KEY (tenant, namespace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_type (
  type TEXT NOT NULL,
  version TEXT NOT NULL,
  digest TEXT NOT NULL,
  schema TEXT NOT NULL,
  markdown TEXT NOT NULL,
  seen_micros INTEGER NOT NULL,
  PRIMARY KEY (type, version, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt_answer (
  attempt TEXT NOT NULL PRIMARY KEY,
  answer BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE health (beat INTEGER NOT NULL) STRICT;
INSERT INTO health (beat) VALUES (0);
