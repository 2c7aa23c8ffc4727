-- Keys compare byte by byte, as they do in memory: COLLATE "C" throughout.
CREATE TABLE shard (
  id int PRIMARY KEY,
  bucket_first int NOT NULL,
  bucket_last int NOT NULL,
  owner text COLLATE "C" NOT NULL DEFAULT '',
  epoch bigint NOT NULL DEFAULT 0,
  seq bigint NOT NULL DEFAULT 0,
  batch text COLLATE "C" NOT NULL DEFAULT '',
  expires_micros bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE FUNCTION now_micros() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

-- The first statement of each batch. Its error ends a pipeline that is already on its way.
CREATE FUNCTION claim_shard(s int, e bigint, k bigint, b text, ttl_micros bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  at bigint := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
  changed int;
BEGIN
  UPDATE shard SET seq = k, batch = b, expires_micros = at + ttl_micros
    WHERE id = s AND epoch = e AND seq = k - 1;
  GET DIAGNOSTICS changed = ROW_COUNT;
  IF changed <> 1 THEN
    RAISE EXCEPTION 'shard % is not ours at epoch %, or does not stand before batch %', s, e, k
      USING ERRCODE = 'OR001';
  END IF;
  RETURN at;
END $$;

-- Executions, a partition for each day of their ids. `body` is the row's message, the other columns
-- are what SQL asks for.
CREATE TABLE head (
  day int NOT NULL,
  id text COLLATE "C" NOT NULL,
  bucket int NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  flow_id text COLLATE "C" NOT NULL,
  parent_id text COLLATE "C" NOT NULL,
  created_micros bigint NOT NULL,
  state int NOT NULL,
  live boolean NOT NULL,
  continue_due boolean NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (day, id)
) PARTITION BY RANGE (day);
CREATE INDEX head_live ON head (day, id) WHERE live;
CREATE INDEX head_flow ON head (tenant, namespace, flow_id, day, id);
CREATE INDEX head_parent ON head (parent_id) WHERE parent_id <> '';

CREATE TABLE payload (
  day int NOT NULL,
  execution_id text COLLATE "C" NOT NULL,
  labels text COLLATE "C" NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (day, execution_id)
) PARTITION BY RANGE (day);

CREATE TABLE task_run (
  day int NOT NULL,
  execution_id text COLLATE "C" NOT NULL,
  number bigint NOT NULL,
  state int NOT NULL,
  live boolean NOT NULL,
  awaits boolean NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (day, execution_id, number)
) PARTITION BY RANGE (day);

CREATE TABLE run_payload (
  day int NOT NULL,
  execution_id text COLLATE "C" NOT NULL,
  number bigint NOT NULL,
  kind int NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (day, execution_id, number, kind)
) PARTITION BY RANGE (day);

CREATE TABLE record (
  day int NOT NULL,
  aggregate text COLLATE "C" NOT NULL,
  first_number bigint NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (day, aggregate, first_number)
) PARTITION BY RANGE (day);

CREATE TABLE engine_log (
  day int NOT NULL,
  execution_id text COLLATE "C" NOT NULL,
  run bigint NOT NULL,
  attempt int NOT NULL,
  sequence bigint NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (day, execution_id, run, attempt, sequence)
) PARTITION BY RANGE (day);

-- Makes the partitions of a day. They are made apart and then attached, which locks out nobody who reads or
-- writes other days. Rows of heads and runs grow and are updated: they get room to stay in their page.
CREATE FUNCTION ensure_day(d int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  parent text;
  part text;
  room text;
BEGIN
  PERFORM pg_advisory_xact_lock(7893460021);
  FOREACH parent IN ARRAY ARRAY['head', 'payload', 'task_run', 'run_payload', 'record', 'engine_log']
  LOOP
    part := parent || '_d' || d;
    CONTINUE WHEN to_regclass(part) IS NOT NULL;
    room := CASE parent WHEN 'head' THEN ' WITH (fillfactor = 45)'
                        WHEN 'task_run' THEN ' WITH (fillfactor = 40)'
                        WHEN 'payload' THEN ' WITH (fillfactor = 80)' ELSE '' END;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)%s',
                   part, parent, room);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                   parent, part, d, d + 1);
  END LOOP;
END $$;
SELECT ensure_day(0);  -- What carries no time in its id: records of flows.

CREATE TABLE timer (
  execution_id text COLLATE "C" NOT NULL,
  run bigint NOT NULL,
  kind int NOT NULL,
  bucket int NOT NULL,
  due_micros bigint NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (execution_id, run, kind)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX timer_due ON timer (due_micros);

CREATE TABLE mail (
  receiver text COLLATE "C" NOT NULL,
  sender text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  bucket int NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (receiver, sender, sequence)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE flow_state (
  tenant text COLLATE "C" NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  flow_id text COLLATE "C" NOT NULL,
  bucket int NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (tenant, namespace, flow_id)
) WITH (fillfactor = 50);

CREATE TABLE flow_slot (
  tenant text COLLATE "C" NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  flow_id text COLLATE "C" NOT NULL,
  execution_id text COLLATE "C" NOT NULL,
  queued boolean NOT NULL,
  since_micros bigint NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (tenant, namespace, flow_id, execution_id)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE idempotency_key (
  tenant text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  execution_id text COLLATE "C" NOT NULL,
  digest text COLLATE "C" NOT NULL,
  created_micros bigint NOT NULL,
  PRIMARY KEY (tenant, name)
);

CREATE TABLE audit (
  tenant text COLLATE "C" NOT NULL,
  micros bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (tenant, micros, id)
);

-- What belongs to no shard.
CREATE TABLE flow (
  tenant text COLLATE "C" NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  revision int NOT NULL,
  deleted boolean NOT NULL,
  disabled boolean NOT NULL,
  source text COLLATE "C" NOT NULL,
  digest text COLLATE "C" NOT NULL,
  description text COLLATE "C" NOT NULL,
  labels bytea NOT NULL,
  updated_micros bigint NOT NULL,
  PRIMARY KEY (tenant, namespace, id, revision)
);

CREATE TABLE flow_latest (
  tenant text COLLATE "C" NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  revision int NOT NULL,
  deleted boolean NOT NULL,
  PRIMARY KEY (tenant, namespace, id)
);

CREATE TABLE kv (
  tenant text COLLATE "C" NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  description text COLLATE "C" NOT NULL,
  revision int NOT NULL,
  created_micros bigint NOT NULL,
  updated_micros bigint NOT NULL,
  expires_micros bigint,
  PRIMARY KEY (tenant, namespace, name)
);

CREATE TABLE task_type (
  type text COLLATE "C" NOT NULL,
  version text COLLATE "C" NOT NULL,
  digest text COLLATE "C" NOT NULL,
  schema text COLLATE "C" NOT NULL,
  markdown text COLLATE "C" NOT NULL,
  seen_micros bigint NOT NULL,
  PRIMARY KEY (type, version, digest)
);

CREATE TABLE attempt_answer (
  attempt text COLLATE "C" PRIMARY KEY,
  answer bytea NOT NULL
);

CREATE TABLE log_chunk (
  execution_id text COLLATE "C" NOT NULL,
  attempt text COLLATE "C" NOT NULL,
  first_line bigint NOT NULL,
  line_count bigint NOT NULL,
  gap_count bigint NOT NULL,
  level_counts text COLLATE "C" NOT NULL,
  first_micros bigint NOT NULL,
  last_micros bigint NOT NULL,
  task_id text COLLATE "C" NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (execution_id, attempt, first_line)
);
ALTER TABLE log_chunk ALTER COLUMN body SET STORAGE EXTERNAL;  -- It is compressed already.

CREATE TABLE metric (
  execution_id text COLLATE "C" NOT NULL,
  attempt text COLLATE "C" NOT NULL,
  micros bigint NOT NULL,
  name text COLLATE "C" NOT NULL,
  tags text COLLATE "C" NOT NULL,
  task_id text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  value double precision NOT NULL,
  PRIMARY KEY (execution_id, attempt, micros, name, tags)
);

CREATE TABLE health (beat bigint NOT NULL) WITH (fillfactor = 10);
INSERT INTO health (beat) VALUES (0);
