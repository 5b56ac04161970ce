"""A TFTP client with a window (RFC 7440), in the ways that real ones are: it acknowledges a window's last block,
and the last block in order when there is a gap or a silence.

    windowed_client.py HOST PORT FILE WINDOW BLKSIZE SECONDS     prints the file, when it has it within this time
"""

import socket
import struct
import sys
import time


def fetch(host, port, name, window, blksize, bound):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    end = time.monotonic() + bound
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.settimeout(0.15)
        request = b"\0\1" + name.encode() + b"\0octet\0BLKSIZE\0%d\0WindowSize\0%d\0tsize\x000\0" % (blksize, window)
        last, to = request, (host, port)
        s.sendto(last, to)
        content, expected, in_window, total, done = bytearray(), 1, 0, None, False
        while True:
            if time.monotonic() > end:
                raise TimeoutError(f"{len(content)} bytes after {bound} s")
            try:
                packet, peer = s.recvfrom(70000)
            except TimeoutError:
                if expected > 1:
                    last = struct.pack(">HH", 4, (expected - 1) & 0xFFFF)
                s.sendto(last, to)
                in_window = 0
                continue
            code = struct.unpack(">H", packet[:2])[0]
            if code == 5:
                raise OSError(packet[4:-1].decode())
            if code == 6 and expected == 1 and not content:
                fields = packet[2:-1].lower().split(b"\0")
                options = dict(zip(fields[::2], map(int, fields[1::2])))
                blksize, window = options.get(b"blksize", 512), options.get(b"windowsize", 1)
                total, to = options[b"tsize"], peer
                last = struct.pack(">HH", 4, 0)
                s.sendto(last, to)
            elif code == 3 and peer == to:
                block = struct.unpack(">H", packet[2:4])[0]
                if block == expected & 0xFFFF:
                    content += packet[4:]
                    expected += 1
                    in_window += 1
                    done = len(packet) < 4 + blksize
                    if not done and in_window < window:
                        continue
                elif in_window == 0:
                    continue  # the rest of a window that has been asked for again
                last = struct.pack(">HH", 4, (expected - 1) & 0xFFFF)
                s.sendto(last, to)
                in_window = 0
                if done:
                    if len(content) != total:
                        raise OSError(f"{len(content)} bytes; {total} were announced")
                    return bytes(content)


if __name__ == "__main__":
    host, port, name, *numbers = sys.argv[1:]
    sys.stdout.buffer.write(fetch(host, int(port), name, *map(int, numbers)))
