"""Why sshd refused a login, from its lines as OpenSSH 9.2 on Debian 12 and 10.5 write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.sshd.log_lines import LogLine
from checker.sshd.refused_logins import HEARD_KEPT, Doorway, Reason, RefusedLogin, in_lines

UID = 990
KEY = "SHA256:7ybsLLkSNL9maNpa72X6abVg34L6BrbeFZOQ9Yey7AU"
ADDRESS = "192.0.2.7"
CLOSED = f"Connection closed by authenticating user reversi {ADDRESS} port 47458 [preauth]"
INVALID = f"Connection closed by invalid user reversi {ADDRESS} port 39770 [preauth]"
DENIED = "fatal: Access denied for user reversi by PAM account configuration [preauth]"
ACCEPTED = f"Accepted publickey for reversi from {ADDRESS} port 57148 ssh2: ED25519 {KEY}"


def refused(*texts: str, pid: int | None = 7, uid: int | None = 0) -> list[RefusedLogin]:
    return in_lines([LogLine(text=text, pid=pid, uid=uid) for text in texts], "reversi", UID)


@pytest.mark.parametrize(
    ("texts", "reason", "words", "address"),
    [
        pytest.param(
            [
                f"User reversi from {ADDRESS} not allowed because a group is listed in DenyGroups",
                INVALID,
            ],
            Reason.DENY_GROUPS,
            "a group is listed in DenyGroups",
            ADDRESS,
            id="DenyGroups",
        ),
        pytest.param(
            [f"User reversi from {ADDRESS} not allowed because not listed in AllowUsers", INVALID],
            Reason.ALLOW_USERS,
            "not listed in AllowUsers",
            ADDRESS,
            id="AllowUsers",
        ),
        pytest.param(
            ["User reversi from roof.example.org not allowed because listed in DenyUsers"],
            Reason.DENY_USERS,
            "from roof.example.org not allowed",
            "",
            id="DenyUsers, by the peer's name",
        ),
        pytest.param(
            [
                (
                    f"User reversi from {ADDRESS} not allowed because none of user's groups are"
                    " listed in AllowGroups"
                )
            ],
            Reason.ALLOW_GROUPS,
            "AllowGroups",
            ADDRESS,
            id="AllowGroups",
        ),
        pytest.param(
            [
                "Account reversi has expired",
                "User reversi not allowed because account is locked",
                INVALID,
            ],
            Reason.ACCOUNT,
            "Account reversi has expired; User reversi not allowed because account is locked",
            ADDRESS,
            id="expired, without PAM",
        ),
        pytest.param(
            ["User reversi not allowed because shell /bin/nope does not exist", INVALID],
            Reason.ACCOUNT,
            "shell /bin/nope",
            ADDRESS,
            id="shell",
        ),
        pytest.param(
            [
                f"pam_access(sshd:account): access denied for user `reversi' from `{ADDRESS}'",
                DENIED,
            ],
            Reason.PAM,
            "pam_access(sshd:account): access denied",
            ADDRESS,
            id="pam_access",
        ),
        pytest.param(
            ["pam_listfile(sshd:account): Refused user reversi for service sshd", DENIED],
            Reason.PAM,
            "pam_listfile(sshd:account): Refused user reversi",
            "",
            id="pam_listfile",
        ),
        pytest.param(
            ["pam_unix(sshd:account): account reversi has expired (account expired)", DENIED],
            Reason.PAM,
            "account reversi has expired (account expired)",
            "",
            id="expired",
        ),
        pytest.param([DENIED], Reason.PAM, "Access denied for user reversi", "", id="PAM, quiet"),
        pytest.param(
            [
                "pam_unix(sshd:account): expired password for user reversi (password aged)",
                ACCEPTED,
            ],
            Reason.AGED,
            "expired password for user reversi",
            ADDRESS,
            id="aged password",
        ),
        pytest.param(
            ["error: PAM: pam_open_session(): Permission denied"],
            Reason.SESSION,
            "pam_open_session(): Permission denied",
            "",
            id="maxlogins",
        ),
        pytest.param(
            [
                "Authentication refused: bad ownership or modes for file /etc/reversi/x",
                "error: No user for AuthorizedKeysCommand specified, skipping",
                CLOSED,
            ],
            Reason.KEY_FILE,
            "bad ownership or modes",
            ADDRESS,
            id="key file",
        ),
        pytest.param(
            [
                (
                    f"error: Error checking authentication key ED25519 {KEY} in revoked keys file"
                    " /etc/ssh/revoked: No such file or directory"
                ),
                CLOSED,
            ],
            Reason.REVOKED,
            "in revoked keys file /etc/ssh/revoked: No such file",
            "",
            id="RevokedKeys",
        ),
        pytest.param(
            [
                (
                    "userauth_pubkey: signature algorithm ssh-rsa not in PubkeyAcceptedAlgorithms"
                    " [preauth]"
                ),
                CLOSED,
            ],
            Reason.KIND_OF_KEY,
            "signature algorithm ssh-rsa",
            ADDRESS,
            id="kind of key",
        ),
        pytest.param(
            ["refusing RSA key: Invalid key length [preauth]", CLOSED],
            Reason.KIND_OF_KEY,
            "refusing RSA key",
            ADDRESS,
            id="size of key",
        ),
        pytest.param(
            [
                (
                    f"Unable to negotiate with {ADDRESS} port 43764: no matching MAC found. Their"
                    " offer: hmac-md5 [preauth]"
                )
            ],
            Reason.ALGORITHM,
            "no matching MAC found. Their offer: hmac-md5",
            ADDRESS,
            id="no common MAC",
        ),
        pytest.param(
            [f"refused connect from roof.example.org ({ADDRESS})"],
            Reason.HOSTS_DENY,
            "refused connect",
            ADDRESS,
            id="hosts.deny",
        ),
        pytest.param(
            [
                (
                    f"drop connection #1 from [{ADDRESS}]:41528 on [192.0.2.1]:22 penalty: failed"
                    " authentication"
                )
            ],
            Reason.PENALTY,
            "penalty: failed authentication",
            ADDRESS,
            id="penalty",
        ),
        pytest.param(
            [f"administratively prohibited connection for reversi from {ADDRESS} port 41528"],
            Reason.REFUSE_CONNECTION,
            "prohibited",
            ADDRESS,
            id="RefuseConnection",
        ),
        pytest.param(
            ["error: do_exec_no_pty: fork: Resource temporarily unavailable"],
            Reason.RESOURCES,
            "fork: Resource temporarily unavailable",
            "",
            id="nproc",
        ),
    ],
)
def test_each_reason_is_reported_once_in_the_words_of_sshd(
    texts: list[str], reason: Reason, words: str, address: str
) -> None:
    (found,) = refused(*texts)

    assert (found.reason, found.address) == (reason, address)
    assert words in found.words
    assert "[preauth]" not in found.words
    assert (found.fingerprint == KEY) is (reason is Reason.REVOKED)


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param([ACCEPTED], id="a login"),
        pytest.param(["pam_unix(sshd:session): session opened for user reversi"], id="a session"),
        pytest.param([CLOSED], id="an unknown key"),
        pytest.param(
            ["Invalid user reversi from 192.0.2.7 port 1 not allowed because listed in DenyUsers"],
            id="a name like a line",
        ),
        pytest.param(
            [f"User root from {ADDRESS} not allowed because not listed in AllowUsers"],
            id="another user",
        ),
        pytest.param(
            ["pam_unix(sshd:account): password for user reversi will expire in 3 days", ACCEPTED],
            id="PAM warns only",
        ),
        pytest.param(
            ["pam_listfile(sshd:auth): Refused user reversi for service sshd"], id="a password"
        ),
        pytest.param(
            ["drop connection #10 from [192.0.2.7]:1 on [192.0.2.1]:22 past MaxStartups"],
            id="at random",
        ),
    ],
)
def test_other_lines_report_no_refusal(texts: list[str]) -> None:
    assert refused(*texts) == []


def test_lines_of_two_logins_are_not_mixed() -> None:
    doorway = Doorway("reversi", UID)
    listed = "pam_listfile(sshd:account): Refused user reversi for service sshd"

    assert doorway.hear(LogLine(text=listed, pid=7, uid=0)) is None
    other = doorway.hear(LogLine(text=DENIED, pid=8, uid=0))
    mine = doorway.hear(LogLine(text=DENIED, pid=7, uid=0))

    assert other is not None
    assert other.words.startswith("Access denied")
    assert mine is not None
    assert mine.words == listed


def test_the_address_may_come_from_a_more_verbose_line() -> None:
    (found,) = refused(f"Connection from {ADDRESS} port 41528 on 192.0.2.1 port 22", DENIED)

    assert found.address == ADDRESS


def test_other_users_of_the_machine_cannot_forge_a_refusal() -> None:
    assert refused(DENIED, uid=1000) == []
    assert len(refused(DENIED, uid=None)) == 1
    assert len(refused(DENIED, uid=UID)) == 1


def test_a_control_character_in_the_words_of_a_client_is_escaped() -> None:
    (found,) = refused(
        f"Unable to negotiate with {ADDRESS} port 1: no matching MAC found. Their offer: \x1b[2J"
    )

    assert "\x1b" not in found.words


def test_processes_that_never_end_a_login_are_forgotten() -> None:
    doorway = Doorway("reversi", UID)

    for pid in range(1, 2 * HEARD_KEPT):
        doorway.hear(LogLine(text="pam_access(sshd:account): x", pid=pid, uid=0))

    assert len(doorway.heard) == HEARD_KEPT


@given(st.lists(st.text(max_size=300)))
def test_any_lines_can_be_taken_in(texts: list[str]) -> None:
    assert all(len(found.words) < 1000 for found in refused(*texts, pid=None))
