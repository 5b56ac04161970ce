"""The wall clock of all programs that are started from here, which can be set without touching the machine's."""

import os
import struct

import harness


class Clock:
    """`works` is false where the library that does it was not built: then nothing is ever set."""

    def __init__(self, folder):
        self.library = harness.BUILD / "tests/e2e/libsoak-clock.so"
        self.works = self.library.is_file()
        self.offset = 0  # seconds
        if not self.works:
            return
        self.file = folder / "clock"
        self._write()
        os.environ.update(LD_PRELOAD=str(self.library), SOAK_CLOCK=str(self.file))

    def set(self, offset):
        """So many seconds from the machine's, from now on; what runs already follows at once."""
        self.offset = offset
        self._write()

    def _write(self):
        with open(self.file, "r+b" if self.file.exists() else "wb") as out:
            out.write(struct.pack("=q", self.offset * 10**9))

    def close(self):
        for name in ("LD_PRELOAD", "SOAK_CLOCK"):
            os.environ.pop(name, None)
