#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A changed module changes all three outputs; an unchanged one, none.

rebuild_test.py VERILATE VERILATOR PACKAGE SOURCE. What Meson compiles must
differ whenever the RTL does, or tests pass on hardware that is no longer
there; and must not be touched otherwise, or everything compiles again. And a
module that is wrong leaves the last good outputs alone.
"""
import pathlib
import subprocess
import sys
import tempfile


def verilate(verilate_py, verilator, package, source, outdir):
    top = source.stem
    return subprocess.run(
        [sys.executable, verilate_py, '--verilator', verilator, '--top', top,
         '--prefix', 'V' + top, '--outdir', outdir,
         '--depfile', outdir / 'deps.d', package, source],
        check=False, capture_output=True, text=True)


def outputs(outdir):
    return {p.name: p.read_text() for p in outdir.iterdir()
            if p.suffix in ('.cpp', '.h')}


def times(outdir):
    return {p: p.stat().st_mtime_ns for p in outdir.glob('*.mdir/*')}


def main():
    verilate_py, verilator, package, original = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        source = scratch / pathlib.Path(original).name
        outdir = scratch / 'out'
        outdir.mkdir()
        text = pathlib.Path(original).read_text()

        def run(new_text):
            source.write_text(new_text)
            return verilate(verilate_py, verilator, package, source, outdir)

        assert run(text).returncode == 0
        first, kept = outputs(outdir), times(outdir)
        assert len(first) == 3, sorted(first)
        rule, _, sources = (outdir / 'deps.d').read_text().partition(': ')
        assert rule == str(outdir / f'V{source.stem}__fast.cpp'), rule
        assert str(source) in sources.split(), sources

        assert run(text + '// more to read, nothing to run\n').returncode == 0
        assert outputs(outdir) == first, 'a comment changed what is compiled'
        assert times(outdir) == kept, 'a comment touched generated files'

        assert 'OneLsb  = SumBits' in text
        changed = text.replace('OneLsb  = SumBits', 'OneLsb  = ~SumBits')
        assert run(changed).returncode == 0
        second = outputs(outdir)
        for name, old in first.items():
            assert second[name] != old, f'{name} does not see the change'

        assert run(text.replace('endmodule', 'endmodul')).returncode != 0
        assert outputs(outdir) == second, 'an error left other outputs'
    print('verilate.py: 1 unchanged, 1 changed, 1 wrong: as it should be')


if __name__ == '__main__':
    main()
