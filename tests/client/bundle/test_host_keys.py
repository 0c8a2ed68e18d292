"""What `build` says about addresses that do not confirm the host keys to be pinned."""

from __future__ import annotations

import pytest

from checker.sshd.key_scan import Scan, keys_in, scan_all
from client.bundle.host_keys import AnotherHostKey, judge
from tests.strategies import public_key, rsa_key
from tests.system.ports import free_port

ED, RSA, OTHER = public_key(1), rsa_key(2048), public_key(2)
GATEWAY = "gw.example.org:22"


def said(*answered: str) -> list[str]:
    return list(judge([Scan(address=GATEWAY, keys=answered)], (ED, RSA)))


def test_an_address_with_the_pinned_keys_needs_no_word() -> None:
    assert said(ED, RSA) == said(RSA) == []


def test_an_address_that_does_not_answer_is_named() -> None:
    (sentence,) = said()

    assert sentence.startswith(f"{GATEWAY} does not answer from here")


def test_an_address_with_one_more_key_is_named() -> None:
    (sentence,) = said(ED, rsa_key(3072))

    assert sentence.startswith(f"{GATEWAY} also has a host key that is not pinned")


def test_an_address_with_other_keys_is_refused() -> None:
    with pytest.raises(AnotherHostKey, match=rf"{GATEWAY} answers with another host key .*SHA256"):
        said(OTHER)


def test_the_answer_of_ssh_keyscan_is_parsed() -> None:
    answered = (
        f"# {GATEWAY} SSH-2.0-OpenSSH_9.2p1\n[gw.example.org]:22 {ED}\n\n{GATEWAY} ssh-x AAAA\n"
    )

    assert list(keys_in(answered)) == [ED]


def test_an_address_without_a_server_does_not_answer() -> None:
    addresses = (f"127.0.0.1:{free_port()}", "nowhere.invalid:22")

    assert scan_all(addresses) == tuple(Scan(address=address) for address in addresses)
