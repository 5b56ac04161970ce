"""Compares what phones really hold with what a ledger believes that they may."""

import contextlib
import json
import sqlite3

NO_LIST, UNKEPT_LIST = "0" * 16, "f" * 16  # as the ledger has them


def judge(state, exported, phones):
    """Of each phone's folder below `phones` and each kind of list: its name, the kind, what it holds, what it may hold by
    the `exported` ledger, and whether that contains it."""
    book = json.loads(exported.read_text())
    devices = {device["device"]: device for device in book["devices"]}
    # Who was never heard of there may hold something from before it had a ledger.
    others = UNKEPT_LIST if any(gap["unkept"] or gap["began"] == 0 for gap in book["gaps"]) else NO_LIST
    with contextlib.closing(sqlite3.connect(f"file:{state}/anchord.db?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT content, version FROM issued_lists").fetchall()
    versions = {content: f"{version % 2**64:016x}" for content, version in rows}
    for phone in phones.iterdir():
        for kind, name in (("itl", "ITLFile.tlv"), ("ctl", "CTLFile.tlv")):
            file = phone / name
            held = versions.get(file.read_bytes(), UNKEPT_LIST) if file.exists() else NO_LIST
            may = devices[phone.name][kind]["may_hold"].split() if phone.name in devices else [others]
            yield phone.name, kind, held, may, bool({held, UNKEPT_LIST} & {*may})
