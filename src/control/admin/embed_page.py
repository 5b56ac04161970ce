#!/usr/bin/env python3
"""The status page's files as a C++ source: embed_page.py OUT.cc FILE..."""

import pathlib
import sys

PIECE = 8000  # characters; compilers promise 65 536 in one literal
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}


def literal(text):
    assert ')page"' not in text
    return "\n".join(f'R"page({text[i:i + PIECE]})page"' for i in range(0, len(text), PIECE))


def main(out, *files):
    rows = []
    for file in map(pathlib.Path, files):
        path = "/" if file.name == "index.html" else f"/{file.name}"
        rows.append(f'{{"{path}", "{TYPES[file.suffix]}",\n{literal(file.read_text())}}}')
    listed = ",\n".join(rows)
    pathlib.Path(out).write_text('#include "admin/page_files.h"\n\nnamespace anchord::control {\n'
                                 f"namespace {{\nconstexpr PageFile kPageFiles[] = {{\n{listed}}};\n}}\n"
                                 "std::span<const PageFile> page_files() {\n  return kPageFiles;\n}\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
