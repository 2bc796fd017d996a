// SPDX-License-Identifier: Apache-2.0
// What a report does beyond being read: light and dark, a word on each mark
// under the pointer or the arrow keys, and filters. Without this script the
// page is complete; marks then show the browser's own tool tips.
'use strict';
(() => {
  const root = document.documentElement;
  const tip = document.getElementById('tip');

  // ---- Light and dark ----

  const toggle = document.getElementById('theme');
  const systemDark = matchMedia('(prefers-color-scheme: dark)');
  const isDark = () =>
      root.dataset.theme ? root.dataset.theme === 'dark' : systemDark.matches;
  const nameToggle = () => {
    toggle.textContent = isDark() ? 'Light' : 'Dark';
    toggle.setAttribute(
        'aria-label', isDark() ? 'Use light colours' : 'Use dark colours');
  };
  toggle.hidden = false;
  toggle.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    nameToggle();
  });
  systemDark.addEventListener('change', nameToggle);
  nameToggle();

  // ---- What a mark says ----

  // A mark's title becomes its label when it is first asked for: the
  // browser's tool tip would hide ours.
  const textOf = (mark) => {
    const title = mark.querySelector(':scope > title');
    if (title) {
      mark.setAttribute('aria-label', title.textContent);
      title.remove();
    }
    return mark.getAttribute('aria-label');
  };
  const placeTip = (x, y) => {
    const box = tip.getBoundingClientRect();
    const left = Math.min(x + 14, innerWidth - box.width - 8);
    const below = y + 18 + box.height < innerHeight;
    tip.style.left = Math.max(8, left) + 'px';
    tip.style.top = (below ? y + 18 : y - box.height - 12) + 'px';
  };
  let current = null;
  let byKey = false;  // the arrow keys chose it: it stays when the page moves
  const leave = () => {
    if (current) current.classList.remove('current');
    current = null;
    tip.hidden = true;
  };
  const show = (mark) => {
    if (mark !== current) {
      leave();
      current = mark;
      mark.classList.add('current');
      tip.textContent = textOf(mark);
      tip.hidden = false;
    }
  };
  const placeAt = (mark) => {
    const box = mark.getBoundingClientRect();
    placeTip(box.left + box.width / 2, box.top + box.height / 2);
  };
  const markAt = (event) =>
      event.target.closest ? event.target.closest('svg.chart .mark') : null;
  for (const type of ['pointermove', 'pointerdown']) {
    document.addEventListener(type, (event) => {
      const mark = markAt(event);
      if (!mark) {
        leave();
        return;
      }
      byKey = false;
      show(mark);
      placeTip(event.clientX, event.clientY);
    });
  }
  document.addEventListener('scroll', () => {
    if (byKey && current) placeAt(current);
    else leave();
  }, {passive: true});

  // ---- The same by keyboard ----

  const shownMarks = (chart) =>
      [...chart.querySelectorAll('.mark:not(.hidden)')];
  document.addEventListener('keydown', (event) => {
    const chart = event.target.closest && event.target.closest('svg.chart');
    if (event.key === 'Escape') leave();
    const step = {
      ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1
    }[event.key];
    if (!chart || !step) return;
    event.preventDefault();
    const marks = shownMarks(chart);
    if (!marks.length) return;
    const at = marks.indexOf(current);
    const next = at < 0 ? (step > 0 ? 0 : marks.length - 1)
                        : (at + step + marks.length) % marks.length;
    byKey = true;
    show(marks[next]);
    marks[next].scrollIntoView({block: 'nearest', inline: 'nearest'});
    placeAt(marks[next]);
  });
  document.addEventListener('focusout', leave);

  // ---- Filters ----

  const applyFilters = (form) => {
    const chart = document.getElementById(form.dataset.chart);
    const wanted = [...form.querySelectorAll('select')].map((s) => s.value);
    let shown = 0;
    let all = 0;
    for (const mark of chart.querySelectorAll('.mark[data-keys]')) {
      const keys = mark.dataset.keys.split(' ');
      const show = wanted.every((value, i) => !value || value === keys[i]);
      mark.classList.toggle('hidden', !show);
      shown += show;
      ++all;
    }
    form.querySelector('output').textContent =
        `${shown} of ${all} points shown`;
  };
  for (const form of document.querySelectorAll('.filters')) {
    form.hidden = false;
    form.addEventListener('change', () => applyFilters(form));
    applyFilters(form);
  }
})();
