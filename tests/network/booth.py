"""A network namespace with one TUN device in it: hands the device's packets to whoever started it, and stays.

`python -m tests.network.booth CHANNEL ADDRESS`: CHANNEL is the descriptor of a Unix socket, over which the TUN's
descriptor goes out; the namespace lives until the other side closes it. Root makes a network namespace, anybody
else a user namespace around it. Addresses are set by ioctl, so that no program need be installed.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Final

CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000

TUNSETIFF: Final = 0x400454CA
IFF_TUN: Final = 0x0001
IFF_NO_PI: Final = 0x1000
SIOCSIFFLAGS: Final = 0x8914
SIOCSIFADDR: Final = 0x8916
SIOCSIFNETMASK: Final = 0x891C
IFF_UP_RUNNING: Final = 0x1 | 0x40

TUN_FILE: Final = Path("/dev/net/tun")
DEVICE: Final = b"link0"
NETMASK: Final = "255.255.255.252"


class NamespaceMissingError(OSError):
    """This machine cannot make the namespaces; the sentence says what it lacks."""


def enter_own_network() -> None:
    """Move this process into a network namespace of its own."""
    is_root, user = os.geteuid() == 0, os.geteuid()
    flags = CLONE_NEWNET if is_root else CLONE_NEWNET | CLONE_NEWUSER
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        raise NamespaceMissingError(
            f"A network namespace cannot be made ({os.strerror(ctypes.get_errno())}): run as root, "
            "or allow user namespaces (sysctl user.max_user_namespaces)."
        )
    if not is_root:
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")


def open_tun(address: str) -> int:
    """Make the TUN device with this address, bring it and the loopback up, and return its descriptor."""
    if not TUN_FILE.exists() and os.geteuid() == 0:
        TUN_FILE.parent.mkdir(exist_ok=True)
        os.mknod(TUN_FILE, 0o600 | 0o020000, os.makedev(10, 200))
    try:
        tun = os.open(TUN_FILE, os.O_RDWR)
    except OSError as error:
        raise NamespaceMissingError(
            f"{TUN_FILE} cannot be opened ({error.strerror}): run as root, or in a container with this device."
        ) from None
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", DEVICE, IFF_TUN | IFF_NO_PI))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for request, value in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, NETMASK)):
            place = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(value))
            fcntl.ioctl(control, request, struct.pack("16s16s8x", DEVICE, place))
        for name in (DEVICE, b"lo"):
            fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", name, IFF_UP_RUNNING))
    return tun


def main(channel: socket.socket, address: str) -> None:
    """Make the namespace, hand the device out, and wait for the end."""
    enter_own_network()
    tun = open_tun(address)
    socket.send_fds(channel, [b"tun"], [tun])
    # The other side has it; here it must not keep the device alive beyond the end.
    os.close(tun)
    channel.recv(1)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
