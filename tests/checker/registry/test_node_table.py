"""Tables of nodes, in every form in which spreadsheets and people write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import KeyType
from checker.registry.node_table import MOST_BYTES, TableNode, read_table
from tests.strategies import public_key

PLAIN = "name,target,expect,tags,note\noffice,127.0.0.1:22,banner:SSH-2.0,a b,by the door\n"


def only(content: str | bytes) -> TableNode:
    """The one node of a table without faults."""
    table = read_table(content if isinstance(content, bytes) else content.encode())
    assert table.problems == ()
    (one,) = table.nodes
    return one


def faults(text: str) -> list[str]:
    return [str(one) for one in read_table(text.encode()).problems]


def test_a_line_says_everything_that_node_add_takes() -> None:
    one = only(
        "name,port,target,expect,public,deadline,tags,note,key-type\n"
        'office,20010,127.0.0.1:22,banner:SSH-2.0,yes,2.5,"site-a, spare","attic, left",rsa\n'
    )

    (request,) = one.requests
    assert (one.line, one.name) == (2, "office")
    assert str(request) == "20010=127.0.0.1:22,public,banner:SSH-2.0"
    assert (one.deadline_s, one.tags, one.note) == (2.5, ("site-a", "spare"), "attic, left")
    assert (one.kind, one.public_key) == (KeyType.RSA, "")


def test_a_key_that_exists_is_the_line_of_its_pub_file() -> None:
    one = only(f"public key,name,target\n{public_key(3)} root@box,office,x:22\n")

    assert (one.public_key, one.kind) == (public_key(3), None)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PLAIN.encode(), id="plain"),
        pytest.param(PLAIN.replace("\n", "\r\n").encode("utf-8-sig"), id="bom-and-crlf"),
        pytest.param(PLAIN.replace("\n", "\r").encode(), id="old-mac"),
        pytest.param(PLAIN.replace(",", ";").encode(), id="semicolons"),
        pytest.param(("sep=;\n" + PLAIN.replace(",", ";")).encode(), id="sep-line"),
        pytest.param(PLAIN.replace(",", "\t").encode("utf-16"), id="excel-unicode-text"),
        pytest.param(PLAIN.rstrip("\n").encode(), id="no-newline-at-the-end"),
        pytest.param((PLAIN + "\n,,,,\n  ,,,,\n").encode(), id="empty-lines"),
        pytest.param(PLAIN.replace("\n", ",,\n").encode(), id="empty-columns"),
        pytest.param(
            b'"name","target","expect","tags","note"\n'
            b'"office","127.0.0.1:22","banner:SSH-2.0","a b","by the door"\n',
            id="quoted",
        ),
        pytest.param(
            b"Note,TAGS,Expect, Name ,Target\nby the door,a;b,banner:SSH-2.0,office,127.0.0.1:22\n",
            id="any-order",
        ),
    ],
)
def test_the_forms_of_spreadsheets_are_read_alike(content: bytes) -> None:
    one = only(content)

    assert (one.name, one.tags, one.note) == ("office", ("a", "b"), "by the door")
    assert [str(request) for request in one.requests] == ["127.0.0.1:22,banner:SSH-2.0"]


@pytest.mark.parametrize(
    "heading",
    [
        "name,target,expect,target2,expect2,port2",
        "name,target,expect,Target 2,Expect 2,Port 2",
        "name,target,expect,target,expect,port2",
    ],
)
def test_more_forwards_have_columns_with_a_number_or_the_same_name(heading: str) -> None:
    one = only(f"{heading}\noffice,x:22,banner:SSH-,nas:443,tls,20443\n")

    assert [str(request) for request in one.requests] == [
        "x:22,banner:SSH-",
        "20443=nas:443,tls",
    ]


def test_a_line_may_have_fewer_forwards_than_the_table() -> None:
    table = read_table(b"name,target,target2\noffice,x:22,y:80\nshed,x:22\n")

    assert [len(one.requests) for one in table.nodes] == [2, 1]
    assert table.problems == ()


def test_every_fault_of_every_line_is_named() -> None:
    found = faults(
        "name,target,expect,tags,target2,expect2,key-type,public-key\n"
        "Office,x,zz,A,,tls,rsa,nothing\n"
        "shed,x:22\n"
        ",,,spare\n"
    )

    assert [one.partition(": ")[0] for one in found] == ["line 2"] * 6 + ["line 4"] * 2
    for part in (
        "'Office' cannot name a node",
        "not a public key: 'nothing'",
        "target 'x' is not HOST:PORT",
        "expect 'zz' is not known",
        "the column target2 is empty",
        "'A' cannot be a tag",
        "line 4: the column name is empty",
        "line 4: the column target is empty",
    ):
        assert any(part in one for one in found), part


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,target,colour\na,x:1,red\n", "line 1: the column 'colour' is not known; known are"),
        ("name,target,tag\n", "line 1: the column 'tag' is not known; did you mean 'tags'?"),
        ("name,name,target\n", "line 1: the column name occurs 2 times"),
        ("name,target,target1\n", "line 1: the column target occurs 2 times"),
        ("a,x:22\n", "line 1: there is no column name"),
        ("name,target,note2\n", "line 1: the column 'note2' is not known"),
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("name,target\n", "has a line of headings, and no node below it"),
        ("name,target\n\na,x:22,left over\n", "line 3: 'left over' is under no heading"),
        ('name,target\n"a,x:22\nb,x:22\n', "line 2: cannot be read as CSV"),
        ("name,target,public\na,x:22,perhaps\n", "line 2: public 'perhaps' is neither"),
        ("name,target,deadline\na,x:22,nan\n", "line 2: deadline 'nan' is out of bounds"),
        ("name,target,key type\na,x:22,ed2559\n", "did you mean 'ed25519'? write ed25519 or rsa"),
        (
            f"name,target,key type,public key\na,x:22,rsa,{public_key()}\n",
            "line 2: a line has a public-key, or the key-type of a new key, not both",
        ),
    ],
)
def test_a_table_that_cannot_be_used_says_why(text: str, says: str) -> None:
    assert any(says in one for one in faults(text)), faults(text)


def test_a_line_after_a_quoted_line_break_has_the_number_of_the_file() -> None:
    found = faults('name,target,note\na,x:22,"two\nlines"\nB,x:22,\n')

    assert [one.partition(":")[0] for one in found] == ["line 2", "line 4"]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"\xe4,", "is not UTF-8 text"), (b"," * (MOST_BYTES + 1), "is longer than 16 MiB")],
    ids=["windows-1252", "too-long"],
)
def test_a_file_that_cannot_be_a_table_is_refused_whole(content: bytes, says: str) -> None:
    (problem,) = read_table(content).problems

    assert problem.line == 0
    assert says in problem.text


@settings(max_examples=50, deadline=None)
@given(st.text(st.sampled_from('nametrg,;\t"\n\r 127.0:2\ufeff\x00'), max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    table = read_table(f"name,target\n{text}".encode())

    assert all(one.requests for one in table.nodes)
