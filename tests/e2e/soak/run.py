"""One soak: steps chosen by a seed until time is over, checks between them, an account at the end.

How fast the machine is decides how many steps there are, and nothing of what they find."""

import collections
import contextlib
import os
import pathlib
import random
import shutil
import tempfile
import time
import traceback

import network
from harness import program, run, wait_for

from soak import hostile, phones
from soak.actions import Actions, configuration
from soak.checks import Checks
from soak.clock import Clock
from soak.phones import Phones
from soak.deployment import HOST, Problem, Deployment, descriptors, resident

# Between two checks of everything.
STEPS = 8
# What the service may hold more at the end than before the first step, when all peers have gone: MiB, descriptors.
MORE_MEMORY = 128
MORE_DESCRIPTORS = 8
# What it may have logged: for each step, and for each minute of its peers.
LOG_A_STEP = 16 * 1024
LOG_A_MINUTE = 64 * 1024


class Soak:
    def __init__(self, seed, minutes, steps=None, say=print, keep=True):
        self.seed, self.minutes, self.most_steps, self.say, self.keep = seed, minutes, steps, say, keep
        self.random = random.Random(seed)
        self.done = collections.Counter()  # (action, what became of it)
        self.step, self.now = 0, "the beginning"

    def run(self):
        """0, or 1 when something was that must never be: its files are kept then."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="anchord-soak-"))
        clock = Clock(folder)
        before = os.environ.get("TMPDIR")
        os.environ["TMPDIR"] = str(folder)  # what others clear away in /tmp is none of ours
        try:
            return self._run(folder, clock)
        finally:
            clock.close()
            os.environ.pop("TMPDIR")
            if before is not None:
                os.environ["TMPDIR"] = before

    def _run(self, folder, clock):
        self.began = time.monotonic()
        with contextlib.suppress(OSError):  # without a namespace the machine's network is shared
            network.enter_new()
        self.deployment = Deployment(folder)
        self.say(f"seed {self.seed}, {self.minutes:g} minutes, in {folder}")
        if not self.deployment.is_disk:
            self.say("no file system can be mounted here: the disk is never full")
        if not clock.works:
            self.say(f"there is no {clock.library}: the clock is never set")
        problem = None
        try:
            self.make(clock)
            with hostile.Peers(self.deployment, self.seed) as self.peers:
                self.work()
            self.end()
        except (Problem, AssertionError) as e:
            problem = str(e)
        except Exception:  # noqa: BLE001: a mistake of the soak's own is a problem too, and told with its step
            problem = traceback.format_exc()
        self.fleet.kill()
        self.account(problem)
        keep = self.keep and problem is not None
        self.deployment.close(keep)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
        return 1 if problem else 0

    def make(self, clock):
        deployment = self.deployment
        self.files, self.fleet = {}, Phones(deployment)
        made = run(program("anchorctl"), "--state", deployment.state, "init", "--name", "soak", "--host", f"soak1={HOST}")
        if made.returncode != 0:
            raise Problem(made.stderr.decode())
        self.files["XMLDefault.cnf.xml"] = b"<Default><x>1</x></Default>\n"
        self.files[hostile.BIG] = self.random.randbytes(1 << 20) * 4
        for number in range(phones.COUNT):
            self.files[f"{phones.name(number)}.cnf.xml"] = configuration(self.random, 10)
        for name, content in self.files.items():
            deployment.put(name, content)
        deployment.start()
        self.checks = Checks(deployment, self.files, self.seed)
        self.actions = Actions(deployment, self.fleet, self.files, clock, self.random)
        self.fleet.all_fine()
        self.checks.everything()
        self.first = self.held()

    def held(self):
        """By the service, when nobody asks it anything: MiB, and descriptors."""
        counters = ("tvs_open", "http_open", "https_open", "tftp_active")
        wait_for(lambda: not any(self.deployment.status()["counters"][name] for name in counters), "every connection has ended")
        return resident(self.deployment.pid()), descriptors(self.deployment.pid())

    def work(self):
        weighted = self.actions.all()
        end = time.monotonic() + 60 * self.minutes
        while time.monotonic() < end and (self.most_steps is None or self.step < self.most_steps):
            self.step += 1
            action = self.random.choices(list(weighted), list(weighted.values()))[0]
            self.now = f"step {self.step}: {action.__name__}"
            outcome = action()
            self.say(f"{time.monotonic() - self.began:7.1f} s  {self.now}: {outcome}")
            self.done[action.__name__, outcome] += 1
            self.deployment.must_live()
            if not self.peers.are_well():
                raise Problem("the hostile peers have ended themselves")
            if self.step % STEPS == 0:
                self.look()
        self.look()

    def look(self):
        self.now = f"the look behind step {self.step}"
        self.fleet.calm_down()
        self.checks.belief()
        self.checks.everything()
        self.fleet.all_fine()
        self.checks.belief()

    def end(self):
        """All hostile peers have gone."""
        self.look()
        self.now = "the end"
        self.last = self.held()
        if self.last[0] > self.first[0] + MORE_MEMORY:
            raise Problem(f"it holds {self.last[0]:.0f} MiB, and held {self.first[0]:.0f} at first")
        if self.last[1] > self.first[1] + MORE_DESCRIPTORS:
            raise Problem(f"it holds {self.last[1]} descriptors, and held {self.first[1]} at first")
        minutes = (time.monotonic() - self.began) / 60
        if self.deployment.log_size() > self.step * LOG_A_STEP + minutes * LOG_A_MINUTE:
            raise Problem(f"{self.deployment.log_size()} bytes were logged in {self.step} steps and {minutes:.1f} minutes")
        self.deployment.stop()

    def account(self, problem):
        self.say("")
        self.say(f"{'ACTION':<20} {'TIMES':>6}  OUTCOMES")
        names = sorted({name for name, _ in self.done})
        for name in names:
            outcomes = {outcome: n for (action, outcome), n in sorted(self.done.items()) if action == name}
            self.say(f"{name:<20} {sum(outcomes.values()):>6}  " + ", ".join(f"{n} {o}" for o, n in outcomes.items()))
        self.say(f"{'boots':<20} {self.fleet.boots:>6}  " + ", ".join(f"{n} {o}" for o, n in self.fleet.ends.items()))
        for what, number in getattr(getattr(self, "checks", None), "counts", {}).items():
            self.say(f"{what:<20} {number:>6}")
        deployment = self.deployment
        self.say(f"{'starts':<20} {deployment.starts:>6}  {deployment.kills} after a kill")
        if hasattr(self, "peers"):
            self.say(f"{'hostile connections':<20} {sum(sum(crowd.opened) for crowd in self.peers.crowds):>6}")
        if hasattr(self, "last"):
            self.say(f"memory {self.first[0]:.0f} MiB at first and {self.last[0]:.0f} at the end, descriptors {self.first[1]} and "
                     f"{self.last[1]}, log {deployment.log_size() / 1024:.0f} KiB")
        self.say(f"{self.step} steps in {(time.monotonic() - self.began) / 60:.1f} minutes")
        if problem:
            self.say(f"\nPROBLEM in {self.now} of seed {self.seed}: {problem}")
            if self.keep:
                self.say(f"what there is of it is in {deployment.folder}")
        else:
            self.say("nothing was wrong")

