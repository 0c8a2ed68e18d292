"""Table rows as values: their cells, columns, filter, uptime strip and colours; pure."""
