// SPDX-License-Identifier: Apache-2.0
// A table that sorts, searches and filters. Columns are {key, label, number, text(row), cell(row), value(row), wide}:
// `text` is what is shown and searched (default: row[key]), `cell` an element instead, `value` what is sorted by.
'use strict';

const makeTable = (() => {
  const {h} = dom;

  function compare(a, b) {
    const empty = (x) => x === null || x === undefined || x === '';
    if (empty(a) || empty(b)) return {empty: Number(empty(a)) - Number(empty(b))};
    return {order: typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', {numeric: true})};
  }

  // Options: label (accessible name), columns, rows, facets: [{key, label}], search: false to leave it out,
  // onselect(row): rows can be chosen; the first column holds the button for it. Returns {element, select(row)}.
  return function makeTable({label, columns, rows, facets = [], search = true, onselect = null, empty = 'Nothing to show.'}) {
    if (rows.length === 0) return {element: h('p', {class: 'empty'}, empty), select() {}};
    const text = (column, row) => (column.text ? column.text(row) : String(row[column.key] ?? ''));
    const value = (column, row) => (column.value ? column.value(row) : row[column.key]);
    let sorted = {column: null, down: false};
    let chosen = null;

    const entries = rows.map((row, index) => {
      const texts = columns.map((column) => text(column, row));
      const cells = columns.map((column, c) => {
        const content = column.cell ? column.cell(row) : texts[c];
        const inside = onselect && c === 0 ? h('button', {type: 'button', class: 'pick'}, content) : content;
        return h(c === 0 ? 'th' : 'td', {class: column.wide ? 'wide' : column.number ? 'number' : null, scope: c === 0 ? 'row' : null}, inside);
      });
      const entry = {row, index, words: texts.join('\n').toLowerCase(), element: h('tr', {}, cells)};
      if (onselect) entry.element.addEventListener('click', () => onselect(row));
      return entry;
    });

    const body = h('tbody');
    const heads = columns.map((column) => {
      const head = h('th', {scope: 'col', class: column.number ? 'number' : null},
                     h('button', {type: 'button', onclick: () => sort(column)}, column.label, h('span', {class: 'arrow', 'aria-hidden': 'true'})));
      return head;
    });
    const scroller = h('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label},
                       h('table', {class: onselect ? 'pickable' : null}, h('thead', {}, h('tr', {}, heads)), body));

    const input = h('input', {type: 'search', placeholder: 'Search', 'aria-label': `Search: ${label}`, oninput: update});
    const choices = facets.map((facet) => {
      const values = [...new Set(rows.map((row) => String(row[facet.key] ?? '')))].sort();
      return {key: facet.key, element: h('select', {'aria-label': facet.label, onchange: update},
        h('option', {value: '*'}, `${facet.label}: all`), values.map((v) => h('option', {value: '=' + v}, v || '(none)')))};
    });
    const shown = h('span', {class: 'shown', role: 'status'});
    const tools = search ? h('div', {class: 'tools'}, input, choices.map((c) => c.element), shown) : null;

    // Ascending, then descending, then the original order again.
    function sort(column) {
      if (sorted.column !== column) sorted = {column, down: false};
      else if (!sorted.down) sorted = {column, down: true};
      else sorted = {column: null, down: false};
      heads.forEach((head, c) => {
        const mine = columns[c] === sorted.column;
        if (mine) head.setAttribute('aria-sort', sorted.down ? 'descending' : 'ascending');
        else head.removeAttribute('aria-sort');
      });
      update();
    }

    function update() {
      const words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      const visible = entries.filter((entry) => words.every((word) => entry.words.includes(word)) &&
        choices.every(({key, element}) => element.value === '*' || element.value === '=' + String(entry.row[key] ?? '')));
      if (sorted.column)
        visible.sort((a, b) => {
          const {empty, order} = compare(value(sorted.column, a.row), value(sorted.column, b.row));
          return empty || (sorted.down ? -order : order) || a.index - b.index;  // empty ones last, either way
        });
      body.replaceChildren(...visible.map((entry) => entry.element));
      if (visible.length === 0) body.append(h('tr', {}, h('td', {colspan: columns.length, class: 'empty'}, 'No row matches.')));
      shown.textContent = `${visible.length} of ${rows.length}`;
    }

    // Marks a row and brings it into view inside the table, without moving the page.
    function select(row) {
      if (chosen) chosen.element.removeAttribute('aria-current');
      chosen = entries.find((entry) => entry.row === row) ?? null;
      if (!chosen) return;
      chosen.element.setAttribute('aria-current', 'true');
      if (!chosen.element.isConnected) return;
      const line = chosen.element.getBoundingClientRect(), frame = scroller.getBoundingClientRect();
      const head = heads[0].offsetHeight;
      if (line.top < frame.top + head) scroller.scrollTop -= frame.top + head - line.top;
      else if (line.bottom > frame.bottom) scroller.scrollTop += line.bottom - frame.bottom;
    }

    update();
    return {element: h('div', {class: 'table'}, tools, scroller), select};
  };
})();
