"""Builds c_api_test.c against an installed copy of the kernels, found through
pkg-config alone, and runs it.

Usage: c_api_installed_test.py BUILD_DIR C_COMPILER SOURCE.c
"""
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
import tempfile


def main(build_dir, compiler, source):
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(
            ['meson', 'install', '-C', build_dir, '--no-rebuild', '--quiet',
             '--tags', 'devel', '--destdir', root],
            check=True, stdout=subprocess.DEVNULL)
        found = [folder for folder, _, files in os.walk(root)
                 if 'triptych_kernels.pc' in files]
        if len(found) != 1:
            sys.exit(f'triptych_kernels.pc is in {found}: expected one place')
        env = os.environ | {'PKG_CONFIG_PATH': found[0],
                            'PKG_CONFIG_SYSROOT_DIR': root}
        flags = subprocess.run(
            ['pkg-config', '--cflags', '--libs', 'triptych_kernels'],
            check=True, capture_output=True, text=True, env=env).stdout
        program = os.path.join(root, 'program')
        subprocess.run(
            [compiler, '-std=c99', source, '-o', program, *flags.split(),
             '-lm'], check=True)
        subprocess.run([program], check=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
