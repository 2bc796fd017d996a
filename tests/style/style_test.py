"""Proves of each check in style.py that it can fail, and that it can pass.

Usage: style_test.py
"""
# SPDX-License-Identifier: Apache-2.0
import os
import tempfile
import unittest

import style

GUARD = 'TRIPTYCH_MODELS_A_H_'

# check -> (path, text, the line at fault, or None where all is well)...
CASES = {
    'layering': [
        ('kernels/base/a.h', '\n#include "kernels/ref/b.h"\n', 2),
        ('kernels/matmul/a.cc', '#include "models/b.h"\n', 1),
        ('models/ops/a.cc', '#include "emulators/target.h"\n', 1),
        ('emulators/a.h', '#include "emulators/mesh/b.h"\n', 1),
        ('emulators/mesh/a.cc', '#include "emulators/npu/b.h"\n', 1),
        ('emulators/mesh/a.cc', '#include "rtl/dac/b.h"\n', 1),
        ('rtl/dac/a.cc', '#include "kernels/matmul/b.h"\n', 1),
        ('tools/a.cc', '#include "rtl/dac/b.h"\n', 1),
        ('models/a.cc', '#include "b.h"\n', 1),
        ('models/a.cc', '#include <models/b.h>\n', 1),
        ('kernels/norm/a.cc',
         '#define HWY_TARGET_INCLUDE "models/a.cc"\n', 1),
        ('kernels/norm/a.cc', '#include "kernels/base/b.h"\n', None),
        ('kernels/norm/a.cc', '#include "hwy/highway.h"\n', None),
        ('emulators/mesh/a.cc', '#include "emulators/mesh/b.h"\n', None),
        ('emulators/mesh/a.cc', '#include "emulators/target.h"\n', None),
        ('emulators/npu/a.cc', '#include "rtl/mac/b.h"\n', None),
        ('emulators/targets.cc', '#include "emulators/npu/b.h"\n', None),
    ],
    'guards': [
        ('models/a.h', '#pragma once\n', 1),
        ('models/a.h', '', 1),
        ('models/a.h', f'// What.\n#ifndef {GUARD}\n#define OTHER_\n', 2),
        ('models/a-inl.h', '#ifndef TRIPTYCH_MODELS_A_INL_H_\n', 1),
        ('models/a.h', f'// What.\n#ifndef {GUARD}\n#define {GUARD}\n', None),
        ('models/a-inl.h',
         '#if defined(TRIPTYCH_MODELS_A_INL_H_) == \\\n'
         '    defined(HWY_TARGET_TOGGLE)\n'
         '#define TRIPTYCH_MODELS_A_INL_H_\n', None),
    ],
    'licence': [
        ('models/a.cc', 'int a;\n', 1),
        ('tools/a', '#!/bin/sh\n', 1),
        ('models/a.cc', '// SPDX-License-Identifier: Apache-2.0\n', None),
    ],
    'columns': [
        ('models/a.cc', '\n// ' + 'x ' * 39 + '\n', 2),
        ('models/a.cc', '// ' + 'µ' * 77 + '\n', None),
        ('models/a.cc', '// https://' + 'x' * 80 + '\n', None),
    ],
    'whitespace': [
        ('models/a.cc', 'int a; \n', 1),
        ('models/a.cc', '\tint a;\n', 1),
        ('models/a.cc', 'int a;\n', None),
    ],
    'openmp': [
        ('kernels/norm/a.cc', '#pragma omp simd\n', 1),
        ('kernels/norm/a.cc', '_Pragma("omp parallel")\n', 1),
        ('models/a.cc', '#include <omp.h>\n', 1),
        ('kernels/base/parallel.h', '#include <omp.h>\n', None),
    ],
    'length': [
        ('models/a.cc', 'int a;\n' * 901, 901),
        ('models/a.cc', 'int a;\n' * 900, None),
    ],
    'functions': [
        ('models/a.cc',
         'namespace a {\nvoid F(\n    int b) {\n' + '  ++b;\n' * 98
         + '}\n}  // namespace a\n', 2),
        ('models/a.cc',
         'namespace a {\nvoid F(\n    int b) {\n' + '  ++b;\n' * 97
         + '}\n}  // namespace a\n', None),
        ('models/a.cc',
         'class A {\n' + '  int a;\n' * 200 + '};\nint F() {\n}\n', None),
    ],
    'paths': [
        # Joined here, or this file would break the rule it tests.
        ('models/a.toml', '\nfile = "/' + 'home/me/model.gguf"\n', 2),
        ('models/a.toml', 'file = "../shared/home/model.gguf"\n', None),
    ],
}


class StyleTest(unittest.TestCase):

    def test_every_check_can_fail_and_pass(self):
        self.assertEqual(set(CASES), set(style.CHECKS))
        for check, cases in CASES.items():
            faults = [fault for _, _, fault in cases]
            self.assertIn(None, faults, check)
            self.assertNotEqual([None], list(set(faults)), check)

    def test_cases(self):
        for check, cases in CASES.items():
            for path, text, fault in cases:
                with self.subTest(check=check, path=path, text=text[:60]):
                    self.assertEqual(self.lines_at_fault(check, path, text),
                                     [] if fault is None else [fault])

    def lines_at_fault(self, check, path, text):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, os.path.dirname(path)))
            with open(os.path.join(root, path), 'w', encoding='utf-8') as file:
                file.write(text)
            found = list(style.violations(check, root))
        for line in found:
            self.assertRegex(line, r'^\S+:\d+: .*(allowed|must|may|stand)')
        return [int(line.split(':')[1]) for line in found]


if __name__ == '__main__':
    unittest.main()
