"""Virtual phones that keep what they hold from one boot to the next: no boot ends with a locked one."""

import json
import subprocess

import harness
from harness import BOUND, program

from soak.deployment import HOST, Problem

COUNT = 24
FIRST = 0x001122000000
FAULTS = ("--unreachable", "tvs:30", "--unreachable", "http:10", "--unreachable", "tftp:5", "--cut", 5, "--off-at", 20,
          "--timeout", 1)
# So many boots of all of them, with nothing wrong, are enough for each to be well.
MOST_BOOTS = 4


def name(number):
    return f"SEP{FIRST + number:012X}"


class Phones:
    def __init__(self, deployment):
        self.deployment, self.storming = deployment, None
        self.boots, self.ends = 0, {}

    def _begin(self, *how):
        deployment = self.deployment
        args = [program("anchorload"), "boot", "--host", HOST, "--phones", COUNT, "--json", "--trust", deployment.phones,
                *(word for name, port in deployment.ports.items() for word in (f"--{name}-port", port)), "--connections", 8, *how]
        return subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=harness.environment())

    def _end(self, booting):
        try:
            out, error = booting.communicate(timeout=BOUND)
        except subprocess.TimeoutExpired:
            booting.kill()
            raise Problem("phones did not end their boots") from None
        if not out:
            raise Problem(f"the phones' program ends with {booting.returncode}: {error.decode()}")
        report = json.loads(out)
        ends = report["phones"]
        self.boots += report["completed"]
        for end in ("fine", "degraded", "locked", "off"):
            self.ends[end] = self.ends.get(end, 0) + ends[end]
        if ends["locked"]:
            raise Problem(f"{ends['locked']} phones are locked: {ends['reasons']}")
        return ends

    def storm(self, protocol, seed):
        """They begin to boot, much goes wrong, and nobody waits for them."""
        self.calm_down()
        self.storming = self._begin(*FAULTS, "--protocol", protocol, "--seed", seed)

    def calm_down(self):
        if self.storming:
            storming, self.storming = self.storming, None
            self._end(storming)

    def kill(self):
        if self.storming:
            self.storming.kill()
            self.storming.communicate()

    def all_fine(self):
        """With nothing wrong but the hostile peers, all of them get well."""
        self.calm_down()
        for _ in range(MOST_BOOTS):
            self.deployment.must_live()
            ends = self._end(self._begin("--timeout", BOUND))
            if ends["fine"] == COUNT:
                return
        raise Problem(f"after {MOST_BOOTS} boots not all phones are well: {ends}")
