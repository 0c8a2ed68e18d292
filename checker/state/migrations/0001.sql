CREATE TABLE tunnel (
    node          TEXT    NOT NULL,
    port          INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    status        TEXT    NOT NULL CHECK (status IN ('hung', 'foreign', 'down', 'refused', 'wrong', 'unknown', 'up')),
    detail        TEXT    NOT NULL,
    latency_ms    REAL,
    pid           INTEGER,
    start_ticks   INTEGER,
    peer          TEXT,
    since         REAL,                                             -- Unix seconds, UTC, as all below
    probed_at     REAL,
    checked_at    REAL,
    failures      INTEGER NOT NULL,
    kills         INTEGER NOT NULL,
    strikes       INTEGER NOT NULL,
    verdict       INTEGER NOT NULL,                                 -- seconds
    revision      INTEGER NOT NULL,
    PRIMARY KEY (node, port)
) STRICT, WITHOUT ROWID;

CREATE INDEX tunnel_revision ON tunnel (revision);

CREATE TABLE registration (
    node          TEXT    NOT NULL,
    instance      TEXT    NOT NULL,
    pid           INTEGER NOT NULL,
    start_ticks   INTEGER NOT NULL,
    peer          TEXT    NOT NULL,
    registered_at REAL    NOT NULL,
    inodes        TEXT    NOT NULL,                                 -- numbers, a space between
    PRIMARY KEY (node, pid, start_ticks)
) STRICT, WITHOUT ROWID;

CREATE TABLE flaps (
    node          TEXT    NOT NULL PRIMARY KEY,
    count         INTEGER NOT NULL,
    last_at       REAL    NOT NULL,
    pid           INTEGER,
    start_ticks   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    at            REAL    NOT NULL,
    kind          TEXT    NOT NULL CHECK (kind IN ('status', 'kill', 'kill-failed', 'claim', 'clone', 'hold', 'refused', 'reset', 'registry', 'gateway')),
    node          TEXT,
    port          INTEGER,
    actor         TEXT    NOT NULL,
    text          TEXT    NOT NULL
) STRICT;

CREATE INDEX event_at ON event (at);
CREATE INDEX event_node ON event (node, id);

CREATE TABLE uptime (
    node          TEXT    NOT NULL,
    port          INTEGER NOT NULL,
    day           TEXT    NOT NULL,                                 -- YYYY-MM-DD, UTC
    up_s          REAL    NOT NULL,
    watched_s     REAL    NOT NULL CHECK (watched_s >= up_s),
    PRIMARY KEY (node, port, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE sweep (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    pid           INTEGER NOT NULL,                                 -- the daemon that sweeps
    swept_at      REAL    NOT NULL,
    every_s       REAL    NOT NULL,
    revision      INTEGER NOT NULL
) STRICT;
