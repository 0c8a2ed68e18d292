"""The gateway's side: probes tunnels, finds and kills hung sshd processes, and tells nodes how long
to wait.
"""

__version__ = "0.2.0.dev0"
