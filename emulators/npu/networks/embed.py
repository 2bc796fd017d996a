#!/usr/bin/env python3
"""Compiles layer lists into the library: embed.py OUT.cc NETWORK.csv...

A network's name is its file's, so that the binary needs no data path.
"""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

HEAD = """\
// Made by emulators/npu/networks/embed.py.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/networks/networks.h"

namespace triptych::npu {
namespace {

const NetworkFile kNetworks[] = {
"""
TAIL = """\
};

}  // namespace

std::span<const NetworkFile> AllNetworks() { return kNetworks; }

}  // namespace triptych::npu
"""


def row(path):
    text = path.read_text(encoding="utf-8")
    if ')network"' in text or len(text) > 65000:
        sys.exit(f"{path}: cannot be embedded")
    file = "/".join(path.parts[-4:])
    key = f'"{path.stem}", "{file}"'
    return f'    {{{key},\n     R"network({text})network"}},\n'


def main():
    out, *networks = map(pathlib.Path, sys.argv[1:])
    body = "".join(row(path) for path in sorted(networks))
    out.write_text(HEAD + body + TAIL, encoding="utf-8")


if __name__ == "__main__":
    main()
