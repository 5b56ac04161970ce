"""No change that an administrator makes locks a phone: what is taken for given too early, and what is not recorded. Each
is a way in which phones were seen to lock."""

import contextlib
import socket
import threading

import harness
import test_no_lock
from harness import BOUND, Service

FEW = test_no_lock.FEW
PHONE = test_no_lock.PHONE
AT = test_no_lock.AT


class Case(test_no_lock.Case):
    def settles(self, service, count, *change):
        """Boots alone bring it about that a change is made."""
        def made():
            self.all_fine(service, count)
            done = harness.run_guarded(self.state, change)
            self.assertTrue(done.returncode == 0 or b"would lock" in done.stderr, done.stderr.decode())
            return done.returncode == 0
        harness.wait_for(made, f"{change} is made")


class SwitchedOff(Case):
    def test_between_the_list_and_the_configuration(self):
        """Who has the new list never asks about its signer again, which is what others are known by."""
        count = 4 * FEW  # enough for some that switch off just then
        with Service(self.state) as service:
            self.all_fine(service, count)
            self.ctl("cert", "regenerate", "tftp")
            self.boot(service, count, faults=("--off-at", 100))
            self.refused("cert", "regenerate", "tvs")
            self.is_believed()
            self.settles(service, count, "cert", "regenerate", "tvs")
            self.all_fine(service, count)


class GivenByHttp(Case):
    """What was sent is not what has arrived. The list's signer stays, so that a phone that has the list takes it."""

    def ask(self, service):
        s = socket.socket()
        self.addCleanup(s.close)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # as little as there is
        s.bind((AT, 0))
        s.settimeout(BOUND)
        s.connect(service.http[0])
        s.sendall(f"GET /ITL{PHONE}.tlv HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return s

    def test_to_who_never_reads(self):
        with self.changed() as service:
            answered = service.counters()["http_requests"]
            self.ask(service)
            harness.wait_for(lambda: service.counters()["http_requests"] > answered, "it was answered")

    def test_to_who_goes_in_the_middle(self):
        with self.changed() as service:
            s = self.ask(service)
            self.assertTrue(s.recv(1))
            s.close()

    def test_to_who_gets_a_part(self):
        with self.changed() as service:
            for protocol in ("http", "tftp"):
                ends = self.boot(service, 1, faults=("--cut", 100, "--protocol", protocol, "--timeout", 0.5))["phones"]
                self.ends(ends, degraded=1)


class Recorded(Case):
    def test_a_kill_right_behind_new_phones_boot(self):
        for protocol in ("http", "tftp"):
            with self.subTest(protocol):
                self.phones = self.folder / protocol
                self.state = self.cluster(f"killed-{protocol}")
                with Service(self.state) as service:
                    ends = self.boot(service, FEW, faults=("--protocol", protocol, "--timeout", BOUND))["phones"]
                    service.kill()
                self.ends(ends, fine=FEW)
                with Service(self.state) as service:
                    self.ctl("cert", "regenerate", "tvs")
                    self.refused("cert", "regenerate", "tftp")
                    self.is_believed()
                    self.settles(service, FEW, "cert", "regenerate", "tftp")
                    self.all_fine(service, FEW)

    def test_a_flood_of_requests_for_parts(self):
        """New phones boot in the midst of it; what of it all finds no room is known to be missing."""
        count = 2 * FEW
        with Service(self.state) as service:
            with self.flood(service):
                self.all_fine(service, count)
            self.ctl("cert", "regenerate", "tvs")
            self.refused("cert", "regenerate", "tftp")
            self.is_believed()
            self.settles(service, count, "cert", "regenerate", "tftp")
            self.all_fine(service, count)

    @contextlib.contextmanager
    def flood(self, service):
        requests = [f"GET /ITLSEPAA000000{i:04X}.tlv HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\n\r\n" for i in range(2000)]
        over = threading.Event()

        def send():
            while not over.is_set():
                with contextlib.suppress(OSError), socket.create_connection(service.http[0], timeout=BOUND) as s:
                    for i in range(0, len(requests), 16):
                        s.sendall("".join(requests[i:i + 16]).encode())
                        s.recv(1 << 16)

        senders = [threading.Thread(target=send) for _ in range(4)]
        for sender in senders:
            sender.start()
        before = service.counters()["http_requests"]
        try:
            harness.wait_for(lambda: service.counters()["http_requests"] > before + 10_000, "they come")
            yield
        finally:
            over.set()
            for sender in senders:
                sender.join()


class Adopted(Case):
    def test_phones_of_an_adopted_cluster_may_hold_any_list(self):
        """Some hold the list that is adopted, others one before it, and nobody here has ever seen them."""
        with Service(self.state) as service:
            self.all_fine(service, 2 * FEW)
            self.ctl("cert", "regenerate", "tvs")
            self.all_fine(service, FEW)
            held = self.served_itl(service)
        self.state = self.adopted("beta", held)
        with Service(self.state) as service:
            self.boot(service, 2 * FEW, faults=("--unreachable", "tvs"))
            self.ctl("cert", "regenerate", "tvs")
            self.all_fine(service, FEW)
            self.refused("cert", "regenerate", "tftp")
            self.settles(service, 2 * FEW, "cert", "regenerate", "tftp")
            self.all_fine(service, 2 * FEW)


class RollbackStatus(Case):
    def test_phones_that_are_locked(self):
        with Service(self.state) as service:
            self.all_fine(service, FEW)
            for anchor in ("tvs", "tftp"):
                self.ctl("cert", "regenerate", anchor, "--force", "--yes")
            self.ends(self.boot(service, FEW, code=1)["phones"], locked=FEW)
            self.ctl("rollback", "prepare", "--force", "--yes")
            self.ends(self.boot(service, FEW, code=1)["phones"], locked=FEW)
            said = harness.rollback_status(self.state)
            self.assertEqual(said.returncode, 1, said.stdout.decode())
            self.assertIn(PHONE, said.stdout.decode() + said.stderr.decode())


if __name__ == "__main__":
    harness.main()
