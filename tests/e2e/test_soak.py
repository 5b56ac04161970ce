"""Two minutes of tools/soak, and that it sees what must never be. ANCHORD_SOAK_MINUTES and ANCHORD_SOAK_SEED say of more."""

import os
import signal
import unittest

from harness import main

from soak import actions
from soak.run import Soak

MINUTES = float(os.environ.get("ANCHORD_SOAK_MINUTES", 2))
SEED = int(os.environ.get("ANCHORD_SOAK_SEED", 1))


class Everything(unittest.TestCase):
    def soak(self, *args, **how):
        self.said = []

        def say(text):
            self.said.append(text)
            print("".join(f"# {line}\n" for line in text.splitlines() or [""]), end="", flush=True)

        return Soak(*args, say=say, **how).run()

    def test_at_once(self):
        self.assertEqual(self.soak(SEED, MINUTES), 0)


class Finds(Everything):
    """One step each, of what no administrator and no machine does."""

    test_at_once = None

    def finds(self, step, words):
        saved, actions.Actions.all = actions.Actions.all, lambda some: {step.__get__(some): 1}
        try:
            self.assertEqual(self.soak(1, MINUTES, steps=1, keep=False), 1)
        finally:
            actions.Actions.all = saved
        self.assertIn(words, "\n".join(self.said))

    def test_a_phone_that_locks(self):
        def forced(self):
            for service in ("tvs", "tftp"):
                assert self.change("cert", "regenerate", service, "--force", "--yes") == "made"
            return "forced"
        self.finds(forced, "phones are locked")

    def test_a_service_that_dies(self):
        def died(self):
            self.deployment.service.signal(signal.SIGKILL)
            self.deployment.service.process.wait()
            return "died"
        self.finds(died, "ended by itself")

    def test_a_belief_that_is_wrong(self):
        def forgot(self):
            for phone in self.deployment.phones.iterdir():
                (phone / "ITLFile.tlv").write_bytes(b"something that nobody gave it")
            return "changed"
        self.finds(forgot, "hold")


if __name__ == "__main__":
    main()
