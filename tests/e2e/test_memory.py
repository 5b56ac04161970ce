"""Memory: what does not fit is refused by a line, and nothing ends the service."""

import json
import os
import pathlib
import resource
import socket
import subprocess

import harness
from harness import Service, program, run, tftp_get, wait_for

MIB = 1 << 20
NO_MEMORY = "there is not enough memory"


def limit_address_space(size):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))


def fetch(service, name):
    """The status and the body of a file by HTTP."""
    with socket.create_connection(service.http[0], timeout=harness.BOUND) as s:
        s.sendall(f"GET /{name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: s.recv(1 << 20), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


class MemoryCase(harness.Case):
    def put(self, name, content=None, size=None):
        """In one step, as a careful copier does; with a size it is sparse."""
        path = pathlib.Path(self.state) / "provisioning" / name
        aside = path.with_name("." + name)
        aside.write_bytes(content or b"")
        if size is not None:
            os.truncate(aside, size)
        aside.rename(path)

    def problem(self, service, name):
        problems = service.status()["provisioning"]["problems"]
        return next((p for p in problems if p["file"] == "provisioning/" + name), None)

    def comes(self, service, name, content):
        wait_for(lambda: fetch(service, name) == (200, content), f"{name} is served")


class Memory(MemoryCase):
    def test_a_file_that_does_not_fit_leaves_the_last_good_one(self):
        self.put("a.bin", b"a" * MIB)
        with Service(self.state, "--shards", "1", "--max-memory", str(300 * MIB)) as service:
            self.comes(service, "a.bin", b"a" * MIB)
            memory = service.status()["memory"]
            self.assertEqual((memory["limit"], memory["limited_by"]), (300 * MIB, "--max-memory"))
            self.assertLess(memory["for_files"], 300 * MIB)
            self.assertGreater(memory["files"], MIB)
            # Within --max-file-size; sparse, so that they cost the disk nothing.
            self.put("b.bin", size=127 * MIB)
            self.put("c.bin", size=127 * MIB)
            wait_for(lambda: self.problem(service, "b.bin") or self.problem(service, "c.bin"), "one of them is refused")
            self.put("a.bin", size=127 * MIB)
            wait_for(lambda: self.problem(service, "a.bin"), "a.bin is refused")
            problem = self.problem(service, "a.bin")
            self.assertRegex(problem["reason"], r"^needs 127\.0 MiB of memory to be read and made, and of .* MiB for files "
                                                r".* are free: remove files, or look at --max-memory")
            self.assertEqual(problem["served"], "last good")
            self.assertEqual(fetch(service, "a.bin"), (200, b"a" * MIB))
            self.assertIn("'provisioning/a.bin' needs 127.0 MiB", service.log())
            self.put("a.bin", b"b" * MIB)
            self.comes(service, "a.bin", b"b" * MIB)

    def test_slow_readers_of_what_was_replaced_give_way(self):
        size, versions = 6 * MIB, 12
        content = [bytes([65 + i]) * size for i in range(versions)]
        readers = []
        with Service(self.state, "--shards", "2", "--max-memory", str(220 * MIB)) as service:
            limit = service.status()["memory"]["superseded_limit"]
            self.assertLess(limit, (versions - 2) * size)
            for i in range(versions):
                self.put("a.bin", content[i])
                wait_for(lambda: head_of(service, "a.bin") == content[i][:1], f"version {i} is served")
                readers.append(begin(service, "a.bin"))
            memory = wait_for(lambda: settled(service), "what readers hold is no more than the limit")
            self.assertGreater(memory["superseded"], 0)
            self.assertGreater(service.counters()["memory_gave_way"], 0)
            self.assertIn("slow readers of files that were replaced gave way", service.log())
            # Who began last has all of its version.
            got = [rest_of(reader) for reader in readers]
            self.assertEqual(got[-1], content[-1])
            self.assertEqual(got[-2], content[-2])
            self.assertLess(len(got[0]), size)
            self.assertTrue(content[0].startswith(got[0]))
            wait_for(lambda: service.status()["memory"]["superseded"] == 0, "nobody holds anything any more")
            self.assertEqual(tftp_get(service.tftp[0], b"a.bin")[0][:1], content[-1][:1])

    def test_a_control_group(self):
        group = own_group()
        if group is None:
            return  # none can be made here
        path, limit_file = group
        try:
            (path / limit_file).write_text(str(256 * MIB))

            def enter():
                (path / "cgroup.procs").write_text(str(os.getpid()))
            self.put("a.bin", size=127 * MIB)
            self.put("b.bin", size=127 * MIB)
            self.put("small.txt", b"1")
            with Service(self.state, "--shards", "1", preexec=enter) as service:
                self.comes(service, "small.txt", b"1")
                self.assertEqual(service.status()["memory"]["limited_by"], "the control group's memory")
                self.assertTrue(self.problem(service, "a.bin") or self.problem(service, "b.bin"))
                self.put("small.txt", b"2")
                self.comes(service, "small.txt", b"2")
        finally:
            path.rmdir()


def own_group():
    """A control group below ours, and the name of its limit; none where that is not allowed."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, name = line.split(":", 2)
        for root, limit in (("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
            if (limit == "memory.max") != (controllers == "") or (controllers and controllers != "memory"):
                continue
            path = pathlib.Path(root + name) / f"anchord-test-{os.getpid()}"
            try:
                path.mkdir()
            except OSError:
                continue
            if (path / limit).exists() and os.access(path / limit, os.W_OK):
                return path, limit
            path.rmdir()
    return None


def begin(service, name):
    """A reader that has asked for a file and taken its first bytes."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(harness.BOUND)
    s.connect(service.http[0])
    s.sendall(f"GET /{name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    return s, s.recv(512)


def rest_of(reader):
    s, answer = reader
    with s:
        parts = [answer]
        try:
            while part := s.recv(1 << 20):
                parts.append(part)
        except ConnectionError:
            pass
    return b"".join(parts).partition(b"\r\n\r\n")[2]


def head_of(service, name):
    with socket.create_connection(service.http[0], timeout=harness.BOUND) as s:
        s.sendall(f"GET /{name} HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: s.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return body if b" 206 " in head.splitlines()[0] else None


def settled(service):
    memory = service.status()["memory"]
    return memory if memory["superseded"] <= memory["superseded_limit"] else None


# A sanitizer takes memory of its own, and more address space than there is.
if not harness.SLOW:
    class Needs(MemoryCase):
        def test_a_start_that_does_not_fit_says_what_is_needed(self):
            for size in (160, 200, 250, 300, 350, 400, 450, 500, 600, 700, 760):
                with self.subTest(mebibytes=size):
                    result = subprocess.run(
                        [str(program("anchord")), "--state", str(self.state), "--listen", "127.0.0.1", "--shards", "2",
                         *(f"--{s}-port=auto" for s in ("tvs", "tftp", "http", "https"))],
                        capture_output=True, timeout=harness.BOUND, preexec_fn=limit_address_space(size * MIB))
                    lines = result.stderr.decode().splitlines()
                    self.assertEqual(result.returncode, 1, lines)
                    self.assertEqual([line for line in lines if line.startswith("anchord: ")], lines[-1:], lines)
                    self.assertIn(NO_MEMORY, lines[-1])
                    self.assertIn("a start with these settings needs", lines[-1])

        def test_two_large_files_under_a_limit_of_address_space(self):
            for name in ("a.bin", "b.bin"):
                self.put(name, size=100 * MIB)
            self.put("small.txt", b"1")
            with Service(self.state, "--shards", "2", preexec=limit_address_space(1000 * MIB)) as service:
                self.comes(service, "small.txt", b"1")
                refused = [name for name in ("a.bin", "b.bin") if self.problem(service, name)]
                self.assertTrue(refused)
                for name in refused:
                    self.assertIn("memory", self.problem(service, name)["reason"])
                    self.assertEqual(fetch(service, name)[0], 404)
                    self.assertIn(f"provisioning/{name}'", service.log())
                self.put("small.txt", b"2")
                self.comes(service, "small.txt", b"2")
                for name in ("a.bin", "b.bin"):
                    self.put(name, b"fits")
                    self.comes(service, name, b"fits")

        def test_what_a_start_is_said_to_need_covers_what_it_takes(self):
            for flags in ([], ["--shards", "1"], ["--shards", "4", "--max-connections", "1000"],
                          ["--max-transfers", "65536", "--https-port", "0"], ["--tcp-buffers", "2048"]):
                with self.subTest(flags):
                    facts = json.loads(run(program("anchord"), "--explain", "--json", "--tftp-port", "auto", *flags).stdout)
                    said, measured = facts["limits"]["memory_needed"], facts["memory"]
                    self.assertLessEqual(measured["reserved"], said["address_space"])
                    self.assertLess(said["address_space"], 1.2 * measured["reserved"] + 200 * MIB)
                    self.assertLessEqual(measured["touched"], said["used"])
                    self.assertLess(said["used"], 1.2 * measured["touched"] + 100 * MIB)
                    self.assertGreater(facts["limits"]["memory_for_files"], 0)


if __name__ == "__main__":
    harness.main()
