"""Two hosts on a bad line: network namespaces joined by a relay that loses, delays and reorders packets.

The relay is a thread here that carries packets from one tun device to the other: the kernel's own netem is a
module that not every machine has. What is lost follows from the seed.

    with Line(loss=5, reorder=5, seed=1) as line:
        subprocess.run([*line.a, "ping", line.b_address])
"""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
import unittest

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


class Line:
    a_address, b_address = "10.77.0.1", "10.77.0.2"
    a_address6, b_address6 = "fd77::1", "fd77::2"

    def __init__(self, loss=5, reorder=5, seed=1, mtu=1500):
        """`loss` and `reorder` in percent, each way."""
        if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
            raise unittest.SkipTest("network namespaces need root and /dev/net/tun")
        self.loss, self.reorder, self.random, self.mtu = loss, reorder, random.Random(seed), mtu
        mark = f"{os.getpid():x}"
        self.names = [f"anchord-a{mark}", f"anchord-b{mark}"]
        self.a, self.b = (["ip", "netns", "exec", name] for name in self.names)
        self.devices, self.made, self.ending = [], [], False
        self.lost = self.carried = 0

    def __enter__(self):
        try:
            for name, device, address, address6 in zip(self.names, ("axa", "axb"), (self.a_address, self.b_address),
                                                       (self.a_address6, self.b_address6)):
                self._ip("netns", "add", name)
                self.made.append(name)
                fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                self.devices.append(fd)
                device += f"{os.getpid():x}"
                fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
                self._ip("link", "set", device, "netns", name)
                inside = ("-n", name)
                self._ip(*inside, "addr", "add", f"{address}/24", "dev", device)
                self._ip(*inside, "-6", "addr", "add", f"{address6}/64", "dev", device, "nodad")
                self._ip(*inside, "link", "set", device, "mtu", str(self.mtu), "up")
                self._ip(*inside, "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        self.thread = threading.Thread(target=self._carry, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending = True
        if hasattr(self, "thread"):
            self.thread.join()
        for fd in self.devices:
            os.close(fd)
        for name in self.made:
            self._ip("netns", "del", name)

    @staticmethod
    def _ip(*args):
        subprocess.run(["ip", *args], check=True, capture_output=True)

    def _carry(self):
        late, sequence = [], 0  # (when, in which order, to whom, packet)
        other = dict(zip(self.devices, reversed(self.devices)))
        while not self.ending:
            wait = max(0, late[0][0] - time.monotonic()) if late else 0.1
            for fd in select.select(self.devices, [], [], min(wait, 0.1))[0]:
                for _ in range(64):
                    try:
                        packet = os.read(fd, 65536)
                    except BlockingIOError:
                        break
                    dice = self.random.uniform(0, 100)
                    if dice < self.loss:
                        self.lost += 1
                    elif dice < self.loss + self.reorder:
                        sequence += 1
                        heapq.heappush(late, (time.monotonic() + self.random.uniform(0.001, 0.02), sequence, other[fd],
                                              packet))
                    else:
                        self._deliver(other[fd], packet)
            while late and late[0][0] <= time.monotonic():
                _, _, to, packet = heapq.heappop(late)
                self._deliver(to, packet)

    def _deliver(self, to, packet):
        self.carried += 1
        try:
            os.write(to, packet)
        except OSError:
            self.lost += 1  # the device's queue is full: as on any line
