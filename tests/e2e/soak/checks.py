"""What must be true of a deployment, whatever happens to it: each check raises a Problem, or says how much it has looked at."""

import contextlib
import hashlib
import http.client
import random as randoms

import beliefs
import harness
from harness import CERTS, ask_once, der, verify_request, wait_for

from soak.deployment import Problem

PHONE_KEY = CERTS / "phone.key"
SHORT = 64 * 1024  # longer ones take minutes by TFTP on a busy machine, 512 bytes at a time
KNOWN = ("app-ec", "app-odd", "capf")  # certificates that are added and removed


def fetch(address, name, tls=None):
    """A file by HTTP, or None where it is not found. Whoever is refused asks again."""
    def once():
        connection = (http.client.HTTPSConnection if tls else http.client.HTTPConnection)(
            *address, timeout=harness.BOUND, **({"context": tls} if tls else {}))
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            connection.request("GET", f"/{name}")
            response = connection.getresponse()
            body = response.read()
            return {200: (body,), 404: (None,)}.get(response.status)
        return None
    return wait_for(once, f"{name} is answered for")[0]


def fetch_by_tftp(address, name):
    def once():
        with contextlib.suppress(TimeoutError):
            try:
                return (harness.tftp_get(address, name.encode())[0],)
            except OSError as e:
                if "error 1" in str(e):
                    return (None,)
        return None
    return wait_for(once, f"{name} is answered for by TFTP")[0]


class Truth:
    """What the store says now, which must be what is served."""

    def __init__(self, deployment):
        status = deployment.facts("status")
        self.mode, self.rollback = status["mode"], status["rollback"]["prepared"]
        self.digest = deployment.facts("set")["digest"]
        self.certificates = {one["sha256"] for one in deployment.facts("cert", "list")["certificates"] if not one["retired"]}
        self.encrypted = {one["name"] for one in deployment.facts("phone", "list")["phones"] if one.get("certificate")}


class Checks:
    def __init__(self, deployment, files, seed):
        self.deployment, self.files = deployment, files  # name: the bytes that must be served
        self.random = randoms.Random(seed)
        self.tls = harness.tls_context()
        self.counts = {}

    def count(self, what, number=1):
        self.counts[what] = self.counts.get(what, 0) + number

    def equal(self, what, served, expected):
        if served != expected:
            digests = [None if b is None else f"{len(b)} bytes, {hashlib.sha256(b).hexdigest()[:10]}" for b in (served, expected)]
            raise Problem(f"{what} is served as {digests[0]}, and must be {digests[1]}")

    def in_service(self):
        """The last change, and all files, are in service."""
        def settled():
            self.deployment.must_live()
            status = self.deployment.status()
            snapshot, provisioning = status["snapshot"], status["provisioning"]
            return (not snapshot["problem"] and provisioning["making"]["done"] == provisioning["making"]["of"]
                    and not provisioning["held"]["files"] and not status["ledger"]["problem"])
        wait_for(settled, "all changes are in service, and nothing is wrong")

    def wait_for_file(self, name):
        """What was put there last is served, or refused where it must be."""
        expected = self.expected(name, Truth(self.deployment))
        wait_for(lambda: fetch(self.deployment.http, name) == expected, f"{name} is served as it was put there")

    def expected(self, name, truth):
        if name.removesuffix(".cnf.xml") in truth.encrypted and not truth.rollback:
            return None  # encrypted only
        if name == "XMLDefault.cnf.xml" and truth.mode == "mixed":
            return None
        return self.files[name]

    def everything(self):
        self.in_service()
        truth = Truth(self.deployment)
        self.served_files(truth)
        self.lists()
        self.questions(truth)

    def served_files(self, truth):
        for name, content in self.files.items():
            expected = self.expected(name, truth)
            wait_for(lambda: fetch(self.deployment.http, name) == expected, f"{name} is served as it must be")
            self.count("files compared")
            if content is None or truth.rollback or expected is None:
                continue
            signed = fetch(self.deployment.http, f"{name}.sgn")
            if signed is None or not signed.endswith(content):
                raise Problem(f"{name}.sgn is not {name} with a signature")
            self.count("files compared")
        for name in self.random.sample(sorted(self.files), min(3, len(self.files))):
            if self.files[name] is not None and not truth.rollback:
                self.signed(name, truth)

    def signed(self, name, truth):
        """Judged by the commands, and by who holds the phone's key; over each protocol it is the same."""
        device = name.removesuffix(".cnf.xml")
        ending = ".enc.sgn" if device in truth.encrypted else ".sgn"
        if name == "XMLDefault.cnf.xml" and truth.mode == "mixed":
            return
        signed = fetch(self.deployment.http, name + ending)
        if signed is None:
            raise Problem(f"{name}{ending} is not served")
        file = self.deployment.checked / f"{name}{ending}"
        file.write_bytes(signed)
        verified = self.deployment.ctl("file", "verify", file)
        if verified.returncode != 0:
            raise Problem(f"{name}{ending}: {verified.stderr.decode()}")
        if ending == ".enc.sgn":
            plain = self.deployment.checked / "decrypted"
            plain.unlink(missing_ok=True)
            self.deployment.ctl("file", "decrypt", file, "--key", PHONE_KEY, "--out", plain)
            self.equal(f"what is in {name}{ending}", plain.read_bytes() if plain.exists() else None, self.files[name])
        else:
            if len(self.files[name]) < SHORT:
                self.equal(f"{name} by TFTP", fetch_by_tftp(self.deployment.tftp, name), self.files[name])
            self.equal(f"{name} by HTTPS", fetch(self.deployment.https, name, self.tls), self.files[name])
        self.count("signatures checked")

    def lists(self):
        """The store's list, the same over all protocols, and sound."""
        def is_the_stores():
            served = fetch(self.deployment.http, "ITLFile.tlv")
            return served if hashlib.sha256(served).hexdigest() == self.deployment.facts("status")["itl"]["sha256"] else None
        served = wait_for(is_the_stores, "the ITL that is served is the store's")
        self.equal("ITLFile.tlv by TFTP", fetch_by_tftp(self.deployment.tftp, "ITLFile.tlv"), served)
        self.equal("ITLFile.tlv by HTTPS", fetch(self.deployment.https, "ITLFile.tlv", self.tls), served)
        file = self.deployment.checked / "ITLFile.tlv"
        file.write_bytes(served)
        verified = self.deployment.ctl("itl", "verify", file)
        if verified.returncode != 0:
            raise Problem(f"the ITL that is served: {verified.stderr.decode()}")
        self.count("lists compared", 3)

    def questions(self, truth):
        """Yes for what is in the store, and no for what is not."""
        for name in KNOWN:
            known = hashlib.sha256(der(name)).hexdigest() in truth.certificates and not truth.rollback
            def once():
                with contextlib.suppress(OSError, EOFError):
                    return (ask_once(self.deployment.tvs, verify_request(der(name))),)
                return None
            answer = wait_for(once, "the verification service answers")[0]
            if harness.is_valid(answer) != known:
                raise Problem(f"the verification service says {not known} of {name}, and the store {known}")
            self.count("questions asked")

    def belief(self):
        """Judged by phones, not by the ledger: whatever list each holds, it is believed that it may."""
        ledger = self.deployment.folder / "ledger"
        ledger.unlink(missing_ok=True)
        exported = self.deployment.ctl("ledger", "export", ledger)
        if exported.returncode != 0:
            raise Problem(f"ledger export: {exported.stderr.decode()}")
        for phone, kind, held, may, believed in beliefs.judge(self.deployment.state, ledger, self.deployment.phones):
            if not believed:
                raise Problem(f"{phone} holds {kind} {held}, and is believed to hold one of {may}")
            self.count("beliefs checked")
