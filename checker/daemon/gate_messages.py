"""What the gate and the daemon say to each other over the socket."""

from __future__ import annotations

from checker.wire import Asked, Malformed, Reply

GATE_MARK = b"gate"


def decode_asked(message: bytes) -> Asked:
    """Parse the gate's message: four fields, or five if it names a key, with NULs between them.

    Raises Malformed. `gate.py` writes it.
    """
    fields = message.split(b"\0")
    if len(fields) not in (4, 5) or fields[0] != GATE_MARK or (len(fields) == 5 and not fields[4]):
        raise Malformed("the gate's message does not have four or five fields")
    node, peer, command, *key = (field.decode("utf-8", "surrogateescape") for field in fields[1:])
    return Asked(node=node, peer=peer, command=command, key="".join(key))


def encode_reply(reply: Reply) -> bytes:
    """Three lines: the exit status, the answer, the complaint.

    If the gate is to become another program, its command line replaces the answer, with a NUL
    between the words: gates of all versions recognise it by the NULs.
    """
    answer = "\0".join(reply.becomes) or reply.answer
    return f"{reply.exit_status}\n{answer}\n{reply.complaint}\n".encode("utf-8", "backslashreplace")
