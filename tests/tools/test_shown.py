"""What others write is shown by one helper, and what they can cause in the log is limited: asked of the sources."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Lines that go into the log as often as they are asked for, and why no peer can ask for them: by file, so many.
UNLIMITED = {
    "src/apps/anchord/main.cc": (5, "flags, and SIGHUP"),
    "src/control/ledger/activity.cc": (2, "once, at start"),
    "src/control/protocol/control_socket.cc": (2, "somebody took the socket's file away: who owns the state directory"),
    "src/control/ledger/journal.cc": (1, "once for each file, at start"),
    "src/control/provisioning/last_good.cc": (1, "once, at start"),
    "src/control/ledger/ledger_writer.cc": (6, "another problem of the disk; once a look, of all phones together; once, at the end; "
                                        "of the cluster's own certificates"),
    "src/control/process/listeners.cc": (2, "at start: once, and once for each port"),
    "src/control/provisioning/own_lists.cc": (1, "a list that an administrator has changed, or the service has made for a phone"),
    "src/control/provisioning/provisioner.cc": (5, "files in the folders; once, at start; each second at most, while there is no memory"),
    "src/control/provisioning/removal_news.cc": (2, "files in the folders"),
    "src/control/provisioning/signature_cache.cc": (1, "another problem of the store"),
    "src/control/process/change_follower.cc": (9, "changes, certificates that expire"),
    "src/control/process/preparation.cc": (3, "once, at start"),
    "src/control/process/server.cc": (3, "signals, and the end"),
    "src/control/process/shard_threads.cc": (1, "once, at start"),
    "src/control/process/shared_follower_thread.cc": (4, "another state of the engine, twice a second at most"),
    "src/io/uring.cc": (1, "the end of the process"),
}


def sources():
    for folder in ("src", "include"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cc", ".h"):
                yield str(path.relative_to(ROOT)), path.read_text()


class Shown(unittest.TestCase):
    def test_what_peers_cause_in_the_log_is_limited(self):
        """Who adds a line says there why no peer can repeat it, or gives it a kind (log::Peers)."""
        found = {}
        for name, text in sources():
            if name in ("src/base/log.cc", "include/anchord/base/log.h"):
                continue
            count = len(re.findall(r"\blog::(?:info|warn|error)\((?!\s*log::Peers::)", text))
            if count:
                found[name] = count
        self.assertEqual(found, {name: count for name, (count, _) in UNLIMITED.items()},
                         "a line that peers can cause gets a kind (log::Peers); of any other UNLIMITED says why they cannot")

    def test_nothing_that_serves_peers_logs_without_a_limit(self):
        for name, text in sources():
            if name.startswith("src/service/"):
                self.assertNotRegex(text, r"\blog::(?:info|warn|error)\((?!\s*log::Peers::)", name)

    def test_every_kind_is_used(self):
        kinds = re.search(r"enum class Peers : std::uint8_t \{(.*?)\};", (ROOT / "include/anchord/base/log.h").read_text(), re.S)
        used = "\n".join(text for _, text in sources())
        for kind in re.findall(r"^  (\w+),", kinds[1], re.M):
            if kind != "count":
                self.assertIn(f"Peers::{kind},", used)

    def test_json_is_printed_by_one_helper(self):
        for name, text in sources():
            if name != "include/anchord/base/printable.h":
                self.assertNotRegex(text, r"\.dump\(", f"{name}: use json_text()")

    def test_terminals_are_written_to_by_few(self):
        """Each of these goes through printable(), or has no text of others in it."""
        few = {"src/apps/anchord/main.cc": 4, "src/apps/anchorctl/render/output.cc": 2, "src/apps/anchorload/command.cc": 2,
               "src/apps/anchorload/runner.cc": 2, "src/apps/settings-reference/main.cc": 1}
        found = {}
        for name, text in sources():
            count = len(re.findall(r"\b(?:f?printf|fwrite|fputs|fmt::print)\(|std::c(?:out|err)\b", text))
            if count and name.endswith((".cc", ".h")) and "migrate" not in name:
                found[name] = count
        self.assertEqual(found, few)


if __name__ == "__main__":
    unittest.main()
