"""Telling the kinds of files apart; no file, whatever it contains, ends in a traceback."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.registry.import_formats import read_any, stem_of
from checker.registry.imported import MOST_BYTES, FileRead, Wish, targets_in
from tests.strategies import public_key

WISH = Wish(targets=targets_in(["127.0.0.1:22,banner:SSH-"]))
REV = "nodename:office\nreversiport:50010\nfwdhost:localhost\nfwdport:22\nfwdportstr:SSH-2.0\n"
OLDEST = "nodename:test-ap\nrport:59968\nlhost:localhost\nlport:22\nlportstr:SSH-2.0-dropbear\n"
OLDEST += "ruser:root\nrsshport:22\nrhost:gw\nrsshkey:openwrt.key\n"
KINDS = {
    "rev": REV,
    "oldest-rev": OLDEST,
    "unit": "[Service]\nExecStart=ssh -R 1024:a:2 gw\n",
    "uci": "config server x\n\toption hostname gw\nconfig tunnelR\n\toption server x\n"
    "\toption remoteport 1024\n\toption localaddress a\n\toption localport 2\n",
    "frp": "serverAddr = 'a'\n[[proxies]]\nremotePort = 1024\nlocalPort = 2\n",
    "ssh-config": "Host gw\n RemoteForward 1024 a:2\n",
    "script": "ssh -N -R 1024:a:2 gw\n",
    "keys": f'permitlisten="localhost:1024" {public_key()} a\n',
}


def read(content: bytes, name: str = "file") -> FileRead:
    return read_any(content, Path(name), added_at=1_790_000_000, wish=WISH)


@pytest.mark.parametrize("text", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(
    "save",
    [
        pytest.param(str.encode, id="plain"),
        pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="crlf"),
        pytest.param(lambda text: text.encode("utf-8-sig"), id="bom"),
        pytest.param(lambda text: text.encode("utf-16"), id="utf-16"),
        pytest.param(lambda text: text.rstrip("\n").encode(), id="no-last-newline"),
    ],
)
def test_each_kind_is_told_by_its_content(text: str, save: Callable[[str], bytes]) -> None:
    found = read(save(text))

    assert found.problems == ()
    assert len(found.found) == 1


def test_the_names_of_the_first_version_of_the_original_are_known() -> None:
    (one,) = read(OLDEST.encode()).found

    assert (one.node.name, one.node.ports) == ("test-ap", (59968,))
    assert str(one.node.forwards[0].expect) == "banner:SSH-2.0-dropbear"
    assert all(note.is_usual for note in one.notes)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "of no kind that is read", id="empty"),
        pytest.param(b"hello\n", "of no kind that is read", id="text"),
        pytest.param(b"\x7fELF\0\0 ssh -R 1:a:2 b", "is not a text file", id="binary"),
        pytest.param(b"[Service]\n\0", "is not a text file", id="nul"),
        pytest.param(b"\xff\xfe\0", "of no kind that is read", id="half-a-character"),
        pytest.param(
            b"ssh -R 1:a:2 b\n" + b"#" * MOST_BYTES, "is too long to be any", id="long-script"
        ),
        pytest.param(b"a" * ((1 << 24) + 1), "is too long to be any", id="huge"),
    ],
)
def test_a_file_of_no_kind_says_so(content: bytes, says: str) -> None:
    found = read(content)

    assert found.found == ()
    ((at, why),) = [(one.line, one.text) for one in found.problems]
    assert at == 0
    assert says in why


def test_a_key_file_may_be_longer_than_the_others() -> None:
    lines = [f'permitlisten="localhost:{1024 + n}" {public_key(n + 1)} d{n}' for n in range(1000)]

    assert len(read("\n".join(lines).encode()).found) == 1000


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("office.sh", "office"),
        ("devices/office/etc/config/autossh", "office"),
        ("roof-1/frpc.toml", "roof-1"),
        ("/etc/config/autossh", "autossh"),
        ("shed/.ssh/config", "shed"),
        ("authorized_keys", "authorized_keys"),
        ("devices/autossh", "autossh"),
    ],
)
def test_a_file_is_called_after_its_directory_if_that_says_more(path: str, stem: str) -> None:
    assert stem_of(Path(path)) == stem


def test_the_files_that_the_page_shows_are_read() -> None:
    page = (Path(__file__).parents[3] / "docs/moving.md").read_text(encoding="utf-8")
    shown = re.findall(r"(?:^    .*\n)+", page, re.MULTILINE)
    files = [textwrap.dedent(text) for text in shown if "AAAA..." not in text]

    found = [read(text.encode()) for text in files]

    assert [one.problems for one in found] == [()] * len(files)
    assert [each.node.ports for one in found for each in one.found] == [
        (20102,),
        (20103,),
        (20103,),
        (20104,),
        (20105,),
    ]


pieces = st.sampled_from(
    [
        *KINDS.values(),
        "ssh ",
        "autossh ",
        "-R ",
        "1:a:2",
        "$X",
        "${",
        "$(",
        "`",
        "'",
        '"',
        "\\",
        "#",
        "\n",
        "Host x\n",
        "Match ",
        "RemoteForward ",
        "[[proxies]]\n",
        "[common]\n",
        "[range:",
        "]",
        "=",
        'permitlisten="',
        "expiry-time=",
        "cert-authority,",
        "ssh-ed25519 AAAA",
        ":",
        ",",
        "\0",
        "\r",
        "\ufeff",
        "{{",
        "proxies = [",
        "config tunnelR x\n",
        "option ",
        "rport:",
        "A=",
        "A=$A$A\n",
    ]
) | st.text(max_size=5)


@settings(max_examples=150)
@given(st.lists(pieces, max_size=25).map("".join), st.sampled_from(["f", "f.rev", "-", "frpc.ini"]))
def test_reading_never_fails_whatever_the_file_contains(text: str, name: str) -> None:
    found = read(text.encode("utf-8", "surrogatepass"), name)

    assert found.found or found.problems
