CREATE TABLE hour (
    hour          INTEGER NOT NULL,                                 -- Unix seconds // 3600
    node          TEXT    NOT NULL,
    port          INTEGER NOT NULL,
    up_s          REAL    NOT NULL,
    watched_s     REAL    NOT NULL CHECK (watched_s >= up_s),
    PRIMARY KEY (hour, node, port)
) STRICT, WITHOUT ROWID;

ALTER TABLE registration ADD COLUMN client TEXT NOT NULL DEFAULT '';

ALTER TABLE tunnel ADD COLUMN bytes_total INTEGER;

ALTER TABLE tunnel ADD COLUMN answer TEXT NOT NULL DEFAULT '';

ALTER TABLE sweep ADD COLUMN logins_waiting INTEGER;
