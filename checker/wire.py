"""What a node may ask, and what it is answered.

A login may print text before the forced command runs: `/etc/ssh/sshrc` does, even with PermitUserRC
off, and so does a shell's start file. Nothing marks the answer, and gateways in the field cannot
add a mark, so a client finds it as follows. Text that is not an answer must not end the client.

- `claim` and `check` end by themselves, so their answer is the last line that is not empty. If the
  text has no newline at its end, the answer follows it on the same line: the answer is then the
  digits at the end of the line, and what comes before them is the *tail*.
- From its `claim` the client keeps two things: how many *numbers* (lines of 1 to 6 digits) came
  before the answer, and the tail.
- `hold` prints the same text, because the same files run for each session, and then a line for
  each beat. Until the first answer, the client removes the tail from the start of each line. It
  skips lines that are not numbers, then as many numbers as it kept. The rest are answers.
- Lost or surplus answers must not end the tunnel. If the text changes in between, the client may
  skip an answer or take a number of the text for one, so it never counts beats against answers.
- A `hold` may end with exit status 75 (TRY_LATER) and print nothing: this gateway drains. A client
  that ends its CLIENT word with `+moves` then goes to another gateway at once. The others are
  never told so; they get a printed verdict, because they take each number for seconds.
- The answer to `enrol` is what follows the last `enrol: `, up to the end of that line. Any other
  answer means: not now, ask again later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PROTOCOL = 1
MAX_REQUEST = 4096
"""Bytes; a longer request is malformed."""
OK, MALFORMED, NOT_YOURS = 0, 64, 77
TRY_LATER = 75
"""Exit status of a request over a limit, or that needs a daemon, and of a `hold` at a gateway that
drains: EX_TEMPFAIL of sysexits.h.
"""
INSTANCE = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
CLIENT = re.compile(r"[A-Za-z0-9._/+-]{1,64}\Z")
GATEWAY_ID = r"[a-z0-9][a-z0-9-]{0,31}"
MOVES = re.compile(rf"(.*)\+moves(?:-({GATEWAY_ID}))?\Z")
"""How CLIENT ends if the client can move: `+moves`, and perhaps the id of its home gateway."""
LONGEST_NAME = 64
"""Characters of the longest name that a device of the original may have."""
ANY_NODE = "*"
"""The node's name in the shared key's line: the request itself says which node asks."""
ENROL = "enrol: "
"""Begins each answer to a device that asks to become a node."""
KEY_WORDS = re.compile(r"[a-z][a-z0-9@.-]{3,63} [A-Za-z0-9+/]{16,2048}={0,2}\Z")


class Malformed(ValueError):
    """A request that the grammar does not allow; the text is a sentence for the node."""


@dataclass(frozen=True, slots=True)
class Check:
    """`check [PORT...]`; without a port, all ports of the node."""

    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Beat:
    """`beat`: probe each forward now, and answer what the beat loop should print.

    The beat loop asks this if no daemon sweeps.
    """


@dataclass(frozen=True, slots=True)
class OldCheck:
    """`NODE PORT [EXPECTED...]`, the request of the original."""

    node: str
    """What the device calls itself, in any characters that can be printed, but without a space."""
    port: int
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """`claim INSTANCE`: my next connection is about to listen."""

    instance: str


@dataclass(frozen=True, slots=True)
class Hold:
    """`hold INSTANCE [CLIENT]`: this connection is the node's tunnel."""

    instance: str
    client: str = ""
    """Program and version, as the client names itself; empty if it does not."""
    moves: bool = False
    """Whether the client takes exit status 75 for: go to another gateway."""
    home: str = ""
    """The id of the gateway to which the client belongs; empty if it does not say so."""


@dataclass(frozen=True, slots=True)
class Version:
    """`version`."""


@dataclass(frozen=True, slots=True)
class Enrol:
    """`enrol NAME KEYTYPE BASE64 [KEYTYPE BASE64]...`: make me a node.

    Only an enrolment's key says it, and can say nothing else.
    """

    name: str
    """What the device calls itself, in any characters that can be printed, but without a space."""
    public_key: str
    """`TYPE BASE64`."""
    host_keys: tuple[str, ...] = ()
    """Of the device's SSH server, each as `TYPE BASE64`."""


@dataclass(frozen=True, slots=True)
class Wait:
    """`enrol: wait SECONDS NAME FINGERPRINT`: nobody has decided yet; ask again after that time."""

    seconds: int
    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """`enrol: accepted NAME FORWARD...`: the device is this node from now on."""

    name: str
    forwards: tuple[str, ...]
    """Each as `[*:]PORT:HOST:PORT`."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """`enrol: rejected`."""


EnrolAnswer = Wait | Accepted | Rejected
Request = Check | Beat | OldCheck | Claim | Hold | Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One line for stdout, a sentence (or nothing) for stderr, and an exit status."""

    answer: str
    """Empty: print nothing."""
    complaint: str = ""
    exit_status: int = OK
    becomes: tuple[str, ...] = ()
    """Command line that the gate executes in its own place; if any, it prints no answer."""


def refusal(complaint: str, exit_status: int) -> Reply:
    """A reply that makes an old client do nothing."""
    return Reply(answer="0", complaint=complaint, exit_status=exit_status)


def port_in(word: str) -> int:
    """Parse a port. Raises Malformed."""
    if is_port(word):
        return int(word)
    raise Malformed(f"{word[:40]!a} is not a port; write a number from 1 to 65535")


def is_port(word: str) -> bool:
    """Whether this is a port in decimal."""
    return re.fullmatch(r"[0-9]{1,5}", word, re.ASCII) is not None and 0 < int(word) < 65536


def instance_in(verb: str, words: list[str]) -> str:
    """Parse the instance of a claim or hold. Raises Malformed."""
    if len(words) == 1 and INSTANCE.match(words[0]):
        return words[0]
    raise Malformed(f"{verb} takes one instance: 1 to 64 of A-Z a-z 0-9 . _ -")


def client_in(words: list[str]) -> str:
    """Return the CLIENT word of a hold; empty if there is none. Raises Malformed."""
    if not words or (len(words) == 1 and CLIENT.match(words[0])):
        return "".join(words)
    raise Malformed(
        "hold takes one instance, and at most one word that names the client: 1 to 64 of A-Z a-z"
        " 0-9 . _ / + -"
    )


def split_client(word: str) -> tuple[str, bool, str]:
    """Return the client's name in a CLIENT word, whether it moves, and its home gateway's id."""
    found = MOVES.match(word)
    return (found[1], True, found[2] or "") if found else (word, False, "")


def client_word(name: str, *, moves: bool, home: str) -> str:
    """Return the CLIENT word that splits into these again."""
    return name + ("+moves" if moves else "") + (f"-{home}" if moves and home else "")


def parse_request(command: str) -> Request:
    """Parse SSH_ORIGINAL_COMMAND. Raises Malformed.

    Quoting is already lost there, so words are split at white space, and an expected text is its
    words joined by one space.
    """
    return request_in(words_of(command))


def parse_shared_request(command: str) -> Request:
    """Parse SSH_ORIGINAL_COMMAND of a connection with the shared key. Raises Malformed.

    Only devices of the original have that key, and one may call itself `check`: a word and a port
    are always a name and its port.
    """
    words = words_of(command)
    return old_check(words) if len(words) > 1 and is_port(words[1]) else request_in(words)


def parse_enrol(command: str) -> Enrol:
    """Parse SSH_ORIGINAL_COMMAND of a connection with an enrolment's key. Raises Malformed."""
    words = words_of(command)
    if len(words) < 4 or len(words) % 2 or words[0] != "enrol":
        raise Malformed("say: enrol NAME KEYTYPE BASE64 [KEYTYPE BASE64]...")
    if len(words[1]) > LONGEST_NAME:
        raise Malformed(f"the name {words[1][:40]!a}... is longer than {LONGEST_NAME} characters")
    keys = tuple(" ".join(words[at : at + 2]) for at in range(2, len(words), 2))
    for key in keys:
        if not KEY_WORDS.match(key):
            raise Malformed(f"{key[:40]!a} is not a public key; write KEYTYPE BASE64")
    return Enrol(words[1], keys[0], keys[1:])


def render_enrol(request: Enrol) -> str:
    """The command that parses back to this request."""
    return " ".join(["enrol", request.name, request.public_key, *request.host_keys])


def render_enrol_answer(answer: EnrolAnswer) -> str:
    """The line that parses back to this answer."""
    match answer:
        case Wait(seconds, name, fingerprint):
            return f"{ENROL}wait {seconds} {name} {fingerprint}"
        case Accepted(name, forwards):
            return f"{ENROL}accepted {' '.join([name, *forwards])}"
        case Rejected():
            return f"{ENROL}rejected"


def parse_enrol_answer(output: str) -> EnrolAnswer:
    """Find the answer in what a login printed. Raises Malformed if there is none."""
    _, found, rest = output.rpartition(ENROL)
    match rest.partition("\n")[0].split() if found else []:
        case ["wait", seconds, name, fingerprint] if is_verdict(seconds):
            return Wait(int(seconds), name, fingerprint)
        case ["accepted", name, *forwards] if forwards:
            return Accepted(name, tuple(forwards))
        case ["rejected"]:
            return Rejected()
        case _:
            raise Malformed(f"the gateway answered {output.strip()[-80:]!a}; ask again later")


def words_of(command: str) -> list[str]:
    """Split a request into words. Raises Malformed."""
    if not command.isprintable():
        raise Malformed("the request contains characters that cannot be printed")
    if len(command.encode()) > MAX_REQUEST:
        raise Malformed(f"the request is longer than {MAX_REQUEST} bytes")
    return [word for word in command.split(" ") if word]


def old_check(words: list[str]) -> OldCheck:
    """Return the original's request; its second word is a port. Raises Malformed."""
    node, port, *expected = words
    if len(node) > LONGEST_NAME:
        raise Malformed(
            f"the name {node[:40]!a}... is longer than {LONGEST_NAME} characters; give this device"
            " a shorter one, in its own script"
        )
    return OldCheck(node, int(port), " ".join(expected))


def refuse_spaced(words: list[str]) -> None:
    """Raise Malformed if the words look like a name with a space before the port."""
    port = next((place for place, word in enumerate(words) if place and is_port(word)), 0)
    if port > 1:
        raise Malformed(
            f"{' '.join(words[:port])[:LONGEST_NAME]!a} looks like a name with a space, which"
            " cannot be told from the words after it; change the name in this device's own script"
        )


def request_in(words: list[str]) -> Request:
    """The request that these words make. Raises Malformed."""
    match words:
        case ["check", *ports]:
            return Check(tuple(port_in(word) for word in ports))
        case ["beat"]:
            return Beat()
        case ["claim", *rest]:
            return Claim(instance_in("claim", rest))
        case ["hold", *rest]:
            return Hold(instance_in("hold", rest[:1]), *split_client(client_in(rest[1:])))
        case ["version"]:
            return Version()
        case [_, port, *_] if port[0].isdigit():
            port_in(port)
            return old_check(words)
    refuse_spaced(words)
    raise Malformed(
        "say one of: check [PORT...], claim INSTANCE, hold INSTANCE [CLIENT], version, NODE PORT"
        " [EXPECTED...]"
    )


def render_request(request: Request) -> str:
    """The command that parses back to this request."""
    match request:
        case Check(ports):
            return " ".join(["check", *map(str, ports)])
        case Beat():
            return "beat"
        case OldCheck(node, port, expected):
            return " ".join([node, str(port), *expected.split()])
        case Claim(instance):
            return f"claim {instance}"
        case Hold(instance, client, moves, home):
            return f"hold {instance} {client_word(client, moves=moves, home=home)}".rstrip()
        case Version():
            return "version"


def is_verdict(word: str) -> bool:
    """Whether this could be an answer: a number of seconds."""
    return re.fullmatch(r"[0-9]{1,6}", word, re.ASCII) is not None


def parse_verdict(line: str) -> int:
    """Parse a line of the gateway: the seconds to wait. Raises Malformed."""
    word = line.strip()
    if is_verdict(word):
        return int(word)
    raise Malformed(f"the gateway answered {word[:40]!a}, which is not a number of seconds")


@dataclass(frozen=True, slots=True)
class LoginText:
    """What a login prints before the forced command, if it could be taken for answers."""

    numbers: int = 0
    """Lines that look like an answer."""
    tail: str = ""
    """The end of a text without a newline: it comes before the first answer, on the same line."""


def last_answer(output: str) -> tuple[int, LoginText]:
    """Return the answer in this output, and the login's text before it. Raises Malformed."""
    *before, last = [line.strip() for line in output.strip().split("\n")]
    tail = last.rstrip("0123456789")
    return parse_verdict(last.removeprefix(tail) or last), LoginText(
        sum(is_verdict(line.removeprefix(tail)) for line in before), tail
    )


class Answers:
    """Finds the answers among the lines of one `hold`."""

    def __init__(self, text: LoginText) -> None:
        self.tail, self.surplus = text.tail, text.numbers

    def take(self, line: str) -> int | None:
        """Return the seconds to wait; None if the line is not an answer."""
        word = line.strip().removeprefix(self.tail)
        if not is_verdict(word):
            return None
        if self.surplus:
            self.surplus -= 1
            return None
        self.tail = ""
        return int(word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A node's request as the gate hands it to the daemon."""

    node: str
    peer: str
    """ADDRESS PORT of the node's side, from SSH_CONNECTION; empty if unknown."""
    command: str
    key: str = ""
    """Which of the node's keys was used, as the key's line says; empty for its usual one."""
