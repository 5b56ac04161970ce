"""Messages on the control socket that are none: of another version, cut off, oversized, of the wrong type, hostile. Each is
refused by one line, by anchorctl and by anchord, and neither ends."""

import json
import random
import socket
import time

import control
import harness
from harness import Service, program, run, wait_for

DEVICE = "SEP001122334455"
NONE = "the running service gave no answer of the control protocol ({}): restart it, so that it is of the same version as this program"
OTHER = (f"the running service is Anchord 9.8.7 with version {{}} of the control protocol, and this is {control.ANCHORD} with version 1: "
         "restart the service, or use the anchorctl that was installed with it")
CLOSED = "the running service closed the connection {}: its log says why, ask again"
TOO_LARGE = "the running service sends more than the 1 MiB that an answer may have: use the anchorctl that was installed with it"
NO_REQUEST = "this is no request of the control protocol ({}): use the anchorctl that was installed with the service"


def refusal(answer):
    said = json.loads(answer)
    return said["body"]["reason"] if said["answer"] == "refused" else f"not refused: {answer}"


class Answers(harness.Case):
    """What anchorctl says of a service that is none."""

    def expect(self, answer, says, in_json=None):
        with control.FakeService(self.state, lambda: answer):
            self.refused(1, "confirm", says=f"anchorctl: nothing was let go: {says}\n")
            self.refused(1, "phone", "trace", DEVICE, says=f"anchorctl: only a running service can tell: {says}\n")
            service = self.facts("status")["service"]
            self.assertEqual((service["running"], service["reason"], service["status"]), (False, in_json or says, None))
            said = run(program("anchorctl"), "--state", self.state, "status")
            self.assertEqual(said.returncode, 1)
            self.assertIn(f"({says})", said.stdout.decode())
            self.assertIn(f"  - the service does not answer ({says})\n", said.stdout.decode())

    def test_of_another_version(self):
        for version in (0, 2, 2**64 - 1):
            for kind, body in (("status", {}), ("starting", {"what": "x"}), ("unheard of", None)):
                with self.subTest(version=version, kind=kind):
                    self.expect(control.message("answer", kind, body, version, "9.8.7"), OTHER.format(version))

    def test_of_before_there_were_versions(self):
        self.expect(b"unknown request\n", NONE.format("it is no JSON object"))
        self.expect(b'{"snapshot": {"version": 7}}\n', NONE.format("it does not say its version of the protocol"))

    def test_cut_off(self):
        whole = control.status()
        for size in (0, 1, len(whole) // 2, len(whole) - 1):
            with self.subTest(size):
                self.expect(whole[:size], CLOSED.format(f"in the middle of its answer ({size} bytes had come)" if size
                                                        else "without an answer"))

    def test_reset(self):
        """The service leaves without having read the request, and has said nothing, half of its answer, or all of it."""
        whole = control.answer("confirm", files=0, certificates=0)
        for size in (0, 10):
            with self.subTest(size), control.FakeService(self.state, lambda size=size: whole[:size], resets=True):
                self.refused(1, "confirm", says="anchorctl: nothing was let go: " + CLOSED.format(
                    "in the middle of its answer (10 bytes had come)" if size else "without an answer") + "\n")
        with control.FakeService(self.state, lambda: whole, resets=True):
            self.ctl("confirm")

    def test_oversized(self):
        self.expect(b"x" * 3_000_000, TOO_LARGE)
        self.expect(control.status(host="x" * 2_000_000), TOO_LARGE)

    def test_of_the_wrong_type(self):
        self.expect(control.answer("status"), NONE.format("'version' is missing"))
        self.expect(control.answer("changed"), NONE.format("it is another than was asked for"))
        self.expect(control.status(shards="one"), NONE.format("'shards' is no number from 0 to 18446744073709551615"))
        self.expect(control.status(snapshot={"problem": 7}), NONE.format("'snapshot.problem' is no text"))
        self.expect(control.status(devices=[]), NONE.format("'devices' is no object"))
        self.expect(b"[]\n", NONE.format("it is no JSON object"))

    def test_hostile(self):
        self.expect(b"[" * 1_000_000 + b"\n", NONE.format("it has more than 8 levels"))
        self.expect(control.answer("refused", reason="a\nb\x1b[2Jc"), r"the running service refuses that: a\u000ab\u001b[2Jc",
                    in_json="the running service refuses that: a\nb\x1b[2Jc")

    def test_random_bytes(self):
        dice = random.Random(7)
        whole = control.status()
        for _ in range(20):
            broken = bytearray(whole)
            for _ in range(dice.randint(1, 5)):
                broken[dice.randrange(len(broken))] = dice.randrange(256)
            with control.FakeService(self.state, lambda said=bytes(broken): said):
                result = run(program("anchorctl"), "--state", self.state, "status", "--json")
            self.assertIn(result.returncode, (0, 1), result.stderr)
            json.loads(result.stdout)

    def test_one_that_hangs(self):
        """It says nothing, or never comes to an end."""
        def endless(peer):
            while True:
                peer.sendall(b" ")
                time.sleep(0.01)

        for serve in (lambda peer: peer.recv(1000), endless):
            with control.FakeService(self.state, serve=serve):
                self.refused(1, "confirm", says="anchorctl: nothing was let go: timed out\n")

    def test_texts_of_others_stay_what_they_are(self):
        with control.FakeService(self.state, lambda: control.status(host="\x1b[2Jhello")):
            said = run(program("anchorctl"), "--state", self.state, "status", "--json").stdout.decode()
            self.assertNotIn("\x1b", said + self.ctl("status"))
            self.assertEqual(json.loads(said)["service"]["status"]["host"], "\x1b[2Jhello")

    def test_the_status_is_shown_as_it_is(self):
        told = {"counters": {"tvs_open": 3, "of_a_later_version": 4}, "snapshot": {"version": 7}}
        with control.FakeService(self.state, lambda: control.status(**told)) as service:
            facts = self.facts("status")["service"]
            self.assertEqual(facts["status"], json.loads(control.status(**told))["body"])
            self.assertRegex(self.ctl("status"), r"snapshot\.version +7")
            self.assertEqual(service.asked, [json.loads(control.request("status"))] * 2)


class Requests(harness.Case):
    """What anchord says to those that are no anchorctl."""

    def test_what_is_no_request_is_refused_by_a_line(self):
        good = control.request("status")
        padded = control.message("request", "status", {"x": "x" * 256})
        cases = [
            (b"status\n", "it is no JSON object"),
            (b"\n", "it is no JSON object"),
            (b"{}\n", "it does not say its version of the protocol"),
            (control.message("request", "explode", {}), "it is of no known kind"),
            (control.message("request", "status", None), "its body is no object"),
            (control.answer("changed"), "it holds no request"),
            (control.request("trace", device=1, seconds=1, since=0), "'device' is no text"),
            (control.request("trace", device=DEVICE, seconds=-1, since=0), "'seconds' is no number from 0 to 4294967295"),
            (control.request("trace", device=DEVICE, seconds=1), "'since' is missing"),
            (good[:20], "it is cut off after 20 bytes"),
            (padded, "it is larger than 256 bytes"),
            (b"[" * 200 + b"\n", "it has more than 8 levels"),
            (random.Random(1).randbytes(5_000).replace(b"\n", b""), "it is larger than 256 bytes")]
        with Service(self.state) as service:
            for sent, why in cases:
                with self.subTest(sent[:40]):
                    self.assertEqual(refusal(control.ask(self.state, sent, end=True)), NO_REQUEST.format(why))
            self.assertEqual(
                refusal(control.ask(self.state, control.message("request", "status", {}, 2, "9.8.7"))),
                "the program that asks is Anchord 9.8.7 with version 2 of the control protocol, and this is "
                f"{control.ANCHORD} with version 1: use the anchorctl that was installed with this service")
            self.assertIn("SEP and the 12 digits", refusal(control.ask(self.state, control.request(
                "trace", device="nobody", seconds=0, since=0))))
            # Whoever only looks whether somebody is there is told nothing.
            self.assertEqual(control.ask(self.state, b"", end=True), b"")
            self.assertIn(f"a request on the control socket is refused: {NO_REQUEST.format('it is no JSON object')}", service.log())
            # As many lines as are allowed, however often somebody asks.
            for _ in range(50):
                control.ask(self.state, b"x\n")
            self.assertLess(service.log().count("a request on the control socket is refused"), 30)
            self.assertEqual(json.loads(control.ask(self.state, good))["body"]["pid"], service.process.pid)

    def test_the_slow_and_the_many_keep_nobody_out(self):
        with Service(self.state) as service:
            clients = []
            for _ in range(40):
                client = socket.socket(socket.AF_UNIX)
                self.addCleanup(client.close)
                client.connect(str(self.state / "control.sock"))
                client.sendall(b"{")
                clients.append(client)
            self.assertEqual(refusal(clients[0].makefile("rb").read()), NO_REQUEST.format("its end has not come within 2 seconds"))
            for client in clients:
                client.close()
            wait_for(lambda: control.ask(self.state, control.request("status")), "it answers")
            self.assertEqual(service.status()["pid"], service.process.pid)

    def test_one_that_does_not_take_its_answer(self):
        with Service(self.state) as service:
            with socket.socket(socket.AF_UNIX) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                client.connect(str(self.state / "control.sock"))
                client.sendall(control.request("status"))
                self.assertEqual(service.status()["pid"], service.process.pid)


if __name__ == "__main__":
    harness.main()
