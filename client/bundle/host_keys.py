"""Compare the host keys that a bundle will pin with those that the gateway's addresses offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from checker.sshd.host_keys import as_pin
from checker.sshd.key_scan import Scan, scan_all
from client.bundle.gateways import Pinning, address_of, pins_of
from client.errors import ClientError

NOT_NAMED = "sshd's configuration does not name it"
NOT_GIVEN = "you did not give it"


class AnotherHostKey(ClientError):
    """An address of the gateway has none of the host keys that the bundle would pin."""

    def __init__(self, scan: Scan, *, is_this: bool = True) -> None:
        keys = ", ".join(map(as_pin, scan.keys))
        wanted = "this machine's sshd" if is_this else "those that you gave for it"
        super().__init__(
            f"{scan.address} answers with another host key than {wanted} ({keys}), so a"
            " device would refuse it: it may be another machine, or a router's own SSH server;"
            " or sshd was not reloaded since its host keys changed (sudo systemctl reload ssh). If"
            " devices reach the right sshd at that address, build with --no-scan"
        )


def compare(gateways: Sequence[str], pinning: Pinning) -> tuple[str, ...]:
    """Scan the gateways' addresses, and return a sentence for each that does not confirm the keys.
    Raises AnotherHostKey.
    """
    scans = scan_all([address_of(gateway) for gateway in gateways])
    said: list[str] = []
    for gateway, scan in zip(gateways, scans, strict=True):
        keys = pins_of(gateway, pinning.lines)
        said += judge([scan], keys, is_this=any(key in pinning.own for key in keys))
    return tuple(said)


def judge(scans: Iterable[Scan], keys: Sequence[str], *, is_this: bool = True) -> Iterator[str]:
    """Yield a sentence for each address that does not confirm the keys; `is_this`: they are this
    machine's. Raises AnotherHostKey.
    """
    for scan in scans:
        strange = scan.strange(keys)
        if not scan.keys:
            yield (
                f"{scan.address} does not answer from here, so its host keys were not compared with"
                " the pinned ones"
            )
        elif len(strange) == len(scan.keys):
            raise AnotherHostKey(scan, is_this=is_this)
        elif strange:
            why = NOT_NAMED if is_this else NOT_GIVEN
            yield (
                f"{scan.address} also has a host key that is not pinned, as {why}"
                f" ({', '.join(map(as_pin, strange))}); if you just removed it, run: sudo systemctl"
                " reload ssh"
            )
