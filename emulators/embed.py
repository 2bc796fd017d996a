#!/usr/bin/env python3
"""Compiles preset files into the library: embed.py OUT.cc PRESET.toml...

A preset's target and name come from its path,
emulators/<target>/presets/<name>.toml, so that the binary needs no data path.
"""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

HEAD = """\
// Made by emulators/embed.py.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/target.h"

namespace triptych {
namespace {

// A text longer than 64 KiB is more than a compiler has to accept.
const Preset kPresets[] = {
"""
TAIL = """\
};

}  // namespace

std::span<const Preset> AllPresets() { return kPresets; }

}  // namespace triptych
"""


def row(path):
    parts = pathlib.PurePath(path).parts
    if parts[-4:-3] != ("emulators",) or parts[-2] != "presets":
        sys.exit(f"{path}: not emulators/<target>/presets/<name>.toml")
    text = pathlib.Path(path).read_text(encoding="utf-8")
    if ')preset"' in text or len(text) > 65000:
        sys.exit(f"{path}: cannot be embedded")
    file = "/".join(parts[-4:])
    key = f'"{parts[-3]}", "{pathlib.PurePath(path).stem}", "{file}"'
    return f'    {{{key},\n     R"preset({text})preset"}},\n'


def main():
    out, *presets = sys.argv[1:]
    body = "".join(row(path) for path in sorted(presets))
    pathlib.Path(out).write_text(HEAD + body + TAIL, encoding="utf-8")


if __name__ == "__main__":
    main()
