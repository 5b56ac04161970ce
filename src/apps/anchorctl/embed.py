#!/usr/bin/env python3
"""A JSON file as a C++ source: embed.py FILE.json OUT.cc

Checked here, so that a slip in the data stops the build and not the program.
"""

import json
import pathlib
import sys

PIECE = 8000  # characters; compilers promise 65 536 in one literal


def main(source, out):
    data = json.loads(pathlib.Path(source).read_text())
    sources = data["sources"]
    seen = set()
    for model in data["models"]:
        assert model["model"] not in seen, model
        seen.add(model["model"])
        for feature in ("security_by_default", "encrypted_configuration", "https_provisioning", "sha512"):
            assert model[feature] in ("yes", "no", "unknown"), model
        assert all(name in sources for name in model["source"]), model
    text = json.dumps(data, separators=(",", ":"))
    assert ')json"' not in text
    pieces = "\n".join(f'R"json({text[i:i + PIECE]})json"' for i in range(0, len(text), PIECE))
    pathlib.Path(out).write_text(f"extern const char anchord_phone_models[];\n"
                                 f"const char anchord_phone_models[] =\n{pieces};\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
