"""debian/changelog, made of CHANGELOG.md and of the version in meson.build, which are the only places where they stand."""

import dataclasses
import datetime
import email.utils
import re
import textwrap

MAINTAINER = re.compile(r"^Maintainer: (.*)$", re.M)
LINE = 78


@dataclasses.dataclass(frozen=True)
class Commit:
    """What is packaged: "fa8d07d", and when it was made, in seconds since 1970."""

    short: str
    time: int


def project_version(meson_build):
    return re.search(r"^ *version: '([^']+)'", meson_build, re.M)[1]


def section(changelog, heading):
    """What stands below "## [heading]", and the date behind it; nothing where there is none."""
    found = re.search(rf"^## \[{re.escape(heading)}\](?: - (\S+))?\n(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    return (found[2], found[1]) if found else (None, None)


def items(text):
    """The entries of a section, each as one line without marks of Markdown; not what the version does not have yet."""
    joined = re.sub(r"\n {2,}", " ", text.split("### Not yet")[0])
    return [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", item).replace("`", "") for item in re.findall(r"^- (.*)$", joined, re.M)]


def debian_version(version, changelog, commit):
    """A release is called as it is. What is not released yet is older than it, and newer than what was before."""
    if section(changelog, version)[0] is not None:
        return version
    when = datetime.datetime.fromtimestamp(commit.time, datetime.timezone.utc)
    return f"{version}~{when:%Y%m%d%H%M%S}.{commit.short}"


def debian_changelog(version, changelog, control, commit):
    text, date = section(changelog, version)
    when = datetime.datetime.fromtimestamp(commit.time, datetime.timezone.utc)
    if text is None:
        text, _ = section(changelog, "Unreleased")
    elif date:
        when = datetime.datetime.fromisoformat(date).replace(tzinfo=datetime.timezone.utc)
    if not text or not items(text):
        raise SystemExit(f"tools/package: CHANGELOG.md says nothing of {version}: add its section, or one called Unreleased")
    lines = [f"anchord ({debian_version(version, changelog, commit)}) unstable; urgency=medium", ""]
    for item in items(text):
        lines += textwrap.wrap(item, LINE, initial_indent="  * ", subsequent_indent="    ", break_long_words=False,
                               break_on_hyphens=False)
    lines += ["", f" -- {MAINTAINER.search(control)[1]}  {email.utils.format_datetime(when)}", ""]
    return "\n".join(lines)
