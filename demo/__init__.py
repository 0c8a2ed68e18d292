"""A gateway and eight nodes on one machine, for a first look: `./run demo`. Not part of what is
installed.
"""
