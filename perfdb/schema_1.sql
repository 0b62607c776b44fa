-- Schema version 1 of a Quern database (PRAGMA user_version, PRAGMA application_id: migrate.h).
-- Every table has a natural key that is UNIQUE; an id is internal to its file and never leaves it, so
-- that two files can be merged. Rows are only ever added; the one update is the end of a run.
-- 64-bit hashes and seeds are unsigned: read them with printf('%016x', seed). NULL = unknown.

CREATE TABLE outcome (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO outcome VALUES (0, 'ok'), (1, 'wrong'), (2, 'crashed'), (3, 'timeout'), (4, 'no-isa'),
  (5, 'refused'), (6, 'no-build'), (7, 'void');

CREATE TABLE evidence (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO evidence VALUES (0, 'measured'), (1, 'emulated'), (2, 'predicted');

CREATE TABLE stage (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO stage VALUES (0, 'build'), (1, 'prove'), (2, 'time');

-- A device as it was: another kernel or system image makes another row.
CREATE TABLE device (
  id     INTEGER PRIMARY KEY,
  key    TEXT NOT NULL, -- as opened: local, adb:SERIAL
  arch   TEXT NOT NULL,
  kernel TEXT NOT NULL,
  os     TEXT NOT NULL,
  UNIQUE (key, arch, kernel, os)
) STRICT;

CREATE TABLE core (
  id        INTEGER PRIMARY KEY,
  device_id INTEGER NOT NULL REFERENCES device (id),
  cpu_index INTEGER NOT NULL,
  cpu       TEXT NOT NULL, -- Cortex-A76
  midr      TEXT NOT NULL,
  UNIQUE (device_id, cpu_index, cpu, midr)
) STRICT;

CREATE TABLE compiler (
  id      INTEGER PRIMARY KEY,
  version TEXT NOT NULL,
  flags   TEXT NOT NULL,
  UNIQUE (version, flags)
) STRICT;

CREATE TABLE tool (id INTEGER PRIMARY KEY, version TEXT NOT NULL UNIQUE) STRICT;

-- One sweep of one core. An outcome of NULL: still running, or killed.
CREATE TABLE run (
  id            INTEGER PRIMARY KEY,
  core_id       INTEGER NOT NULL REFERENCES core (id),
  begin_unix_ns INTEGER NOT NULL,
  compiler_id   INTEGER NOT NULL REFERENCES compiler (id),
  tool_id       INTEGER NOT NULL REFERENCES tool (id),
  evidence      INTEGER NOT NULL REFERENCES evidence (id),
  command       TEXT NOT NULL,
  seed          INTEGER NOT NULL,
  min_sample_ns INTEGER NOT NULL,
  rounds        INTEGER NOT NULL,
  end_unix_ns   INTEGER,
  outcome       TEXT CHECK (outcome IN ('complete', 'interrupted', 'failed')),
  UNIQUE (core_id, begin_unix_ns)
) STRICT;
CREATE INDEX run_by_begin ON run (begin_unix_ns);

CREATE TABLE problem (id INTEGER PRIMARY KEY, canonical TEXT NOT NULL UNIQUE) STRICT;

-- A problem as a network of the run has it.
CREATE TABLE run_problem (
  run_id     INTEGER NOT NULL REFERENCES run (id),
  problem_id INTEGER NOT NULL REFERENCES problem (id),
  network    TEXT NOT NULL,
  title      TEXT NOT NULL,
  place      INTEGER NOT NULL,
  times      INTEGER NOT NULL,
  macs       INTEGER NOT NULL,
  PRIMARY KEY (run_id, problem_id, network)
) STRICT, WITHOUT ROWID;

-- The same name with another source hash is other code, hence another variant.
CREATE TABLE variant (
  id          INTEGER PRIMARY KEY,
  name        TEXT NOT NULL,
  source_hash INTEGER NOT NULL,
  kernel_name TEXT NOT NULL,
  isa         TEXT NOT NULL,
  family      TEXT NOT NULL,
  UNIQUE (name, source_hash)
) STRICT;

CREATE TABLE variant_knob (
  variant_id INTEGER NOT NULL REFERENCES variant (id),
  name       TEXT NOT NULL,
  value      INTEGER NOT NULL,
  PRIMARY KEY (variant_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX variant_knob_by_value ON variant_knob (name, value);

-- One variant on one problem in one run.
CREATE TABLE measurement (
  id         INTEGER PRIMARY KEY,
  run_id     INTEGER NOT NULL REFERENCES run (id),
  problem_id INTEGER NOT NULL REFERENCES problem (id),
  variant_id INTEGER NOT NULL REFERENCES variant (id),
  algorithm  TEXT NOT NULL,
  UNIQUE (run_id, problem_id, variant_id)
) STRICT;
CREATE INDEX measurement_by_variant ON measurement (variant_id);
CREATE INDEX measurement_by_problem ON measurement (problem_id);

-- What hangs on a measurement is clustered by it and numbered from 0 without gaps, so that one variant's
-- samples are neighbours on disk and max(sequence) + 1 is their count.
CREATE TABLE proof (
  measurement_id INTEGER NOT NULL REFERENCES measurement (id),
  sequence       INTEGER NOT NULL,
  outcome        INTEGER NOT NULL REFERENCES outcome (id),
  stage          INTEGER NOT NULL REFERENCES stage (id),
  signal         INTEGER NOT NULL,
  seed           INTEGER NOT NULL,
  checks         INTEGER NOT NULL,
  detail         TEXT NOT NULL,
  PRIMARY KEY (measurement_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE sample (
  measurement_id   INTEGER NOT NULL REFERENCES measurement (id),
  sequence         INTEGER NOT NULL,
  round            INTEGER NOT NULL,
  position         INTEGER NOT NULL,
  calls            INTEGER NOT NULL CHECK (calls > 0),
  time_ns          INTEGER NOT NULL, -- of all calls; overhead_ns is already subtracted
  overhead_ns      INTEGER NOT NULL,
  freq_khz         INTEGER,
  temp_mc          INTEGER,
  migrations       INTEGER,
  context_switches INTEGER,
  outcome          INTEGER NOT NULL REFERENCES outcome (id),
  detail           TEXT NOT NULL,    -- why it is void
  PRIMARY KEY (measurement_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE counter (
  measurement_id INTEGER NOT NULL,
  sequence       INTEGER NOT NULL,
  event_id       INTEGER NOT NULL REFERENCES event (id),
  value          INTEGER NOT NULL, -- per batch, never scaled
  enabled_ns     INTEGER NOT NULL,
  running_ns     INTEGER NOT NULL,
  PRIMARY KEY (measurement_id, sequence, event_id),
  FOREIGN KEY (measurement_id, sequence) REFERENCES sample (measurement_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE peak (
  run_id      INTEGER NOT NULL REFERENCES run (id),
  kernel_name TEXT NOT NULL,
  sequence    INTEGER NOT NULL,
  isa         TEXT NOT NULL,
  macs_per_s  REAL NOT NULL,
  PRIMARY KEY (run_id, kernel_name, sequence)
) STRICT, WITHOUT ROWID;
