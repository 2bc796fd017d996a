#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the constants' SystemVerilog package and C++ header of their table.

generate.py TABLE SVH H. An integer becomes a parameter and a constant; a list
of integers, a packed parameter of 16-bit entries, the first one lowest, and
an array. [[register]] and [[frame]] rows become offsets and bit fields; that
they neither overlap nor leave their word is checked here.
"""
import pathlib
import re
import sys
import tomllib

NAME = re.compile(r'[a-z][a-z0-9_]*$')
ACCESS = ('ro', 'rw', 'wo')


class Wrong(Exception):
    """The table says something that is not allowed."""


def camel(*words):
    return ''.join(part.capitalize() for w in words for part in w.split('_'))


def check_name(where, name):
    if not NAME.match(name):
        raise Wrong(f'{where}: the name {name!r}; allowed are lower case '
                    'letters, digits and underscores')


def check_integer(where, value, bits=32):
    if type(value) is not int or not 0 <= value < 1 << bits:
        raise Wrong(f'{where}: {value!r}; allowed is an integer of {bits} '
                    'bits, not negative')


def constants(table):
    """(name, value) of every plain constant, in the table's order."""
    for section, rows in table.items():
        if isinstance(rows, list):  # of tables: registers, frame fields
            continue
        check_name(section, section)
        for key, value in rows.items():
            where = f'{section}.{key}'
            check_name(where, key)
            for entry in value if isinstance(value, list) else [value]:
                check_integer(where, entry,
                              16 if isinstance(value, list) else 32)
            yield camel(section, key), value


def check_fields(where, fields, bits):
    taken = 0
    for field in fields:
        name = f'{where}.{field.get("name")}'
        unknown = set(field) - {'name', 'lsb', 'bits'}
        if unknown or len(field) != 3:
            raise Wrong(f'{name}: a field has name, lsb and bits')
        check_name(name, field['name'])
        check_integer(name, field['lsb'])
        check_integer(name, field['bits'])
        if not field['bits'] or field['lsb'] + field['bits'] > bits:
            raise Wrong(f'{name}: bits {field["lsb"]} and {field["bits"]} up; '
                        f'allowed are 1 to {bits} bits within {bits}')
        mask = (1 << field['bits']) - 1 << field['lsb']
        if taken & mask:
            raise Wrong(f'{name}: overlaps another field')
        taken |= mask
    return taken


def registers(table):
    seen = {}
    for row in table.get('register', []):
        where = f'register.{row.get("name")}'
        unknown = set(row) - {'name', 'offset', 'access', 'reset', 'fields'}
        if unknown or not {'name', 'offset', 'access'} <= set(row):
            raise Wrong(f'{where}: a register has name, offset, access, and '
                        'may have reset and fields')
        check_name(where, row['name'])
        check_integer(where, row['offset'], 12)
        if row['offset'] % 4:
            raise Wrong(f'{where}: offset {row["offset"]:#x}; allowed are '
                        'multiples of 4')
        if row['offset'] in seen:
            raise Wrong(f'{where}: at the offset of {seen[row["offset"]]}')
        seen[row['offset']] = row['name']
        if row['access'] not in ACCESS:
            raise Wrong(f'{where}: access {row["access"]!r}; allowed are '
                        f'{", ".join(ACCESS)}')
        check_integer(where, row.get('reset', 0))
        mask = check_fields(where, row.get('fields', []), 32)
        yield row, mask or 0xFFFFFFFF


def frame_fields(table):
    check_fields('frame_field', table.get('frame_field', []), 64)
    return table.get('frame_field', [])


def sv_register_file(table):
    """All registers by word: what each can, its bits and its reset value."""
    rows = {row['offset'] // 4: (row, mask) for row, mask in registers(table)}
    words = max(rows, default=-1) + 1
    if not words:
        return []
    can = {'r': 0, 'w': 0, 'rw': 0}
    masks, resets = [], []
    for word in range(words):
        row, mask = rows.get(word, ({'access': ''}, 0))
        for access in can:
            can[access] |= (access in row['access']) << word
        masks.append(mask)
        resets.append(row.get('reset', 0))

    def packed(values):
        return ', '.join(f"32'd{v}" for v in reversed(values))

    return [f'  localparam int unsigned RegisterWords = {words};',
            *(f'  localparam logic [{words - 1}:0] Registers{name} = '
              f"{words}'h{can[access]:x};"
              for name, access in [('Readable', 'r'), ('Writable', 'w'),
                                   ('Stored', 'rw')]),
            f'  localparam logic [{32 * words - 1}:0] RegistersMask = '
            f'{{{packed(masks)}}};',
            f'  localparam logic [{32 * words - 1}:0] RegistersReset = '
            f'{{{packed(resets)}}};']


def sv_of(table):
    lines = ['// Generated from rtl/constants/constants.toml: edit that.',
             '// verilator lint_off UNUSEDPARAM', 'package rtl_constants;']

    def plain(name, value):
        if isinstance(value, list):
            entries = ', '.join(f"16'd{v}" for v in reversed(value))
            lines.append(f'  localparam logic [{16 * len(value) - 1}:0] '
                         f'{name} = {{{entries}}};')
        elif value < 1 << 31:
            lines.append(f'  localparam int unsigned {name} = {value};')
        else:
            lines.append(f"  localparam logic [31:0] {name} = 32'd{value};")

    for name, value in constants(table):
        plain(name, value)
    for row, mask in registers(table):
        name = camel(row['name'])
        lines.append(f"  localparam logic [11:0] Reg{name} = "
                     f"12'd{row['offset']};")
        lines.append(f"  localparam logic [31:0] Reg{name}Mask = 32'd{mask};")
        lines.append(f"  localparam logic [31:0] Reg{name}Reset = "
                     f"32'd{row.get('reset', 0)};")
        for field in row.get('fields', []):
            plain(camel(row['name'], field['name'], 'lsb'), field['lsb'])
            plain(camel(row['name'], field['name'], 'bits'), field['bits'])
    lines += sv_register_file(table)
    for field in frame_fields(table):
        plain(camel('frame', field['name'], 'lsb'), field['lsb'])
        plain(camel('frame', field['name'], 'bits'), field['bits'])
    return '\n'.join(lines + ['endpackage', '// verilator lint_on UNUSEDPARAM',
                              ''])


def cpp_of(table):
    guard = 'TRIPTYCH_RTL_RTL_CONSTANTS_H_'
    lines = ['// Generated from rtl/constants/constants.toml: edit that.',
             f'#ifndef {guard}', f'#define {guard}', '', '#include <array>',
             '#include <cstdint>', '', 'namespace triptych::rtl {', '']

    def plain(name, value):
        if isinstance(value, list):
            entries = ', '.join(map(str, value))
            lines.append(f'inline constexpr std::array<uint16_t, {len(value)}>'
                         f' k{name}{{{entries}}};')
        else:
            kind = 'int' if value < 1 << 31 else 'uint32_t'
            suffix = '' if value < 1 << 31 else 'u'
            lines.append(f'inline constexpr {kind} k{name} = {value}{suffix};')

    for name, value in constants(table):
        plain(name, value)
    lines.append('\n// Bits [lsb, lsb + bits) of a word.')
    lines.append('struct BitField {\n  int lsb, bits;\n};')
    lines.append('// Bytes from the block\'s base; mask: the bits it has.')
    lines.append('struct RegisterSpec {\n  const char* name;\n'
                 '  uint32_t offset;\n  bool readable, writable;\n'
                 '  uint32_t reset, mask;\n};')
    rows = []
    for row, mask in registers(table):
        name = camel(row['name'])
        lines.append(f'inline constexpr uint32_t kReg{name} = '
                     f'{row["offset"]};')
        for field in row.get('fields', []):
            lines.append('inline constexpr BitField '
                         f'k{name}{camel(field["name"])}'
                         f'{{{field["lsb"]}, {field["bits"]}}};')
        yes = {True: 'true', False: 'false'}
        rows.append(f'    RegisterSpec{{"{row["name"]}", {row["offset"]}, '
                    f'{yes["r" in row["access"]]}, '
                    f'{yes["w" in row["access"]]}, '
                    f'{row.get("reset", 0)}u, {mask}u}},')
    words = max((row['offset'] // 4 + 1 for row, _ in registers(table)),
                default=0)
    lines.append(f'inline constexpr int kRegisterWords = {words};')
    lines.append(f'inline constexpr std::array<RegisterSpec, {len(rows)}> '
                 'kRegisters{')
    lines += rows + ['};']
    for field in frame_fields(table):
        lines.append(f'inline constexpr BitField k{camel("frame")}'
                     f'{camel(field["name"])}'
                     f'{{{field["lsb"]}, {field["bits"]}}};')
    lines += ['', '}  // namespace triptych::rtl', '', f'#endif  // {guard}',
              '']
    return '\n'.join(lines)


def main():
    source, svh, header = map(pathlib.Path, sys.argv[1:])
    try:
        table = tomllib.loads(source.read_text())
        svh.write_text(sv_of(table))
        header.write_text(cpp_of(table))
    except (Wrong, tomllib.TOMLDecodeError) as error:
        print(f'{source}: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
