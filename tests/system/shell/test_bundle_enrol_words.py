"""What a device asks with an enrolment's key, and which answers it takes, under each shell."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from client.bundle.compose import shipped
from tests.bundles import EACH_SHELL, Box
from tests.system.shell.enrolling import FORWARDS, PRINT
from tests.system.shell.installing import ECDSA, ED25519, RSA
from tests.system.shell.stand_ins import program

pytestmark = pytest.mark.shell
LONG = "a" * 64
GOOD = {
    f"enrol: wait 30 roof {PRINT}": f"wait 30 roof {PRINT}",
    f"enrol: wait 0 roof {PRINT}": f"wait 1 roof {PRINT}",
    f"enrol: wait 99999 roof {PRINT}": f"wait 3600 roof {PRINT}",
    f"Welcome!enrol: rejected, enrol: wait 30 a-2.b {PRINT}": f"wait 30 a-2.b {PRINT}",
    f"enrol: accepted roof {FORWARDS}": f"accepted roof {FORWARDS}",
    "enrol: accepted roof 1:[fd00::1%eth0]:65535": "accepted roof 1:[fd00::1%eth0]:65535",
    "enrol: accepted 9 20010:Cam_1.lan:80": "accepted 9 20010:Cam_1.lan:80",
    "enrol: rejected": "rejected",
}
BAD = (
    "",
    "0",
    "1 0.2.0",
    "enrol rejected",
    "enrol: ",
    "enrol: rejected for now",
    "enrol: wait",
    f"enrol: wait x roof {PRINT}",
    f"enrol: wait -1 roof {PRINT}",
    f"enrol: wait 30 Roof {PRINT}",
    f"enrol: wait 30 ../roof {PRINT}",
    f"enrol: wait 30 -roof {PRINT}",
    f"enrol: wait 30 {LONG} {PRINT}",
    "enrol: wait 30 roof MD5:aa",
    "enrol: wait 30 roof SHA256:",
    "enrol: wait 30 roof SHA256:$(id)",
    f"enrol: wait 30 roof {PRINT} more",
    "enrol: accepted",
    "enrol: accepted roof",
    "enrol: accepted enrol_yard 20010:127.0.0.1:22",
    "enrol: accepted .. 20010:127.0.0.1:22",
    "enrol: accepted roof; 20010:127.0.0.1:22",
    "enrol: accepted $(id) 20010:127.0.0.1:22",
    *(
        f"enrol: accepted roof 20010:127.0.0.1:22 {forward}"
        for forward in (
            "20010",
            "20010:22",
            "20010::22",
            ":127.0.0.1:22",
            "x:127.0.0.1:22",
            "70000:127.0.0.1:22",
            "20010:127.0.0.1:0",
            "20010:127.0.0.1:2222222",
            "**:20010:127.0.0.1:22",
            "-R:20010:127.0.0.1:22",
            "20010:'x':22",
            "20010:a$b:22",
            "20010:a`b`:22",
            "20010:a\\b:22",
            "20010:*:22",
            "20010:a;b:22",
            "20010:[a]:22",
            "20010:[$x::1]:22",
            "20010:[::1:22",
            "/tmp/x:127.0.0.1:22",
            "20010:/tmp/x",
        )
    ),
)
ANSWERS = """
KEY=enrol
while IFS= read -r line; do
    outcome=none asked_s= granted= fingerprint= forwards=
    if read_answer "$line"; then
        set -- $outcome $asked_s $granted $fingerprint $forwards
        printf '%s\\n' "$*"
    else
        printf '%s\\n' "no answer"
    fi
done
"""


def run(shell: Sequence[str], script: str, lines: Sequence[str] = ()) -> list[str]:
    """Run a script after the bundle's functions; return the lines that it prints."""
    program_path = shutil.which(shell[0]) or shell[0]
    text = "\n".join((*map(shipped, ("base", "setup", "apply")), script))
    said = subprocess.run(
        [program_path, *shell[1:], "-c", text],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stderr == ""
    return said.stdout.splitlines()


@pytest.mark.parametrize("shell", EACH_SHELL)
def test_only_a_whole_answer_is_taken(shell: Sequence[str]) -> None:
    said = run(shell, ANSWERS, [*GOOD, *BAD])

    assert dict(zip([*GOOD, *BAD], said, strict=True)) == {
        **GOOD,
        **dict.fromkeys(BAD, "no answer"),
    }


def asks_as(box: Box, host: str) -> str:
    """Return the name that a device with this host name asks for."""
    program(box.folder / "programs", "uname", f"#!/bin/sh\nprintf '%s\\n' '{host}'\n")
    return run(box.shell, f"{places(box)}\nfind_wished\nprintf '%s\\n' \"$wished\"")[0]


def places(box: Box) -> str:
    """Where the functions look for programs and files of the device."""
    return f"PATH='{box.environment['PATH']}' ROOT='{box.root}'"


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_a_name_that_many_devices_share_gets_a_number(box: Box) -> None:
    net = box.root / "sys/class/net"
    put(net / "br-lan/address", "02:00:00:00:00:01\n")
    put(net / "eth0/address", "b8:27:eb:a1:b2:c3\n")
    put(net / "eth0/device/vendor", "")
    put(net / "lo/address", "00:00:00:00:00:00\n")
    put(box.root / "sys/class/dmi/id/product_serial", "To be filled by O.E.M.\n")

    by_address = [asks_as(box, host) for host in ("OpenWrt", "localhost", "localhost.localdomain")]
    put(box.root / "sys/class/dmi/id/product_serial", "0123456789\n")
    by_address.append(asks_as(box, "(none)"))
    put(box.root / "proc/device-tree/serial-number", "10000000cafe1234\0")

    assert by_address == ["OpenWrt-a1b2c3", "device-a1b2c3", "device-a1b2c3", "device-a1b2c3"]
    assert asks_as(box, "raspberrypi") == "raspberrypi-10000000cafe1234"
    assert asks_as(box, "Roof.example.org") == "Roof.example.org"
    assert asks_as(box, "two words" + 60 * "x") == "twowords" + 56 * "x"


def test_a_device_without_numbers_has_a_random_name(box: Box) -> None:
    names = {asks_as(box, "OpenWrt") for _ in range(2)}

    assert len(names) == 2
    assert all(name.startswith("OpenWrt-") and len(name) > 12 for name in names)


@pytest.mark.parametrize(
    ("running", "expected"),
    [
        pytest.param("sshd", ["o1", "o2", "o3"], id="openssh"),
        pytest.param("dropbear", ["d1", "d3"], id="dropbear"),
        pytest.param("none", ["o1", "d1", "o2", "o3", "d3"], id="not known"),
    ],
)
@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_the_request_has_the_host_keys_of_the_running_server(
    box: Box, running: str, expected: list[str]
) -> None:
    folder = box.folder / "programs"
    program(folder, "pidof", f"#!/bin/sh\n[ $1 = {running} ]\n")
    program(
        folder,
        "dropbearkey",
        '#!/bin/sh\nfor last; do :; done\necho "Public key portion is:"\ncat "$last"\n',
    )
    for number, kind, short in ((1, ED25519, "ed25519"), (2, ECDSA, "ecdsa"), (3, RSA, "rsa")):
        put(box.root / f"etc/ssh/ssh_host_{short}_key.pub", f"{kind} o{number} root@x y\n")
        if number != 2:
            put(box.root / f"etc/dropbear/dropbear_{short}_host_key", f"{kind} d{number} root@x\n")

    said = run(box.shell, request_script(box))[0].split()

    assert said[:4] == ["enrol", "roof", ED25519, "AAAA"]
    assert said[5::2] == expected
    assert set(said[4::2]) <= {ED25519, ECDSA, RSA}


def request_script(box: Box) -> str:
    return (
        f"{places(box)} wished=roof public='{ED25519} AAAA x'"
        "\nfind_request\nprintf '%s\\n' \"$request\""
    )


def test_long_host_keys_are_left_out(box: Box) -> None:
    program(box.folder / "programs", "pidof", "#!/bin/sh\n[ $1 = sshd ]\n")
    put(box.root / "etc/ssh/ssh_host_ed25519_key.pub", f"{ED25519} {1500 * 'A'}\n")
    put(box.root / "etc/ssh/ssh_host_ecdsa_key.pub", f"{ECDSA} {1500 * 'B'}\nno key\n{ECDSA} $x\n")
    put(box.root / "etc/ssh/ssh_host_rsa_key.pub", f"{RSA} {1500 * 'C'}\n")

    said = run(box.shell, request_script(box))[0]

    assert len(said) < 4096
    assert [word[0] for word in said.split()[5::2]] == ["A", "B"]
