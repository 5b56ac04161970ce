"""The programs as `meson install` gives them: from a root of their own, with nothing of the build tree in reach."""

import functools
import json
import os
import re
import shutil
import subprocess
import unittest
from unittest import mock

import harness
from documents import ROOT
from harness import BUILD, Service, ask_once, client, environment, is_valid, program, run, scratch, verify_request

PROGRAMS = ("anchord", "anchorctl", "anchorload")
PAGES = ("man8/anchord.8", "man5/anchord.toml.5", "man8/anchorctl.8", "man1/anchorload.1")
SYSTEM = ("lib/systemd/system/anchord.service", "lib/sysusers.d/anchord.conf", "lib/tmpfiles.d/anchord.conf",
          "lib/sysctl.d/60-anchord.conf", "etc/anchord/anchord.toml", "etc/apparmor.d/anchord")
DOCUMENTS = ("README.md", "SECURITY.md", "CHANGELOG.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*"))
                                                           if path.is_file()))
EXAMPLES = [str(path.relative_to(ROOT / "contrib")) for path in sorted((ROOT / "contrib").rglob("*")) if path.is_file()]
COMPLETIONS = [f"share/{path}" for name in PROGRAMS for path in (
    f"bash-completion/completions/{name}.bash", f"zsh/site-functions/_{name}", f"fish/vendor_completions.d/{name}.fish")]
ALL = {*COMPLETIONS, *(f"bin/{name}" for name in PROGRAMS), *(f"share/man/{page}" for page in PAGES), *SYSTEM,
       *(f"share/doc/anchord/{name}" for name in DOCUMENTS), *(f"share/doc/anchord/examples/{name}" for name in EXAMPLES)}
CONFIGURATION = "<Default><x>1</x></Default>\n"


@functools.cache
def installed():
    """The folder of programs that were installed, and then moved: whatever names the place they were built in or
    installed into finds nothing."""
    if not (BUILD / "meson-info").is_dir():
        raise unittest.SkipTest(f"ANCHORD_BIN={BUILD} is not meson's build directory")
    root = scratch() / "root"
    made = run(client("meson"), "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root)
    assert made.returncode == 0, made.stdout.decode() + made.stderr.decode()
    prefix = next(root.rglob("bin/anchord")).parents[1]
    found = {str(path.relative_to(prefix)) for path in root.rglob("*") if path.is_file()}
    assert found == ALL, sorted(found ^ ALL)
    moved = scratch() / "elsewhere"
    moved.mkdir()
    for name in PROGRAMS:
        shutil.move(prefix / "bin" / name, moved / name)
    shutil.rmtree(root)
    return moved


class Case(unittest.TestCase):
    def setUp(self):
        patched = mock.patch.object(harness, "BUILD", installed())
        patched.start()
        self.addCleanup(patched.stop)
        for name in PROGRAMS:
            self.assertEqual(program(name).parent, installed())


class Files(Case):
    def test_no_run_path_leads_into_the_build_tree(self):
        for name in PROGRAMS:
            dynamic = run(client("readelf"), "-d", program(name)).stdout.decode()
            for path in re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", dynamic):
                for part in filter(None, path.split(":")):
                    self.assertTrue(os.path.isabs(part), dynamic)
                    self.assertNotEqual(os.path.commonpath([part, BUILD]), str(BUILD), dynamic)

    def test_every_library_is_found_and_none_is_openssl(self):
        for name in PROGRAMS:
            listed = run(client("ldd"), program(name)).stdout.decode()
            self.assertNotIn("not found", listed)
            # OpenSSL's libraries bear its version's number; BoringSSL's, when they are shared, have none of those.
            self.assertNotRegex(listed, r"lib(ssl|crypto)\.so\.[1-9]", listed)

    def test_mode_bits_let_everybody_run_them(self):
        for name in PROGRAMS:
            self.assertEqual(program(name).stat().st_mode & 0o777, 0o755)


class Packages(unittest.TestCase):
    def test_each_file_is_in_one_of_them(self):
        taken = {}
        for listed in sorted((ROOT / "debian").glob("*.install")):
            for line in listed.read_text().splitlines():
                taken.setdefault(line.split()[0], []).append(listed.stem)
        there = {name if name.startswith("etc/") else f"usr/{name}" for name in ALL}
        for name in there:
            packages = [taken[path] for path in taken if name == path or name.startswith(f"{path}/")]
            self.assertEqual(len(sum(packages, [])), 1, name)
        for path in taken:
            self.assertTrue(any(name == path or name.startswith(f"{path}/") for name in there), path)


class Removal(Case):
    def test_what_was_installed_goes_again(self):
        root = scratch() / "removed"
        made = run(client("meson"), "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root)
        self.assertEqual(made.returncode, 0, made.stdout.decode() + made.stderr.decode())
        there = [path.name for path in root.rglob("*") if path.is_file()]
        self.assertLess(set(PROGRAMS), set(there))
        removed = run(client("ninja"), "-C", BUILD, "uninstall")
        self.assertEqual(removed.returncode, 0, removed.stdout.decode() + removed.stderr.decode())
        self.assertEqual([path for path in root.rglob("*") if path.is_file()], [])


class Life(Case):
    def test_every_program_says_its_version(self):
        for name in PROGRAMS:
            result = subprocess.run([program(name), "--version"], capture_output=True, timeout=harness.BOUND,
                                    env=environment(), cwd="/", check=False)
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            self.assertIn(name, result.stdout.decode())

    def test_from_nothing_to_a_phone_that_runs(self):
        state = installed().parent / "installed-state"
        self.addCleanup(shutil.rmtree, state, ignore_errors=True)
        made = run(program("anchorctl"), "--state", state, "init", "--name", "demo", "--host", "cucm1=127.0.0.1")
        self.assertEqual(made.returncode, 0, made.stderr.decode())
        (state / "provisioning" / "XMLDefault.cnf.xml").write_text(CONFIGURATION)
        with Service(state) as service:
            flags = []
            for name in ("tvs", "tftp", "http"):
                flags += [f"--{name}-port", getattr(service, name)[0][1]]
            booted = run(program("anchorload"), "boot", "--host", "127.0.0.1", "--phones", 1, "--json", *flags)
            self.assertEqual(booted.returncode, 0, booted.stdout.decode() + booted.stderr.decode())
            self.assertEqual(json.loads(booted.stdout)["phones"]["fine"], 1)
            exported = run(program("anchorctl"), "--state", state, "cert", "export", "tftp")
            self.assertEqual(exported.returncode, 0, exported.stderr.decode())
            certificate = harness.ssl.PEM_cert_to_DER_cert(exported.stdout.decode())
            self.assertTrue(is_valid(ask_once(service.tvs[0], verify_request(certificate))))
        self.assertEqual(service.wait(), 0)


if __name__ == "__main__":
    harness.main()
