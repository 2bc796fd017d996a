"""The rules of the house that a machine can check.

Usage: style.py CHECK ROOT
       style.py list            prints the checks there are

Each check yields (line, what is wrong and what is allowed) for one file.
Violations are printed as path:line: message, and the exit status is 1 if there
is one. style_test.py proves of each check that it can fail.
"""
# SPDX-License-Identifier: Apache-2.0
import os
import re
import sys

CPP = ('.h', '.cc')
CODE = CPP + ('.c', '.S', '.sv', '.svh', '.py', '.sh', '.build')
SKIPPED_DIRS = re.compile(r'^(\..*|build.*|subprojects|__pycache__)$')

# Who may include whom: a folder, and the folders its files may include. The
# longest entry that fits a file is its own; '*' stands for one folder name,
# the same one on both sides, and 'emulators/' for the files right in it.
LAYERS = {
    'kernels/base': ['kernels/base'],
    'kernels': ['kernels'],
    'models': ['kernels', 'models'],
    'rtl': ['kernels/base', 'rtl'],
    'emulators': ['kernels', 'models', 'emulators/'],
    'emulators/*': ['kernels', 'models', 'emulators/', 'emulators/*'],
    'emulators/optical': [
        'kernels', 'models', 'rtl', 'emulators/', 'emulators/optical'],
    'emulators/npu': [
        'kernels', 'models', 'rtl', 'emulators/', 'emulators/npu'],
    # The one table that names every target.
    'emulators/targets.cc': ['emulators'],
    'bench': ['kernels', 'models', 'emulators', 'bench'],
    'tools': ['kernels', 'models', 'emulators', 'bench', 'tools'],
    'tests': [
        'kernels', 'models', 'rtl', 'emulators', 'bench', 'tools', 'tests'],
}
HOUSE = {layer.split('/')[0] for layer in LAYERS}
INCLUDE = re.compile(
    r'^\s*#\s*(?:include|define\s+HWY_TARGET_INCLUDE)\s*([<"])([^>"]+)[>"]')

MAX_COLUMNS = 80
MAX_FILE_LINES = 900
MAX_FUNCTION_LINES = 100
PARALLEL = 'kernels/base/parallel.h'


def fits(entry, path):
    """The folder that '*' stood for ('' if none), or None for no match."""
    folder = os.path.dirname(path)
    if entry.endswith('/'):
        return '' if folder == entry[:-1] else None
    pattern = re.escape(entry).replace(r'\*', '([^/]+)(?=/)')
    match = re.match(f'{pattern}(?:/|$)', path)
    return (match.group(1) if match.groups() else '') if match else None


def layer_of(path):
    """The folders that `path` may include, or None outside the house."""
    entries = [e for e in LAYERS if fits(e, path) is not None]
    if not entries:
        return None
    own = max(entries, key=lambda e: (e.count('/'), '*' not in e))
    return [e.replace('*', fits(own, path)) for e in LAYERS[own]]


def layering(path, lines):
    allowed = layer_of(path)
    if allowed is None or not path.endswith(CPP + ('.c',)):
        return
    for number, line in lines:
        match = INCLUDE.match(line)
        if not match:
            continue
        bracket, target = match.groups()
        in_house = target.split('/')[0] in HOUSE and '/' in target
        if bracket == '<':
            if in_house:
                yield number, f'<{target}>: our own headers stand in quotes'
            continue
        if not in_house:
            if not re.match(r'hwy/|V\w+\.h$', target):
                yield number, (f'"{target}": an include path starts at the '
                               'root, and others\' headers stand in <>')
            continue
        if not any(fits(entry, target) is not None for entry in allowed):
            yield number, (f'"{target}": {os.path.dirname(path)} may include '
                           'only ' + ', '.join(allowed))


def guards(path, lines):
    if not path.endswith('.h'):
        return
    guard = 'TRIPTYCH_' + re.sub(r'[^A-Za-z0-9]', '_', path).upper() + '_'
    directives = [(number, line) for number, line in lines if line[:1] == '#']
    first, opening = directives[0] if directives else (1, '')
    if path.endswith('-inl.h'):
        # Highway includes these once per SIMD target; the line may be broken.
        want = f'#if defined({guard}) == defined(HWY_TARGET_TOGGLE)'
        text = ' '.join(line.rstrip('\\') for _, line in lines[first - 1:])
        opening = ' '.join(text.split())[:len(want)]
    else:
        want = f'#ifndef {guard}'
    if opening != want:
        yield first, f'the first directive must be the guard: {want}'
    elif not any(line == f'#define {guard}' for _, line in directives):
        yield first, f'the guard must be defined: #define {guard}'


def licence(path, lines):
    if not (path.endswith(CODE) and not path.endswith('.build')
            or is_script(lines)):
        return
    if not any('SPDX-License-Identifier: Apache-2.0' in line
               for _, line in lines[:40]):
        yield 1, ('the comment at the top must have the line '
                  'SPDX-License-Identifier: Apache-2.0')


def columns(path, lines):
    if not (path.endswith(CODE) or is_script(lines)):
        return
    for number, line in lines:
        # What cannot be broken: a link, an include, a header guard.
        if 'https://' in line or re.match(r'#(include|ifndef|define|endif) ?'
                                          r'\S+(\s+// \S+)?$', line):
            continue
        if len(line) > MAX_COLUMNS:
            yield number, f'{len(line)} columns: allowed are {MAX_COLUMNS}'


def whitespace(path, lines):
    if not (path.endswith(CODE + ('.md', '.toml')) or is_script(lines)):
        return
    for number, line in lines:
        if line != line.rstrip():
            yield number, 'white space at the end of a line: allowed is none'
        if '\t' in line:
            yield number, 'a tab: allowed are spaces'


def openmp(path, lines):
    if not path.endswith(CPP) or path == PARALLEL:
        return
    for number, line in lines:
        if re.search(r'#\s*pragma\s+omp|_Pragma\("omp|[<"]omp\.h[>"]', line):
            yield number, (f'OpenMP: allowed only in {PARALLEL}, because '
                           'clang drops the SIMD target of a function with '
                           'a parallel region in it')


def length(path, lines):
    if path.endswith(CODE) and len(lines) > MAX_FILE_LINES:
        yield len(lines), (f'{len(lines)} lines: a file may have '
                           f'{MAX_FILE_LINES}')


def functions(path, lines):
    """Namespaces are not indented: a function that is not written inside its
    class begins with a word in column 0 and ends with a lone brace there."""
    if not path.endswith(CPP):
        return
    start = None
    for number, line in lines:
        if re.match(r'\w', line):
            start = number
        elif line == '}' and start:
            count = number - start + 1
            if count > MAX_FUNCTION_LINES:
                yield start, (f'{count} lines: a function may have '
                              f'{MAX_FUNCTION_LINES}')
            start = None


def paths(path, lines):
    for number, line in lines:
        match = re.search(r'(?<![\w.])/(?:work|home|root|Users)/\w+', line)
        if match:
            yield number, (f'{match.group()}: a path of one machine; allowed '
                           'are paths relative to the root')


def is_script(lines):
    return bool(lines) and lines[0][1].startswith('#!')


CHECKS = {check.__name__: check for check in (
    layering, guards, licence, columns, whitespace, openmp, length, functions,
    paths)}


def source_files(root):
    """(path from the root, [(line number, line)]) of each text file."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(d for d in folders if not SKIPPED_DIRS.match(d))
        for name in sorted(names):
            full = os.path.join(folder, name)
            try:
                with open(full, encoding='utf-8') as file:
                    text = file.read()
            except UnicodeDecodeError:
                continue  # a model or a picture
            path = os.path.relpath(full, root).replace(os.sep, '/')
            yield path, list(enumerate(text.splitlines(), 1))


def violations(check, root):
    for path, lines in source_files(root):
        for number, message in CHECKS[check](path, lines):
            yield f'{path}:{number}: {message}'


def main():
    if sys.argv[1:] == ['list']:
        print(*CHECKS, sep='\n')
        return 0
    if len(sys.argv) != 3 or sys.argv[1] not in CHECKS:
        sys.exit(f'usage: style.py list | {"|".join(CHECKS)} ROOT')
    found = list(violations(sys.argv[1], sys.argv[2]))
    print('\n'.join(found) or 'clean')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
