"""`./run demo`: a gateway and eight nodes on one machine, for a first look. It is not installed."""
