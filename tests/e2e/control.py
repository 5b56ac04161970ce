"""The control socket from both ends: what anchord and anchorctl say there, and whoever stands in for one of them."""

import contextlib
import copy
import json
import pathlib
import re
import socket
import threading

VERSION = 1  # of the protocol
ANCHORD = re.search(r"^  version: '(.*)',$", (pathlib.Path(__file__).parents[2] / "meson.build").read_text(), re.M)[1]

# A service that has nothing to report.
WELL = {
    "version": ANCHORD, "pid": 1, "host": "cucm1", "started_at": 0, "shards": 1, "draining": False,
    "listening": {"tvs": "", "tftp": "", "http": "", "https": ""}, "mode": "nonsecure", "rollback": False,
    "tls_min": "1.2", "refuse_expired": False,
    "snapshot": {"version": 1, "published_at": 0, "store_change": 0, "certificates": 0, "files": 0, "problem": "",
                 "behind_since": None},
    "memory": {"limit": 0, "limited_by": "", "for_files": 0, "files": 0, "superseded": 0, "superseded_limit": 0,
               "failures": 0},
    "provisioning": {"files": 0, "bytes": 0, "signatures_made": 0, "signatures_kept": 0, "watching": True,
                     "cache_problem": "", "making": {"done": 0, "of": 0}, "problem_count": 0, "problems": [],
                     "warning_count": 0, "warnings": [], "held": {"files": 0, "certificates": 0, "until": None}},
    "ledger": {"devices": 0, "pending": 0, "noted": 0, "written": 0, "dropped": 0, "last_written": None, "problem": ""},
    "own_lists": {"served": 0, "withdrawn": {}, "withdrawn_count": 0},
    "backup": {"last": None, "holds_tftp_key": True, "problem": ""},
    "engine": {"member": False, "members": "", "change": 0, "newest": 0, "heard": None, "problem": ""},
    "expiry": [], "counters": {},
    "devices": {"known": 0, "recent": [], "guessing": {}},
}


def message(what, kind, body, protocol=VERSION, anchord=ANCHORD):
    return json.dumps({"protocol": protocol, "anchord": anchord, what: kind, "body": body}).encode() + b"\n"


def request(kind, **body):
    return message("request", kind, body)


def answer(kind, **body):
    return message("answer", kind, body)


def status(**parts):
    """The answer of a service that is well but for some fields: status(snapshot={"problem": "no key"})."""
    body = copy.deepcopy(WELL)
    for name, part in parts.items():
        body[name] = {**body[name], **part} if isinstance(part, dict) else part
    return answer("status", **body)


def ask(state, sent, end=False):
    """What a service answers to these bytes; `end`: nothing more is sent behind them."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(state / "control.sock"))
        received = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(sent)
            if end:
                client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while part := client.recv(65536):
                received += part
    return received


class FakeService:
    """Answers each connection with what `says` returns, or lets `serve` do with it what it likes; `asked` has what came.
    One that `resets` looks at the request and leaves it unread: the connection's end is a reset then."""

    def __init__(self, state, says=None, serve=None, resets=False):
        self.path, self.says, self.serve, self.asked = state / "control.sock", says, serve or self.tell, []
        self.flags = socket.MSG_PEEK if resets else 0

    def tell(self, peer):
        peer.sendall(self.says())

    def run(self):
        while True:
            try:
                peer = self.listener.accept()[0]
            except OSError:
                return
            # Who only looks whether somebody is there asks nothing; who does not like the answer goes.
            with peer, contextlib.suppress(OSError):
                if line := peer.recv(1000, self.flags):
                    self.asked.append(json.loads(line))
                    self.serve(peer)

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        self.path.unlink()
