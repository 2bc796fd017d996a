# SPDX-License-Identifier: Apache-2.0
"""A report in a browser: it loads without an error, hovering, arrow keys,
filters and the toggle work, and it reads in light, dark and narrow.

Usage: browser_test.py TRIPTYCH [PICTURES]. Runs in the source root; leaves
screenshots in the folder PICTURES. Exits 77 (skipped) without Chromium.
"""
import os
import shutil
import sys
import tempfile

import browser
import material

TRIPTYCH = sys.argv[1]
SKIPPED = 77


def centre_of(page, selector):
    """Scrolls there; the middle of an element, in pixels of the window, when
    the page has heard of the scrolling."""
    return page.evaluate(
        f'(async () => {{ const e = document.querySelector(`{selector}`);'
        'e.scrollIntoView({block: "center", behavior: "instant"});'
        'for (let i = 0; i < 2; ++i) await new Promise(requestAnimationFrame);'
        'const b = e.getBoundingClientRect();'
        'return [b.left + b.width / 2, b.top + b.height / 2]; })()')


def tip(page):
    return page.evaluate('(() => { const t = document.getElementById("tip");'
                         'return t.hidden ? "" : t.textContent; })()')


def hovering_says_what_a_mark_is(page):
    x, y = centre_of(page, '#operators-1 .mark rect')
    page.move(x, y)
    assert 'matmul' in tip(page) and '%' in tip(page), tip(page)
    # The browser's own tool tip would hide ours.
    assert not page.evaluate(
        'document.querySelector("#operators-1 .mark > title")')
    page.move(2, 2)
    assert tip(page) == '', tip(page)


def points_of_the_front_say_where_they_are(page):
    x, y = centre_of(page, '#front-1 .on-front')
    page.move(x, y)
    said = tip(page)
    assert said.startswith(('Pareto front', 'knee')), said
    assert 'target = ' in said and 'batch = ' in said, said


def arrow_keys_walk_the_marks(page):
    page.evaluate('document.getElementById("energy-1").focus()')
    page.key('ArrowRight')
    first = tip(page)
    page.key('ArrowRight')
    second = tip(page)
    page.key('ArrowLeft')
    assert first and second and first != second, (first, second)
    assert tip(page) == first
    page.key('Escape')
    assert tip(page) == ''


def count_shown(page):
    return page.evaluate('document.querySelectorAll('
                         '"#front-1 .mark[data-keys]:not(.hidden)").length')


def filters_hide_what_is_not_chosen(page):
    all_points = count_shown(page)
    selects = page.evaluate('[...document.querySelectorAll('
                            '".filters[data-chart=front-1] label")]'
                            '.map(l => l.textContent.trim().split(" ")[0])')
    axis = selects.index('mesh:formats.weights')
    assert 'target' in selects, selects
    values = page.evaluate(
        '[...document.querySelectorAll(".filters[data-chart=front-1] select")'
        f'[{axis}].options].map(o => o.value).filter(v => v !== "")')
    assert len(values) >= 3, values
    chosen = []
    for value in values:
        page.evaluate(
            '(() => { const s = document.querySelectorAll('
            f'".filters[data-chart=front-1] select")'
            f'[{axis}]; s.value = "{value}";'
            's.dispatchEvent(new Event("change", {bubbles: true})); })()')
        chosen.append(count_shown(page))
        said = page.evaluate('document.querySelector('
                             '".filters[data-chart=front-1] output")'
                             '.textContent')
        assert said == f'{chosen[-1]} of {all_points} points shown', said
    assert sum(chosen) == all_points and min(chosen) > 0, chosen
    page.evaluate(
        'document.querySelectorAll(".filters select").forEach(s => {'
        's.value = ""; s.dispatchEvent(new Event("change", {bubbles: true}))})')
    assert count_shown(page) == all_points


def paper(page):
    return page.evaluate('getComputedStyle(document.body).backgroundColor')


def the_toggle_changes_light_and_dark(page):
    before = paper(page)
    page.evaluate('scrollTo(0, 0)')
    page.click(*centre_of(page, '#theme'))
    assert paper(page) != before, before
    page.click(*centre_of(page, '#theme'))
    assert paper(page) == before


def texts_are_where_they_can_be_read(page):
    """No text of a drawing overlaps another or leaves the drawing."""
    clashes = page.evaluate('''
      [...document.querySelectorAll('svg.chart')].flatMap(svg => {
        const frame = svg.getBoundingClientRect();
        const boxes = [...svg.querySelectorAll('text')].map(
            t => [t.textContent, t.getBoundingClientRect()]);
        const found = [];
        boxes.forEach(([text, a], i) => {
          if (a.left < frame.left - 1 || a.right > frame.right + 1 ||
              a.top < frame.top - 1 || a.bottom > frame.bottom + 1)
            found.push(`${svg.id}: "${text}" leaves the drawing`);
          boxes.slice(i + 1).forEach(([other, b]) => {
            const w = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (w > 2 && h > 4)
              found.push(`${svg.id}: "${text}" on "${other}"`);
          });
        });
        return found;
      })''')
    assert not clashes, clashes


def the_page_does_not_scroll_sideways(page):
    assert page.evaluate(
        'document.documentElement.scrollWidth <= innerWidth'), 'it does'


CASES = (hovering_says_what_a_mark_is, points_of_the_front_say_where_they_are,
         arrow_keys_walk_the_marks, filters_hide_what_is_not_chosen,
         the_toggle_changes_light_and_dark, texts_are_where_they_can_be_read,
         the_page_does_not_scroll_sideways)


def attempt(name, case, page):
    try:
        case(page)
        assert not page.problems, page.problems
        print(f'ok      {name}')
        return 0
    except AssertionError as error:
        page.problems.clear()
        print(f'FAILED  {name}: {error}')
        return 1


def check(page, report, pictures):
    """How many checks there were, and how many failed."""
    failed = done = 0
    grounds = {}
    for name, width, dark in (('light', 1100, False), ('dark', 1100, True),
                              ('narrow', 390, False)):
        page.open(report, width=width, dark=dark)
        cases = CASES if name == 'light' else CASES[-2:]
        for case in cases:
            failed += attempt(f'{name}: {case.__name__}', case, page)
            done += 1
        grounds[name] = paper(page)
        page.evaluate('scrollTo(0, 0)')
        shot = page.screenshot(os.path.join(pictures, f'{name}.png'), True)
        # A page of nothing compresses to nothing.
        if len(shot) < 50_000:
            failed += 1
            print(f'FAILED  {name}: a screenshot of {len(shot)} bytes')
    if grounds['light'] == grounds['dark']:
        failed += 1
        print(f'FAILED  light and dark are both {grounds["light"]}')
    return done, failed


def main():
    program = shutil.which('chromium') or shutil.which('chromium-browser')
    if program is None:
        print('skipped: no chromium here (tools/setup --slow installs it)')
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, 'report.html')
        inputs = material.make_inputs(TRIPTYCH, folder)
        material.run(TRIPTYCH, 'report', *inputs, '-o', report)
        with browser.Browser(program) as page:
            pictures = sys.argv[2] if len(sys.argv) > 2 else folder
            os.makedirs(pictures, exist_ok=True)
            done, failed = check(page, report, pictures)
    print(f'{done - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
