-- Schema version 2: what the code of a variant costs, what a sample was for, facts of a run and of its
-- core, and what a probe found.

-- Of the code as this run built it; NULL = unknown.
ALTER TABLE measurement ADD COLUMN code_bytes INTEGER;
ALTER TABLE measurement ADD COLUMN callee_saved INTEGER;    -- registers saved and restored
ALTER TABLE measurement ADD COLUMN workspace_bytes INTEGER; -- of the driver, scratch of one thread too

-- What a sample is for: the twin is the baseline once more under another name (the noise of equal
-- things), the canary watches the machine's drift.
CREATE TABLE role (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO role VALUES (0, 'candidate'), (1, 'twin'), (2, 'canary');

ALTER TABLE sample ADD COLUMN role INTEGER NOT NULL DEFAULT 0 CHECK (role BETWEEN 0 AND 2);
ALTER TABLE sample ADD COLUMN pass INTEGER NOT NULL DEFAULT 0; -- which set of counters was open
ALTER TABLE sample ADD COLUMN current_ua INTEGER;              -- drawn from the battery, NULL = unknown

-- Anything else that was true of the device during the run: governor, paranoid level, PMU, caches.
CREATE TABLE run_fact (
  run_id INTEGER NOT NULL REFERENCES run (id),
  name   TEXT NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

-- What a known-answer kernel says of an event on this core.
CREATE TABLE event_probe (
  run_id   INTEGER NOT NULL REFERENCES run (id),
  event_id INTEGER NOT NULL REFERENCES event (id),
  sequence INTEGER NOT NULL,
  verdict  TEXT NOT NULL,
  expected INTEGER, -- NULL: no known answer
  seen     INTEGER, -- NULL: it could not be counted
  detail   TEXT NOT NULL,
  PRIMARY KEY (run_id, event_id, sequence)
) STRICT, WITHOUT ROWID;

-- Measured read bandwidth of one core by the size of what is read.
CREATE TABLE bandwidth (
  run_id            INTEGER NOT NULL REFERENCES run (id),
  level             TEXT NOT NULL, -- L1d, L2, L3, memory
  working_set_bytes INTEGER NOT NULL,
  bytes_per_s       REAL NOT NULL,
  bytes_per_cycle   REAL, -- NULL where cycles are not known
  PRIMARY KEY (run_id, level, working_set_bytes)
) STRICT, WITHOUT ROWID;
