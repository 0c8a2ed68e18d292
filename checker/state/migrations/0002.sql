CREATE TABLE unregistered (
    port          INTEGER NOT NULL PRIMARY KEY CHECK (port BETWEEN 1 AND 65535),
    node          TEXT    NOT NULL,
    expect        TEXT    NOT NULL,
    first_at      REAL    NOT NULL,                                 -- Unix seconds, UTC, as below
    last_at       REAL    NOT NULL
) STRICT;
