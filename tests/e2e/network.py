"""Each test's own network namespace: its ports, addresses and queues are met by nothing else on the machine.

The namespace is of the calling thread and of what it starts afterwards. Root makes one as it is; anybody else within a
user namespace, in which user and group stay the same. Where neither is allowed, tests share the machine's network: those
that need a port to stay free take it from unused_port() in either case.
"""

import ctypes
import errno
import fcntl
import os
import pathlib
import random
import socket
import struct

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
LOOPBACK = ("127.0.0.1", "::1")

_reserved = {}  # port: the socket whose name reserves it


def unshare(what):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(what) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def own_mounts():
    """What this thread mounts from here on, nobody else sees; it goes with the last process that does. OSError where that
    is not allowed."""
    unshare(CLONE_NEWNS)
    if ctypes.CDLL(None, use_errno=True).mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def become_owner():
    """Enters a user namespace, in which this process may make network namespaces; its ids stay what they are."""
    user, group = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    this = pathlib.Path("/proc/self")
    (this / "setgroups").write_text("deny")
    (this / "uid_map").write_text(f"{user} {user} 1")
    (this / "gid_map").write_text(f"{group} {group} 1")


def bring_loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sH22x", b"lo", 0)
        flags = struct.unpack("16sH22x", fcntl.ioctl(s, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | IFF_UP))


def enter_new():
    """Puts this thread into a new network namespace with a loopback. OSError where that is not allowed."""
    try:
        unshare(CLONE_NEWNET)
    except PermissionError:
        become_owner()
        unshare(CLONE_NEWNET)
    bring_loopback_up()
    _reserved.clear()


def refusal():
    """Why no namespace can be made here; None when one can. A child tries it: half a try would leave this process in a
    user namespace without rights."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            enter_new()
        except OSError as e:
            os.write(tell, str(e).encode())
        finally:
            os._exit(0)
    os.close(tell)
    with os.fdopen(told) as file:
        reason = file.read()
    os.waitpid(child, 0)
    return reason or None


def present():
    """Which network namespace this thread is in."""
    return os.readlink("/proc/thread-self/ns/net")


def statistics(protocol):
    """What this network has counted of one protocol, as "Tcp"."""
    lines = pathlib.Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, values = (line.split()[1:] for line in lines if line.startswith(f"{protocol}: "))
    return dict(zip(names, map(int, values)))


def refusals():
    """How often somebody asked at a port where nobody listens: connections that failed, and datagrams."""
    return statistics("Tcp")["AttemptFails"] + statistics("Udp")["NoPorts"]


def ephemeral_range():
    """The first and the last port that the kernel gives to sockets that ask for none."""
    return tuple(map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()))


def is_free(port, kind):
    for address in LOOPBACK:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, kind) as s:
            try:
                s.bind((address, port))
            except OSError as e:
                if e.errno == errno.EADDRNOTAVAIL:  # a machine without IPv6
                    continue
                return False
    return True


def reserve(port):
    """Whether the port is this process's now: of tests that share a network no two get the same."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0anchord-test-port-{port}")
    except OSError:
        name.close()
        return False
    _reserved[port] = name
    return True


def unused_port(kind):
    """A port on which nobody listens, and that nobody is given by chance: it lies outside of the ephemeral range. `kind` is
    socket.SOCK_STREAM or SOCK_DGRAM. It is the test's as long as the test's network."""
    first, last = ephemeral_range()
    candidates = [*range(max(1024, first // 2), first), *range(last + 1, 65536)]
    random.shuffle(candidates)
    for port in candidates:
        if port not in _reserved and is_free(port, kind) and reserve(port):
            return port
    raise OSError(errno.EADDRINUSE, f"none of {len(candidates)} ports outside of the ephemeral range is free")
