"""Compare the host keys that a bundle will pin with those that the gateway's addresses offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from checker.sshd.host_keys import as_pin
from checker.sshd.key_scan import Scan, scan_all
from client.errors import ClientError


class AnotherHostKey(ClientError):
    """An address of the gateway has none of the host keys that the bundle would pin."""

    def __init__(self, scan: Scan) -> None:
        keys = ", ".join(map(as_pin, scan.keys))
        super().__init__(
            f"{scan.address} answers with another host key than this machine's sshd ({keys}), so a"
            " device would refuse it: it may be another machine, or a router's own SSH server;"
            " or sshd was not reloaded since its host keys changed (sudo systemctl reload ssh). If"
            " devices reach the right sshd at that address, build with --no-scan"
        )


def compare(gateways: Sequence[str], keys: Sequence[str]) -> tuple[str, ...]:
    """Scan the gateway's addresses, and return a sentence for each that does not confirm the keys.
    Raises AnotherHostKey.
    """
    return tuple(judge(scan_all(gateways), keys))


def judge(scans: Iterable[Scan], keys: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each address that does not confirm the keys. Raises AnotherHostKey."""
    for scan in scans:
        strange = scan.strange(keys)
        if not scan.keys:
            yield (
                f"{scan.address} does not answer from here, so its host keys were not compared with"
                " the pinned ones"
            )
        elif len(strange) == len(scan.keys):
            raise AnotherHostKey(scan)
        elif strange:
            yield (
                f"{scan.address} also has a host key that is not pinned, as sshd's configuration"
                f" does not name it ({', '.join(map(as_pin, strange))}); if you just removed it,"
                " run: sudo systemctl reload ssh"
            )
