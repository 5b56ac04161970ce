"""What is installed for systemd, as it is installed, under a systemd of its own: the first process of namespaces that nothing
else on the machine sees. Where such cannot be made nothing is asked."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import break_out
import documents
import harness
from harness import client, environment, program, wait_for

SYSTEMD = pathlib.Path("/lib/systemd/systemd")
STATE = "/var/lib/anchord"
FILES = 300  # to be signed at the first start
# What units of every machine refer to, and the unit needs no more of.
TARGETS = ("sysinit.target", "basic.target", "shutdown.target", "umount.target", "system.slice", "-.slice")

# All of it is in mounts of the machine's own.
BEGIN = """set -e
cd "$1"
mount --make-rprivate /
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /usr/local && mkdir -p /usr/local/bin /usr/local/etc/anchord
cp anchord anchorctl /usr/local/bin
cp anchord.toml /usr/local/etc/anchord
mkdir etc && mount -t tmpfs tmpfs etc && cp -a /etc/. etc && mount --move etc /etc
sed -i '/^anchord:/d' /etc/passwd /etc/group /etc/shadow
mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/units && cp units/* /run/units
mount -t tmpfs -o mode=755 tmpfs /var/lib
mount -t tmpfs tmpfs /tmp
cd /
{commands}
cd /var/lib/anchord/provisioning
for i in $(seq {files}); do echo "<a>$i</a>" >file$i.xml; done
export container=test SYSTEMD_UNIT_PATH=/run/units
exec {systemd} --system --unit=basic.target --log-target=console --log-level=info --show-status=no
"""


def installed(name):
    """A file of packaging/ as `meson install` installs it below /usr/local."""
    text = (documents.ROOT / "packaging" / name).read_text()
    return text.replace("@bindir@", "/usr/local/bin").replace("@sysconfdir@", "/usr/local/etc")


def own_group():
    """A control group below ours, of version 2; none where that is not allowed."""
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    roots = [mount[1] for mount in mounts if mount[2] == "cgroup2"]
    names = [line[3:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")]
    if not roots or not names:
        return None
    path = pathlib.Path(roots[0] + names[0]) / f"anchord-systemd-{os.getpid()}"
    try:
        path.mkdir()
    except OSError:
        return None
    return path


def remove_group(path):
    for folder, _, _ in os.walk(path, topdown=False):
        os.rmdir(folder)


class Machine:
    """Processes, mounts and control groups of their own, in the test's network, with systemd as the first process."""

    def __init__(self, folder, group):
        self.group = group
        self.log = open(folder / "systemd.log", "w+b")
        self.process = subprocess.Popen(
            [client("unshare"), "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--cgroup", "bash", folder / "begin",
             folder], env=environment(), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=self.enter)

    def enter(self):
        (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def first(self):
        """The machine's first process, as it is called here; empty before there is one."""
        return (pathlib.Path("/proc") / f"{self.process.pid}/task/{self.process.pid}/children").read_text().strip()

    def told(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-4000:]

    def run(self, *command):
        return harness.run(client("nsenter"), "--target", self.first(), "--mount", "--pid", "--", *command)

    def systemctl(self, *command):
        result = self.run("systemctl", *command)
        assert result.returncode == 0, (command, result.stdout + result.stderr, self.told())
        return result.stdout.decode().strip()

    def property(self, name):
        return self.systemctl("show", "anchord", "--property", name, "--value")

    def change(self, *settings):
        """Settings of the service beside the unit's."""
        self.run("mkdir", "-p", "/run/units/anchord.service.d")
        text = "\n".join(("[Service]", *settings))
        self.run("sh", "-c", f"echo '{text}' >/run/units/anchord.service.d/change.conf")
        self.systemctl("daemon-reload")

    def is_up(self):
        """Before systemd is the first process it would be asked of another."""
        assert self.process.poll() is None, self.told()
        first = self.first()
        if not first or (pathlib.Path("/proc") / first / "comm").read_text() != "systemd\n":
            return False
        return self.run("systemctl", "is-active", "basic.target").stdout == b"active\n"

    def end(self):
        self.process.kill()  # and with it all that is in there
        self.process.wait()
        self.log.close()
        wait_for(lambda: "populated 0" in (self.group / "cgroup.events").read_text(), "the machine has ended")
        remove_group(self.group)


def machine_in(folder):
    """One with a cluster, which the service's user has made; none where there can be none."""
    if os.geteuid() != 0 or not SYSTEMD.exists():
        return None
    tried = harness.run(client("unshare"), "--pid", "--fork", "--mount", "--mount-proc", "--cgroup", "mount", "-t", "cgroup2", "cgroup2",
                        "/sys/fs/cgroup")
    group = own_group() if tried.returncode == 0 else None
    if group is None:
        return None
    for name in ("anchord", "anchorctl"):
        shutil.copy(program(name), folder / name)
    shutil.copy(harness.BUILD / "packaging/anchord.toml", folder)
    (folder / "units").mkdir()
    for kind in ("sysusers", "tmpfiles"):
        (folder / "units" / f"{kind}.conf").write_text(installed(f"anchord.{kind}"))
    (folder / "units" / "anchord.service").write_text(installed("anchord.service.in"))
    for target in TARGETS:
        (folder / "units" / target).write_text("[Unit]\nDefaultDependencies=no\n")
    commands = ("systemd-sysusers /run/units/sysusers.conf && systemd-tmpfiles --create /run/units/tmpfiles.conf\n"
                f"runuser -u anchord -- anchorctl --state {STATE} init --name demo --host one=127.0.0.1")
    (folder / "begin").write_text(BEGIN.format(commands=commands, files=FILES, systemd=SYSTEMD))
    return Machine(folder, group)


class Unit(harness.Case):
    """What else a machine has that systemd starts, the unit does without."""

    def test_lives_under_systemd(self):
        machine = machine_in(self.folder)
        if machine is None:
            return
        self.addCleanup(machine.end)
        wait_for(machine.is_up, "systemd is there")
        # Ports, folders, system calls and memory are what the unit lets it have.
        machine.systemctl("start", "anchord")
        self.assertRegex(machine.property("StatusText"), rf"^snapshot 1 in service: \d+ certificates, {3 * FILES + 1} files")
        process = machine.property("MainPID")
        self.assertEqual(machine.property("LimitMEMLOCK"), str(1 << 30))
        status = machine.run("cat", f"/proc/{process}/status").stdout.decode()
        self.assertEqual(int(re.search(r"CapEff:\s*(\w+)", status)[1], 16), 1 << 10 | 1 << 28)  # to bind, and to lease
        # It returns when the service says that it has reloaded.
        machine.systemctl("reload", "anchord")
        self.assertRegex(machine.property("StatusText"), "^snapshot [2-9] in service")
        self.assertEqual(machine.property("MainPID"), process)
        # One that hangs is ended by the watchdog and started again.
        machine.change(f"WatchdogSec={2 * harness.FACTOR}", "TimeoutAbortSec=1")
        machine.systemctl("restart", "anchord")
        process = machine.property("MainPID")
        machine.run("kill", "-STOP", process)
        wait_for(lambda: machine.property("MainPID") not in (process, "0") and machine.property("ActiveState") == "active",
                 "another one runs")
        machine.systemctl("stop", "anchord")
        self.assertEqual((machine.property("Result"), machine.property("ExecMainStatus")), ("success", "0"))

    def test_what_the_filter_forbids_is_told(self):
        machine = machine_in(self.folder)
        if machine is None:
            return
        self.addCleanup(machine.end)
        wait_for(machine.is_up, "systemd is there")
        machine.change("SystemCallFilter=~io_uring_setup", "Restart=no", "StandardError=file:/run/anchord.log")
        self.assertNotEqual(machine.run("systemctl", "start", "anchord").returncode, 0)
        self.assertEqual(machine.property("ExecMainStatus"), "1")
        self.assertIn("io_uring is switched off by a seccomp filter", machine.run("cat", "/run/anchord.log").stdout.decode())

    def test_nothing_is_started_before_there_is_a_cluster(self):
        machine = machine_in(self.folder)
        if machine is None:
            return
        self.addCleanup(machine.end)
        wait_for(machine.is_up, "systemd is there")
        machine.run("mv", f"{STATE}/anchord.db", f"{STATE}/away")
        machine.systemctl("start", "anchord")
        self.assertEqual((machine.property("ConditionResult"), machine.property("MainPID")), ("no", "0"))
        machine.run("mv", f"{STATE}/away", f"{STATE}/anchord.db")
        machine.systemctl("start", "anchord")
        self.assertEqual(machine.property("ActiveState"), "active")

    def test_a_service_that_breaks_out_fails(self):
        """What the service needs works, with the same settings; whatever leads out of it fails."""
        machine = machine_in(self.folder)
        if machine is None:
            return
        shutil.copy(pathlib.Path(__file__).parent / "break_out.py", self.folder / "units")
        self.addCleanup(machine.end)
        wait_for(machine.is_up, "systemd is there")
        machine.change("Type=oneshot", "Restart=no", "WatchdogSec=0", "ExecStart=", "ExecReload=",
                       f"ExecStart=/usr/bin/python3 /run/units/break_out.py {STATE}/told")
        started = machine.run("systemctl", "start", "anchord")
        self.assertEqual(started.returncode, 0, (started.stderr, machine.told()))
        told = json.loads(machine.run("cat", f"{STATE}/told").stdout)
        self.assertEqual(set(told), set(break_out.NEEDED) | set(break_out.FORBIDDEN))
        self.assertEqual({name: told[name] for name in break_out.NEEDED}, dict.fromkeys(break_out.NEEDED, "done"))
        self.assertEqual([name for name in break_out.FORBIDDEN if told[name] == "done"], [], told)
