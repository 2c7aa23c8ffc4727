CREATE TABLE log_chunk (
  execution_id TEXT NOT NULL,
  attempt TEXT NOT NULL,
  first_line INTEGER NOT NULL,
  line_count INTEGER NOT NULL,
  gap_count INTEGER NOT NULL,
  level_counts TEXT NOT NULL,
  first_micros INTEGER NOT NULL,
  last_micros INTEGER NOT NULL,
  task_id TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (execution_id, attempt, first_line)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric (
  execution_id TEXT NOT NULL,
  attempt TEXT NOT NULL,
  micros INTEGER NOT NULL,
  name TEXT NOT NULL,
  tags TEXT NOT NULL,
  task_id TEXT NOT NULL,
  type TEXT NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY (execution_id, attempt, micros, name, tags)
) STRICT, WITHOUT ROWID;
