#!/usr/bin/env python3
"""Compiles the page's styles and script into the program.

Usage: embed.py OUT.cc FILE...

page.js becomes `const std::string_view kPageJs`, of tools/report/assets.h.
Comments, that no reader of a report needs, are left out.
"""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import re
import sys

HEAD = """\
// Made by tools/report/embed.py.
// SPDX-License-Identifier: Apache-2.0
#include "tools/report/assets.h"

namespace triptych::report {

"""
TAIL = "\n}  // namespace triptych::report\n"


def constant(path):
    name = ''.join(part.capitalize() for part in re.split(r'\W', path.name))
    text = path.read_text(encoding='utf-8')
    if path.suffix == '.css':
        text = re.sub(r'/\*.*?\*/\s*', '', text, flags=re.DOTALL)
    if path.suffix == '.js':
        text = re.sub(r'^\s*//.*\n', '', text, flags=re.MULTILINE)
    if ')asset"' in text or len(text) > 65000:
        sys.exit(f'{path}: cannot be embedded')
    return f'const std::string_view k{name} = R"asset({text})asset";\n'


def main():
    out, *files = sys.argv[1:]
    body = ''.join(constant(pathlib.Path(file)) for file in sorted(files))
    pathlib.Path(out).write_text(HEAD + body + TAIL, encoding='utf-8')


if __name__ == '__main__':
    main()
