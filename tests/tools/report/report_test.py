# SPDX-License-Identifier: Apache-2.0
"""A report of everything: what its files are made of, and who is refused.

Usage: report_test.py TRIPTYCH. Runs in the source root. Prints one line a
case and 'N passed, N failed'; exits 1 if any failed.
"""
import collections
import html.parser
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import material

sys.path.append('tests')  # as it runs in the source root
import cases

TRIPTYCH = sys.argv[1]
MOST_BYTES = 3_000_000
SVG = '{http://www.w3.org/2000/svg}'
SECTIONS = ['targets', 'operators', 'roofline', 'units', 'energy', 'mesh',
            'error-budget', 'layers', 'timeline', 'front', 'curves',
            'sensitivity', 'validation', 'accuracy']


class Outline(html.parser.HTMLParser):
    """What a page is made of: ids, references, and each drawing's labels."""

    def __init__(self):
        super().__init__()
        self.ids = collections.Counter()
        self.references, self.links, self.sections = set(), [], []
        self.labels, self.open = [], []
        self.table_headers = self.tables = 0

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if 'id' in attributes:
            self.ids[attributes['id']] += 1
        for name in ('aria-labelledby', 'data-chart'):
            self.references.update((attributes.get(name) or '').split())
        for name in ('src', 'href', 'xlink:href', 'action', 'data'):
            if name in attributes:
                self.links.append(attributes[name])
        if tag == 'section':
            self.sections.append(attributes['id'])
        if tag == 'svg':
            self.labels.append({'svg': attributes})
        if tag in ('title', 'desc') and self.labels and 'id' in attributes:
            self.labels[-1][tag] = ''
        self.tables += tag == 'table'
        self.table_headers += tag == 'thead'
        self.open.append(tag)

    def handle_data(self, data):
        tag = self.open[-1] if self.open else ''
        if tag in ('title', 'desc') and self.labels:
            if self.labels[-1].get(tag) == '':
                self.labels[-1][tag] = data

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass


def page(folder, inputs):
    out = os.path.join(folder, 'report.html')
    material.run(TRIPTYCH, 'report', *inputs, '-o', out)
    return pathlib.Path(out).read_text(encoding='utf-8')


def the_page_is_small_and_needs_nothing_else(folder, inputs):
    text = page(folder, inputs)
    assert len(text.encode()) < MOST_BYTES, len(text)
    outline = Outline()
    outline.feed(text)
    for link in outline.links:
        assert link.startswith('#') or link == 'data:,', link
    outside = set(re.findall(r'\w+://[^\s"\'<)]+', text))
    assert not outside, outside
    assert '@import' not in text and 'url(' not in re.sub(
        r'url\(#[\w-]+\)', '', text)


def every_section_is_there_and_labelled(folder, inputs):
    outline = Outline()
    outline.feed(page(folder, inputs))
    assert outline.sections == SECTIONS, outline.sections
    twice = [i for i, count in outline.ids.items() if count > 1]
    assert not twice, twice
    missing = outline.references - set(outline.ids)
    assert not missing, missing
    assert len(outline.labels) > 20
    for drawing in outline.labels:
        assert drawing.get('title', '').strip(), drawing
        assert drawing.get('desc', '').strip(), drawing
        assert drawing['svg']['role'] == 'img'
        assert drawing['svg']['tabindex'] == '0'
    # Each drawing has its table.
    assert outline.tables >= len(outline.labels)
    assert outline.tables == outline.table_headers


def pictures_are_well_formed_files(folder, inputs):
    pictures = os.path.join(folder, 'pictures')
    listed = json.loads(material.run(
        TRIPTYCH, 'report', *inputs, '--svg', pictures, '--json', '-'))
    files = sorted(pathlib.Path(pictures).iterdir())
    assert [str(f) for f in files] == sorted(
        row['file'] for row in listed['results'])
    assert len(files) > 20
    for file in files:
        root = xml.etree.ElementTree.parse(file).getroot()
        assert root.tag == SVG + 'svg', root.tag
        assert root.find(SVG + 'title').text, file
        assert root.find(SVG + 'desc').text, file
        ids = [e.get('id') for e in root.iter() if e.get('id')]
        assert len(ids) == len(set(ids)), file
        width, height = float(root.get('width')), float(root.get('height'))
        for text in root.iter(SVG + 'text'):
            if text.get('x') is None:
                continue
            assert -1 <= float(text.get('x')) <= width + 1, (file, text.text)
            assert -1 <= float(text.get('y')) <= height + 1, (file, text.text)


def a_report_is_the_same_each_time(folder, inputs):
    assert page(folder, inputs) == page(folder, inputs)


def a_terminal_gets_text(_, inputs):
    for locale, ascii_only in (('C', True), ('C.UTF-8', False)):
        done = subprocess.run(
            [TRIPTYCH, 'report', *inputs], capture_output=True, timeout=60,
            env={**os.environ, 'LC_ALL': locale})
        assert done.returncode == 0, done.stderr
        text = done.stdout.decode()
        assert max(map(len, text.splitlines())) <= 80
        assert '0 of the roof' not in text
        for heading in ('Roofline\n====', 'Pareto front\n===='):
            assert heading in text
        # The machine's numbers, not its text: that is the model's own.
        drawn = text.replace('µ', 'u').replace('±', '+-')
        assert drawn.isascii() == ascii_only


def refused(arguments, says):
    done = subprocess.run([TRIPTYCH, 'report', *arguments],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, (arguments, done.returncode)
    assert says in done.stderr, done.stderr
    assert done.stdout == ''


def what_is_no_input_is_refused(folder, inputs):
    def file(name, text):
        path = os.path.join(folder, name)
        pathlib.Path(path).write_text(text, encoding='utf-8')
        return path

    refused(['nowhere.json'], 'nowhere.json: cannot be read')
    refused([file('a.json', '{')], 'a.json: is no JSON object')
    refused([file('b.json', '{"command": "bench", "results": []}')],
            'allowed run, compare, profile, validate, accuracy, sweep')
    refused([file('c.json', '{"command": "run", "results": [{}]}')],
            'c.json: results[0]: target: has to be present')
    refused([file('d.json', '{"command": "run", "results": []}')],
            'd.json: no results')
    refused([inputs[0], '-o', '/nowhere/x.html'], 'cannot be written')
    refused([inputs[0], '--svg', inputs[0]], 'cannot be a folder')


def an_old_page_survives_a_failure(folder, inputs):
    page(folder, inputs)
    out = pathlib.Path(folder, 'report.html')
    before = out.read_bytes()
    refused(['nowhere.json', '-o', str(out)], 'cannot be read')
    assert out.read_bytes() == before


CASES = [
    the_page_is_small_and_needs_nothing_else,
    every_section_is_there_and_labelled,
    pictures_are_well_formed_files,
    a_report_is_the_same_each_time,
    a_terminal_gets_text,
    what_is_no_input_is_refused,
    an_old_page_survives_a_failure,
]


def main():
    with tempfile.TemporaryDirectory() as folder:
        inputs = material.make_inputs(TRIPTYCH, folder)
        return cases.run(CASES, folder, inputs)


if __name__ == '__main__':
    sys.exit(main())
