// SPDX-License-Identifier: Apache-2.0
// Elements and numbers as text. Everything that is shown goes through text nodes and attributes, never through markup.
'use strict';

const dom = (() => {
  // h('button', {class: 'x', onclick: f, 'aria-label': 'y'}, 'text', element, [more]); null and false add nothing.
  function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? '' : value);
    }
    element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
    return element;
  }

  const none = '\u2013';
  const isNumber = (x) => typeof x === 'number' && Number.isFinite(x);

  // 12345678 -> "12 345 678"
  const count = (x) => (isNumber(x) ? Math.round(x).toString().replace(/\B(?=(\d{3})+$)/g, '\u202f') : none);

  // Three or so digits with a unit in steps of 1000.
  function scaled(x, units) {
    if (!isNumber(x)) return none;
    let step = 0;
    while (Math.abs(x) >= 999.5 && step + 1 < units.length) x /= 1000, ++step;
    const digits = step === 0 ? 0 : Math.abs(x) < 10 ? 2 : Math.abs(x) < 100 ? 1 : 0;
    return `${x.toFixed(digits)}\u202f${units[step]}`.trimEnd();
  }
  const bytes = (x) => scaled(x, ['B', 'kB', 'MB', 'GB']);
  const amount = (x) => scaled(x, ['', 'k', 'M', 'G', 'T']);

  const fixed = (x, digits) => (isNumber(x) ? x.toFixed(digits) : none);
  // As few digits as say `digits` of them.
  const short = (x, digits = 4) => (isNumber(x) ? String(Number(x.toPrecision(digits))) : none);
  const percent = (part, all) => {
    if (!isNumber(part) || !all) return none;
    const share = (100 * part) / all;
    return share === 0 ? '0\u202f%' : share < 0.001 ? '< 0.001\u202f%' : `${short(share, 3)}\u202f%`;
  };
  const plural = (n, one, many = one + 's') => `${count(n)} ${n === 1 ? one : many}`;

  return {h, none, isNumber, count, bytes, amount, fixed, short, percent, plural};
})();
