"""What packages and `meson install` install: each fact stands once, and the service is as confined as is said."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
sys.path.insert(0, str(ROOT / "tests/e2e"))

import packaging  # noqa: E402
from documents import blocks  # noqa: E402

CONTROL = (ROOT / "debian/control").read_text()
COMMIT = packaging.Commit("abc1234", 1_790_000_000)
UNRELEASED = ("# Changelog\n\n## [Unreleased]\n\nWords.\n\n### Added\n\n- One that is\n  [long](docs/x.md).\n- `two`\n\n"
              "### Not yet\n\n- Three.\n")
RELEASED = UNRELEASED + "\n## [0.9.0] - 2026-05-04\n\n### Fixed\n\n- Four.\n\n## [0.8.0] - 2025-05-04\n\n- Five.\n"


def rendered(name):
    """A file of packaging/ as the packages have it."""
    text = (ROOT / "packaging" / name).read_text()
    return text.replace("@bindir@", "/usr/bin").replace("@sysconfdir@", "/etc")


def has(program):
    if shutil.which(program) is None:
        raise unittest.SkipTest(f"{program} is not installed")


class Versions(unittest.TestCase):
    def test_what_is_not_released_is_older_than_the_release(self):
        self.assertEqual(packaging.debian_version("0.9.0", UNRELEASED, COMMIT), "0.9.0~20260921141320.abc1234")
        self.assertEqual(packaging.debian_version("0.9.0", RELEASED, COMMIT), "0.9.0")
        has("dpkg")
        later = packaging.debian_version("0.9.0", UNRELEASED, packaging.Commit("0000000", COMMIT.time + 1))
        for older, newer in (("0.8.9", "0.9.0~20260921141320.abc1234"), ("0.9.0~20260921141320.abc1234", later), (later, "0.9.0")):
            self.assertEqual(subprocess.run(["dpkg", "--compare-versions", older, "lt", newer], check=False).returncode, 0)

    def test_the_changelog_is_that_of_the_version(self):
        text = packaging.debian_changelog("0.9.0", UNRELEASED, CONTROL, COMMIT)
        self.assertEqual(re.findall(r"^ {2}\* (.*)", text, re.M), ["One that is long.", "two"])
        self.assertTrue(text.endswith(" Mon, 21 Sep 2026 14:13:20 +0000\n"), text)
        text = packaging.debian_changelog("0.9.0", RELEASED, CONTROL, COMMIT)
        self.assertEqual(re.findall(r"^ {2}\* (.*)", text, re.M), ["Four."])
        self.assertTrue(text.endswith(" Mon, 04 May 2026 00:00:00 +0000\n"), text)
        with self.assertRaisesRegex(SystemExit, "says nothing of 1.0.0"):
            packaging.debian_changelog("1.0.0", "# Changelog\n", CONTROL, COMMIT)

    def test_dpkg_reads_it(self):
        has("dpkg-parsechangelog")
        text = packaging.debian_changelog(packaging.project_version((ROOT / "meson.build").read_text()),
                                          (ROOT / "CHANGELOG.md").read_text(), CONTROL, COMMIT)
        with tempfile.NamedTemporaryFile("w", suffix=".changelog") as file:
            file.write(text)
            file.flush()
            read = subprocess.run(["dpkg-parsechangelog", "-l", file.name], capture_output=True, text=True, check=True)
        self.assertEqual(read.stderr, "")
        self.assertIn("Source: anchord\n", read.stdout)


class Once(unittest.TestCase):
    def test_documents_show_the_unit(self):
        shown = [block.lines for block in blocks("docs/guides/first-cluster.md") if "[Service]" in block.lines]
        self.assertEqual(["\n".join(lines) + "\n" for lines in shown], [rendered("anchord.service.in")])

    def test_packages_need_what_the_build_needs(self):
        listed = re.findall(r"^build (\S+)$", (ROOT / "tools/packages").read_text(), re.M)
        asked = re.search(r"^Build-Depends:\n((?: .*\n)+)", CONTROL, re.M)[1]
        names = set(re.findall(r"^ ([a-z0-9+.-]+)", asked, re.M))
        # The tour in the README needs the first two; Python comes with Meson, and debhelper's parts are for packages alone.
        self.assertEqual(set(listed) - {"curl", "openssl"},
                         names - {"python3", "debhelper-compat", "dh-apparmor", "dh-sequence-installsysusers"})


class Confined(unittest.TestCase):
    def test_the_exposure_is_what_documents_say(self):
        has("systemd-analyze")
        said = re.search(r"rates the exposure of the unit at (\d\.\d)", (ROOT / "docs/guides/first-cluster.md").read_text())[1]
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder) / "anchord.service"
            unit.write_text(rendered("anchord.service.in"))
            judged = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager", unit],
                                    capture_output=True, text=True, check=False)
        self.assertIn(f"Overall exposure level for anchord.service: {said} ", judged.stdout)
        self.assertEqual(judged.returncode, 0, judged.stdout[-200:])

    def test_apparmor_reads_the_profile(self):
        has("apparmor_parser")
        with tempfile.TemporaryDirectory() as folder:
            profile = pathlib.Path(folder) / "anchord"
            profile.write_text(rendered("anchord.apparmor.in"))
            read = subprocess.run(["apparmor_parser", "--skip-kernel-load", "--skip-cache", "--names", profile],
                                  capture_output=True, text=True, check=False)
        self.assertEqual((read.returncode, read.stdout.split()), (0, ["anchord"]), read.stderr)

    def test_the_unit_and_its_neighbours_mean_the_same_state(self):
        state = re.search(r"^ConditionPathExists=(.*)/anchord\.db$", rendered("anchord.service.in"), re.M)[1]
        for name in ("anchord.tmpfiles", "anchord.sysusers", "anchord.apparmor.in", "meson.build"):
            self.assertIn(state, (ROOT / "packaging" / name).read_text(), name)
        self.assertEqual(state, "/var/lib/" + re.search(r"^StateDirectory=(.*)$", rendered("anchord.service.in"), re.M)[1])


class Container(unittest.TestCase):
    """It cannot be run everywhere: what it names is there."""

    RECIPE = (ROOT / "contrib/container/Containerfile").read_text()

    def test_it_takes_packages_that_are_made(self):
        packages = set(re.findall(r"^Package: (.*)$", CONTROL, re.M))
        copied = re.findall(r"([a-z-]+)_\*\.deb", self.RECIPE)
        self.assertEqual(copied, ["anchord", "anchorctl"])
        self.assertLessEqual(set(copied), packages)

    def test_it_runs_as_the_service_does(self):
        unit = rendered("anchord.service.in")
        self.assertEqual(re.search(r"^USER (.*)$", self.RECIPE, re.M)[1], re.search(r"^User=(.*)$", unit, re.M)[1])
        entry = re.search(r"^ENTRYPOINT \[(.*)\]$", self.RECIPE, re.M)[1]
        self.assertEqual(re.findall(r'"([^"]*)"', entry), re.search(r"^ExecStart=(.*)$", unit, re.M)[1].split())
        self.assertIn(re.search(r"^VOLUME (.*)$", self.RECIPE, re.M)[1] + "/anchord.db", unit)

    def test_it_says_the_ports_that_are_served(self):
        settings = (ROOT / "docs/reference/settings.md").read_text()
        for port, protocol in re.findall(r"(\d+)/(udp|tcp)", re.search(r"^EXPOSE (.*)$", self.RECIPE, re.M)[1]):
            name = "tftp" if protocol == "udp" else r"(?:tvs|http|https)"
            self.assertRegex(settings, rf"`--{name}-port PORT` \| {port[0]} ?{port[1:]} \|")


class DefaultConfig(unittest.TestCase):
    EXAMPLE = "# state = \"/x\"\n#tvs-port = 2445\n# words\n"

    def made(self, *settings):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "anchord"
            program.write_text(f"#!/bin/sh\ncat <<'END'\n{self.EXAMPLE}END\n")
            program.chmod(0o755)
            result = subprocess.run([ROOT / "tools/default-config", program, f"{folder}/made", *settings], capture_output=True,
                                    text=True, check=False)
            return result, (pathlib.Path(folder) / "made").read_text() if result.returncode == 0 else ""

    def test_what_is_set_is_no_comment(self):
        _, text = self.made('state="/var/lib/anchord"', "tvs-port=0")
        self.assertEqual(text, 'state = "/var/lib/anchord"\ntvs-port = 0\n# words\n')

    def test_a_setting_that_is_none_is_refused(self):
        result, _ = self.made("words=1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("0 settings 'words'", result.stderr)


if __name__ == "__main__":
    unittest.main()
