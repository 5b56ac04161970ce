"""What a service does that somebody has taken over: each thing once, and what became of it as JSON in a file.

    break_out.py FILE
"""

import ctypes
import json
import mmap
import os
import pathlib
import signal
import socket
import stat
import sys

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PTRACE_ATTACH, PR_SET_NAME_OF_PERSONALITY = 16, 0x0008
STATE = pathlib.Path("/var/lib/anchord")
libc = ctypes.CDLL(None, use_errno=True)


def called(name, *args):
    if getattr(libc, name)(*args) == -1:
        raise OSError(ctypes.get_errno(), name)


def bind(family, kind, port):
    with socket.socket(family, kind) as server:
        server.bind(("", port))


def open_socket(family, kind, protocol=0):
    socket.socket(family, kind, protocol).close()


def write(path):
    pathlib.Path(path).write_text("broken out")


def read(path):
    pathlib.Path(path).read_bytes()


def write_to_state():
    write(STATE / "provisioning/kept")


def stay_on_a_core():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def make_a_program_that_is_somebody_else():
    path = STATE / "provisioning/suid"
    write(path)
    path.chmod(0o755 | stat.S_ISUID)


def see_other_processes():
    """The first process is root's."""
    read("/proc/1/status")


def write_and_run_the_same_memory():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def look_into_homes():
    """They are there, and empty."""
    if not [*os.listdir("/root"), *os.listdir("/home")]:
        raise OSError("nothing is there")


NEEDED = {
    "write to the state": write_to_state,
    "bind TFTP's port": lambda: bind(socket.AF_INET, socket.SOCK_DGRAM, 69),
    "listen by IPv6": lambda: bind(socket.AF_INET6, socket.SOCK_STREAM, 2445),
    "open a socket of the machine's": lambda: open_socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "stay on a core": stay_on_a_core,
    "be nice": lambda: os.nice(5),
    "read which start of the machine it is": lambda: read("/proc/sys/kernel/random/boot_id"),
}

FORBIDDEN = {
    "write to /etc": lambda: write("/etc/broken"),
    "write to /usr": lambda: write("/usr/local/broken"),
    "write to /run": lambda: write("/run/broken"),
    "write beside the state": lambda: write("/var/lib/broken"),
    "write a setting of the kernel": lambda: write("/proc/sys/kernel/hostname"),
    "write to a control group": lambda: os.mkdir("/sys/fs/cgroup/broken"),
    "look into homes": look_into_homes,
    "read the kernel's log": lambda: read("/dev/kmsg"),
    "read the machine's memory": lambda: read("/dev/mem"),
    "read users' passwords": lambda: read("/etc/shadow"),
    "see other processes": see_other_processes,
    "end the first process": lambda: os.kill(1, signal.SIGTERM),
    "trace another process": lambda: called("ptrace", PTRACE_ATTACH, os.getppid(), 0, 0),
    "become root": lambda: os.setuid(0),
    "make a program that is somebody else": make_a_program_that_is_somebody_else,
    "write and run the same memory": write_and_run_the_same_memory,
    "see all packets": lambda: open_socket(socket.AF_PACKET, socket.SOCK_RAW),
    "forge packets": lambda: open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP),
    "ask by netlink": lambda: open_socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "get users of its own": lambda: called("unshare", CLONE_NEWUSER),
    "get a network of its own": lambda: called("unshare", CLONE_NEWNET),
    "mount": lambda: called("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "change the root": lambda: os.chroot("/tmp"),
    "set the clock": lambda: called("clock_settime", 0, (ctypes.c_long * 2)(0, 0)),
    "name the machine": lambda: socket.sethostname("broken"),
    "run before all others": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "be another system": lambda: called("personality", PR_SET_NAME_OF_PERSONALITY),
    "start the machine again": lambda: called("reboot", 0),
}


def become(action):
    try:
        action()
    except (OSError, ValueError) as error:
        return str(error) or "failed"
    return "done"


if __name__ == "__main__":
    told = {name: become(action) for name, action in (NEEDED | FORBIDDEN).items()}
    pathlib.Path(sys.argv[1]).write_text(json.dumps(told))
