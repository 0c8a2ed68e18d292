"""`./run bench --only links`: what a bulk transfer, a slow link and a hang do to a tunnel, for each
kind of client.
"""
