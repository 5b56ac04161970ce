"""The table of anchord's settings (src/control/process/settings.cc), as the program settings-reference prints it, and what
tools/settings-docs and tools/man-pages make of it both."""

import json
import re
import subprocess

FLAG = re.compile(r"(?<![\w`-])--[a-z][a-z-]*\w")


def load(program):
    """The settings, and the flags that are none: a list of dictionaries each."""
    table = json.loads(subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout)
    return table["settings"], table["flags"]


def grouped(text):
    """8 589 934 592: numbers of five digits and more, as documents have them."""
    return re.sub(r"\d{5,}", lambda number: f"{int(number[0]):,}".replace(",", " "), text)


def sentences(setting):
    """What it is, and when to touch it, in Markdown."""
    said = FLAG.sub(lambda flag: f"`{flag[0]}`", setting["help"])
    return f"{said[0].upper()}{said[1:]}. {setting['advice']}".strip()


def spelling(row):
    """--tvs-port PORT"""
    return f"--{row['name']} {row['placeholder']}".strip()
