"""anchorctl file encrypt, decrypt, and what show, verify and strip say of encrypted files."""

import functools
import json
import os
import stat

import harness
from harness import CERTS, DATA, SANITIZER, Case, client, program, run, scratch

NAME = "SEP001122334455.cnf.xml"
WRONG_KEY = "this key does not decrypt it: it was encrypted to another key, or is damaged\n"
SIGNER = ("--cert", CERTS / "tftp.crt", "--key", CERTS / "tftp.key")


@functools.cache
def rsa_device(bits):
    """A phone's certificate and key of a size that no vector has, made by openssl."""
    certificate, key = scratch() / f"rsa{bits}.crt", scratch() / f"rsa{bits}.key"
    made = run(client("openssl"), "req", "-x509", "-newkey", f"rsa:{bits}", "-nodes", "-sha256", "-days", "30",
               "-subj", f"/CN=SEP{bits:012d}", "-keyout", key, "-out", certificate)
    assert made.returncode == 0, made.stderr.decode()
    return certificate, key


class FileCase(Case):
    def setUp(self):
        super().setUp()
        self.plain = self.folder / NAME
        self.plain.write_bytes((DATA / NAME).read_bytes())
        self.encrypted = self.folder / f"{NAME}.enc.sgn"

    def file(self, *args, code=0, state=False):
        result = run(program("anchorctl"), *(("--state", self.state) if state else ()), "file", *args)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        self.assertIsNone(SANITIZER.search(result.stderr.decode()))
        return result

    def facts(self, *args, **how):
        return json.loads(self.file(*args, "--json", **how).stdout)

    def refused(self, code, *args, says=(), **how):
        error = self.file(*args, code=code, **how).stderr.decode()
        self.assertTrue(error.startswith("anchorctl: ") and error.count("\n") == 1, error)
        for words in [says] if isinstance(says, str) else says:
            self.assertIn(words, error)
        return error

    def encrypt(self, *how, device=CERTS / "phone.crt", signer=SIGNER):
        return self.file("encrypt", self.plain, "--device", device, *signer, *how)

    def decrypt(self, file, key=CERTS / "phone.key"):
        return self.file("decrypt", file, "--key", key).stdout


class Foreign(FileCase):
    """What the vendor has signed: only the front of its header is known."""

    FIRMWARE = DATA / "foreign" / "SIP69xx.9-4-1-3SR3.zz.sgn"

    def test_show_and_strip(self):
        facts = self.facts("show", self.FIRMWARE)
        self.assertEqual((facts["version"], facts["header_length"], facts["content_size"], facts["signer"]["subject"]),
                         ("1.1", 416, 194, None))
        self.assertIn("1.1, of another maker", self.file("show", self.FIRMWARE).stdout.decode())
        self.assertEqual(self.file("strip", self.FIRMWARE).stdout, self.FIRMWARE.read_bytes()[416:])
        self.refused(1, "verify", self.FIRMWARE, "--cert", CERTS / "tftp.crt", says=["of another maker", "file show"])


class Decrypt(FileCase):
    def test_vectors(self):
        for digest in ("sha1", "sha512"):
            with self.subTest(digest):
                self.assertEqual(self.decrypt(DATA / digest / f"{NAME}.enc.sgn"), self.plain.read_bytes())

    def test_into_a_file_for_its_owner_alone(self):
        out = self.folder / "plain.xml"
        result = self.file("decrypt", DATA / "sha1" / f"{NAME}.enc.sgn", "--key", CERTS / "phone.key", "--out", out)
        self.assertEqual((result.stdout, out.read_bytes()), (b"", self.plain.read_bytes()))
        self.assertEqual(stat.S_IMODE(out.stat().st_mode), 0o600)

    def test_wrong_key(self):
        file, out = DATA / "sha512" / f"{NAME}.enc.sgn", self.folder / "out"
        for key in ("tftp", "tvs"):
            error = self.refused(1, "decrypt", file, "--key", CERTS / f"{key}.key", "--out", out, says=str(file))
            self.assertTrue(error.endswith(WRONG_KEY), error)
        self.refused(1, "decrypt", file, "--key", CERTS / "app-ec.key", says="EC key")
        self.refused(1, "decrypt", file, "--key", CERTS / "phone.crt", says=["phone.crt", "not a private key"])
        self.refused(1, "decrypt", file, "--key", self.folder / "none", says="none")
        self.assertFalse(out.exists())

    def test_damage_says_no_more_than_a_wrong_key(self):
        whole = (DATA / "sha512" / f"{NAME}.enc.sgn").read_bytes()
        begin = whole.index(b"\x13\x00\x10")  # the IV's item
        for at in (begin + 3, begin + 60, begin + 400, len(whole) - 40, len(whole) - 1):
            changed = bytearray(whole)
            changed[at] ^= 0x10
            self.encrypted.write_bytes(changed)
            with self.subTest(at=at):
                error = self.refused(1, "decrypt", self.encrypted, "--key", CERTS / "phone.key")
                self.assertTrue(error.endswith(WRONG_KEY), error)

    def test_what_is_not_an_encrypted_file(self):
        key = CERTS / "phone.key"
        self.refused(1, "decrypt", DATA / "sha1" / f"{NAME}.sgn", "--key", key, says=[".sgn", "not encrypted", "strip"])
        self.refused(1, "decrypt", DATA / "sha1" / "ITLFile.tlv", "--key", key, says=["ITLFile.tlv", "trust list"])
        self.refused(1, "decrypt", self.plain, "--key", key, says=NAME)
        self.refused(1, "decrypt", self.folder / "none", "--key", key, says="none")
        whole = (DATA / "sha1" / f"{NAME}.enc.sgn").read_bytes()
        for size in (0, 100, len(whole) - 1):
            self.encrypted.write_bytes(whole[:size])
            self.refused(1, "decrypt", self.encrypted, "--key", key, says=".enc.sgn")


class Encrypt(FileCase):
    def test_vectors_but_for_key_and_signature(self):
        for digest in ("sha1", "sha512"):
            with self.subTest(digest):
                vector = DATA / digest / f"{NAME}.enc.sgn"
                timestamp = self.facts("show", vector)["timestamp"]
                self.encrypt("--digest", digest, "--spelling", "open", "--timestamp", str(timestamp))
                ours, theirs = self.facts("show", self.encrypted), self.facts("show", vector)
                ours.pop("file"), theirs.pop("file")
                self.assertEqual(ours, theirs)
                self.assertEqual(self.decrypt(self.encrypted), self.plain.read_bytes())

    def test_never_the_same_twice(self):
        made = set()
        for _ in range(4):
            self.encrypt("--timestamp", "7")
            made.add(self.encrypted.read_bytes()[-64:])
        self.assertEqual(len(made), 4)
        self.assertNotIn(b"not-a-real-password", self.encrypted.read_bytes())

    def test_every_length(self):
        for size in (0, 1, 15, 16, 17, 32, 10_000_000):
            with self.subTest(size):
                content = os.urandom(size)
                self.plain.write_bytes(content)
                self.encrypt()
                self.assertTrue(self.facts("verify", self.encrypted, "--cert", CERTS / "tftp.crt")["encrypted"])
                shown = self.facts("show", self.encrypted)
                self.assertEqual(shown["content_size"] - shown["encryption"]["pad_length"], size)
                self.assertEqual(self.decrypt(self.encrypted), content)

    def test_device_keys_of_every_size(self):
        for bits in (1024, 2048, 4096):
            with self.subTest(bits):
                certificate, key = rsa_device(bits)
                self.encrypt(device=certificate)
                self.assertEqual(self.facts("show", self.encrypted)["encryption"]["key_bits"], bits)
                self.assertEqual(self.decrypt(self.encrypted, key), self.plain.read_bytes())

    def test_with_the_cluster(self):
        facts = self.facts("encrypt", self.plain, "--device", CERTS / "phone.crt", state=True)
        self.assertEqual((facts["file"], facts["name"]), (str(self.encrypted), self.encrypted.name))
        self.assertEqual(facts["size"], self.encrypted.stat().st_size)
        self.assertIn("CN=cucm1;O=Example Corp", facts["signer"]["subject"])
        self.assertNotEqual(facts["device"]["sha256"], facts["signer"]["sha256"])
        said = self.file("verify", self.encrypted, state=True).stdout.decode()
        self.assertIn(f"valid: {self.encrypted.name}, encrypted, signed", said)
        self.refused(1, "verify", self.encrypted, "--cert", CERTS / "tftp.crt", says="refused")
        self.assertEqual(self.decrypt(self.encrypted), self.plain.read_bytes())

    def test_name_and_out(self):
        out = self.folder / "out.enc.sgn"
        said = self.encrypt("--out", out, "--name", "x/SEP00.cnf.xml.enc.sgn").stdout.decode()
        for words in (f"wrote {out}", "named x/SEP00.cnf.xml.enc.sgn", "encrypted to", "signed by"):
            self.assertIn(words, said)
        self.assertEqual(self.facts("show", out)["file_name"], "x/SEP00.cnf.xml.enc.sgn")
        self.assertFalse(self.encrypted.exists())

    def test_devices_that_cannot_decrypt(self):
        self.refused(1, "encrypt", self.plain, "--device", CERTS / "app-ec.crt", *SIGNER,
                     says=["app-ec.crt", "its key is EC", "RSA"])
        self.refused(1, "encrypt", self.plain, "--device", CERTS / "phone.key", *SIGNER, says="phone.key")
        self.refused(1, "encrypt", self.plain, "--device", self.folder / "none", *SIGNER, says="none")
        certificate, _ = rsa_device(512)
        self.refused(1, "encrypt", self.plain, "--device", certificate, *SIGNER, says=["512 bits", "1024"])
        self.assertFalse(self.encrypted.exists())

    def test_wrong_command_lines(self):
        phone = ("--device", CERTS / "phone.crt")
        self.refused(2, "encrypt", self.plain, *SIGNER, says="--device")
        self.refused(2, "encrypt", self.plain, *phone, says=["--cert", "--state"])
        self.refused(2, "encrypt", self.plain, *phone, "--cert", CERTS / "tftp.crt", says="--key")
        self.refused(2, "encrypt", self.plain, *phone, *SIGNER, "--digest", "md5", says="sha512")
        self.refused(2, "encrypt", *phone, *SIGNER, says="IN")
        self.refused(2, "decrypt", self.encrypted, says="--key")
        self.refused(2, "decrypt", "--key", CERTS / "phone.key", says="IN")
        self.refused(1, "encrypt", self.plain, *phone, "--cert", CERTS / "app-ec.crt", "--key",
                     CERTS / "app-ec.key", says=["cannot sign", "RSA"])
        self.refused(1, "encrypt", self.folder / "none", *phone, *SIGNER, says="none")
        self.refused(1, "encrypt", self.plain, *phone, *SIGNER, "--out", self.folder / "no" / "out", says="no/out")


class Look(FileCase):
    def test_show(self):
        for digest, bits in (("sha1", 160), ("sha512", 512)):
            file = DATA / digest / f"{NAME}.enc.sgn"
            said = self.file("show", file).stdout.decode()
            self.assertIn("encrypted to an RSA key of 2048 bits", said)
            self.assertRegex(said, rf"plain +{self.plain.stat().st_size} bytes, {digest} [0-9a-f]{{{bits // 4}}}\n")
            facts = self.facts("show", file)["encryption"]
            self.assertEqual((facts["key_bits"], facts["pad_length"], facts["digest"]), (2048, 13, digest))
        self.assertIsNone(self.facts("show", DATA / "sha1" / f"{NAME}.sgn")["encryption"])

    def test_verify(self):
        file = DATA / "sha512" / f"{NAME}.enc.sgn"
        self.assertIn(f"valid: {NAME}.enc.sgn, encrypted, signed", self.file("verify", file, *SIGNER[:2]).stdout.decode())
        self.assertTrue(self.facts("verify", file, *SIGNER[:2])["encrypted"])
        self.assertFalse(self.facts("verify", DATA / "sha512" / f"{NAME}.sgn", *SIGNER[:2])["encrypted"])
        whole = file.read_bytes()
        for at in (*range(0, len(whole), 97), len(whole) - 1):
            changed = bytearray(whole)
            changed[at] ^= 0x10
            self.encrypted.write_bytes(changed)
            with self.subTest(at=at):
                self.refused(1, "verify", self.encrypted, *SIGNER[:2], says=".enc.sgn")

    def test_strip_gives_the_cipher_text_and_says_so(self):
        file = DATA / "sha1" / f"{NAME}.enc.sgn"
        result = self.file("strip", file)
        self.assertEqual(result.stdout, file.read_bytes()[self.facts("show", file)["header_length"]:])
        self.assertIn("stays so", result.stderr.decode())


if __name__ == "__main__":
    harness.main()
