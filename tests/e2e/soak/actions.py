"""What administrators, disks, clocks and the kill signal do to a site: one method each, chosen by a seed.

Each returns what became of it, in a word or two for the table."""

import contextlib
import hashlib
import shutil
import signal
import time

from harness import CERTS, der, wait_for

from soak import hostile, phones
from soak.checks import KNOWN, Truth, fetch
from soak.deployment import CLOCK, Problem

WITH_KEY = range(3)  # the phones whose certificate comes and goes
CLOCK_STEPS = (1, 60, 290, 3600, 86400, 20 * 86400)
BROKEN = (b"", b"<device>", b"<device></other>", b"<!DOCTYPE a><a/>", b"no XML at all")
MARKER = "marker.xml"
OUT_OF_ROOM = ("full", "space", "cannot", "could not", "timed out")


def configuration(random, size):
    return f"<device><password>{random.getrandbits(128):032x}</password>{'<a/>' * size}</device>\n".encode()


class Actions:
    def __init__(self, deployment, fleet, files, clock, random):
        self.deployment, self.fleet, self.files, self.clock, self.random = deployment, fleet, files, clock, random
        self.backups = self.markers = 0

    def all(self):
        """Each with its weight."""
        weighted = {self.storm: 6, self.calm: 4, self.regenerate: 6, self.certificate: 6, self.file: 8,
                    self.broken_file: 2, self.files_go: 2, self.passing_file: 3,
                    self.phone_certificate: 3, self.mode: 2, self.digest: 2, self.rollback: 2, self.backup: 1, self.kill: 5,
                    self.killed_command: 4, self.restart: 1, self.reload: 1, self.lost_server: 1}
        if self.deployment.is_disk:
            weighted[self.full_disk] = 2
        if self.clock.works:
            weighted[self.clock_step] = 2
        return weighted

    # Phones.

    def storm(self):
        protocol = self.random.choice(("auto", "http", "https", "tftp"))
        self.fleet.storm(protocol, self.random.randrange(1 << 30))
        return protocol

    def calm(self):
        """All get what is new, which changes may wait for."""
        self.fleet.all_fine()
        return "all fine"

    # Changes.

    def change(self, *args):
        outcome = self.deployment.change(*args)
        # A clock that has gone back stops every change, until an administrator says that it is right.
        return self.deployment.change(*args, "--clock-is-right") if outcome == CLOCK else outcome

    def regenerate(self):
        return self.change("cert", "regenerate", self.random.choice(("tvs", "tftp", "tftp", "tftp-ec", "capf", "recovery")))

    def certificate(self):
        name = self.random.choice(KNOWN)
        digest = hashlib.sha256(der(name)).hexdigest()
        if digest in Truth(self.deployment).certificates:
            return self.change("cert", "remove", digest, "--yes")
        return self.change("cert", "add", CERTS / f"{name}.crt", "--role", "app-server")

    def phone_certificate(self):
        phone = phones.name(self.random.choice(WITH_KEY))
        if phone in Truth(self.deployment).encrypted:
            how = ("phone", "remove", phone, "--yes")
        else:
            how = ("phone", "add", phone, "--certificate", CERTS / "phone.crt", "--force")
        return self.deployment.change(*how)

    def mode(self):
        return self.change("mode", "set", "nonsecure" if Truth(self.deployment).mode == "mixed" else "mixed")

    def digest(self):
        return self.change("set", "digest", self.random.choice(("sha1", "sha512")))

    def rollback(self):
        return self.change("rollback", "cancel" if Truth(self.deployment).rollback else "prepare")

    def killed_command(self):
        """A command that is killed at some moment: it is made or not, and nothing between."""
        command = self.random.choice((("cert", "regenerate", "capf"), ("cert", "add", CERTS / "app-ec.crt", "--role", "app-server"),
                                      ("cert", "regenerate", "tftp"), ("set", "digest", "sha512")))
        running = self.deployment.begin(*command)
        time.sleep(self.random.random() * 0.2)
        running.kill()
        running.wait()
        Truth(self.deployment)
        return "killed"

    # Files.

    def a_phone(self):
        return phones.name(self.random.randrange(phones.COUNT)) + ".cnf.xml"

    def file(self):
        name = self.random.choice((self.a_phone(), self.a_phone(), "XMLDefault.cnf.xml", hostile.BIG))
        if name == hostile.BIG:
            content = self.random.randbytes(1 << 20) * 4
        elif name == "XMLDefault.cnf.xml":
            content = b"<Default><x>%d</x></Default>\n" % self.random.randrange(1 << 30)
        else:
            content = configuration(self.random, self.random.choice((0, 10, 5000)))
        self.deployment.put(name, content)
        self.files[name] = content
        return "put"

    def broken_file(self):
        """What was good last stays in service, if the service has seen it, and has seen that it is broken now: who is
        killed before cannot know."""
        self.all_is_seen()
        self.deployment.put(self.a_phone(), self.random.choice(BROKEN))
        self.all_is_seen()
        return "put"

    def all_is_seen(self):
        """The service has looked at what was put there before now: it serves what is put there last."""
        self.markers += 1
        content = b"<marker>%d</marker>\n" % self.markers
        self.deployment.put(MARKER, content)
        wait_for(lambda: fetch(self.deployment.http, MARKER) == content, "the service sees what is put there")

        def is_made():
            making = self.deployment.status()["provisioning"]["making"]
            return making["done"] == making["of"]
        wait_for(is_made, "what was put there is made")

    def passing_file(self):
        """One that no phone needs, which comes and goes for good."""
        name = f"extra-{self.random.randrange(3)}.xml"
        if self.files.get(name):
            self.deployment.provisioning(name).unlink()
            self.files[name] = None
            return "gone"
        self.files[name] = b"<extra>%d</extra>\n" % self.random.randrange(1 << 30)
        self.deployment.put(name, self.files[name])
        return "put"

    def files_go(self):
        """One, which comes again; or many, which are held."""
        gone = [self.a_phone()] if self.random.random() < 0.5 else [phones.name(n) + ".cnf.xml" for n in range(phones.COUNT)]
        for name in gone:
            self.deployment.provisioning(name).unlink(missing_ok=True)
        if self.random.random() < 0.5:
            self.deployment.kill()
            self.deployment.start()
        for name in gone:
            self.deployment.put(name, self.files[name])
        return f"{len(gone)}"

    # The service and the machine.

    def kill(self):
        self.deployment.kill()
        self.deployment.start()
        return "started"

    def restart(self):
        self.deployment.stop()
        self.deployment.start()
        return "started"

    def reload(self):
        self.deployment.service.signal(signal.SIGHUP)
        return "told"

    def clock_step(self):
        if self.clock.offset:
            self.clock.set(0)
            return "set right"
        self.clock.set(self.random.choice(CLOCK_STEPS) * self.random.choice((1, -1)))
        return "forward" if self.clock.offset > 0 else "back"

    def full_disk(self):
        """Phones are served all the same, commands say that it is full, and all is well when it is not any more."""
        deployment = self.deployment
        deployment.fill()
        self.storm()
        for command in (("cert", "regenerate", "capf"), ("cert", "add", CERTS / "app-odd.crt", "--role", "app-server")):
            deployment.judged(command, deployment.ctl_once(*command), also=OUT_OF_ROOM)
        name = self.a_phone()
        with contextlib.suppress(OSError):
            deployment.put(name, self.files[name])
        self.fleet.calm_down()
        deployment.must_live()
        if self.random.random() < 0.5:
            deployment.kill()
            if deployment.try_to_start() is not None:
                deployment.empty()
                deployment.start()
        deployment.empty()
        deployment.put(name, self.files[name])
        return "was full"

    def backup(self):
        self.backups += 1
        file = self.deployment.folder / "backup"
        file.unlink(missing_ok=True)
        secret = ("--passphrase-file", self.deployment.passphrase)
        for command in ("create", "verify"):
            done = self.deployment.ctl("backup", command, file, *secret)
            if done.returncode != 0:
                raise Problem(f"backup {command}: {done.stderr.decode()}")
        return "verified"

    def lost_server(self):
        """All of it is gone but for a backup that was made since the last change."""
        self.fleet.calm_down()
        self.backup()
        self.deployment.kill()
        shutil.rmtree(self.deployment.state)
        done = self.deployment.ctl("backup", "restore", self.deployment.folder / "backup", "--passphrase-file", self.deployment.passphrase)
        if done.returncode != 0:
            raise Problem(f"backup restore: {done.stderr.decode()}")
        self.deployment.start()
        return "restored"
