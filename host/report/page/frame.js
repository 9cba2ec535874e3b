// SPDX-License-Identifier: Apache-2.0
// The frame of a report: title, contents, sections, light and dark.
'use strict';

const frame = (() => {
  const {h} = dom;

  function themeButton() {
    const system = matchMedia('(prefers-color-scheme: dark)');
    const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? 'dark' : 'light')) === 'dark';
    const button = h('button', {type: 'button', class: 'theme', onclick: () => {
      document.documentElement.dataset.theme = isDark() ? 'light' : 'dark';
      changed();
    }});
    function changed() {
      button.textContent = isDark() ? 'Light' : 'Dark';
      button.setAttribute('aria-label', isDark() ? 'Use light colours' : 'Use dark colours');
      document.dispatchEvent(new CustomEvent('themechange'));
    }
    system.addEventListener('change', changed);
    changed();
    return button;
  }

  // sections: [{id, title, content: [elements]}]; those without content are left out.
  function show({title, subtitle, sections}) {
    const kept = sections.filter((section) => section.content);
    document.body.append(
      h('a', {class: 'skip', href: '#main'}, 'Skip to the content'),
      h('header', {}, h('div', {}, h('h1', {}, title), h('p', {}, subtitle)), themeButton()),
      h('nav', {'aria-label': 'Contents'}, kept.map(({id, title}) => h('a', {href: '#' + id}, title))),
      h('main', {id: 'main'}, kept.map(({id, title, content}) =>
        h('section', {id, 'aria-labelledby': id + '-title'}, h('h2', {id: id + '-title'}, title), content))));
  }

  // Pairs of a name and a value.
  const facts = (pairs, className = 'facts') => h('dl', {class: className},
    pairs.filter((pair) => pair).map(([name, value, more]) =>
      h('div', {}, h('dt', {}, name), h('dd', {}, value, more ? h('small', {}, more) : null))));

  // A group of buttons of which one is pressed. options: [[value, label]]
  function choice(label, options, onchange) {
    const buttons = options.map(([value, text], i) => h('button', {type: 'button', 'aria-pressed': String(i === 0), onclick: () => {
      buttons.forEach((button, k) => button.setAttribute('aria-pressed', String(k === i)));
      onchange(value);
    }}, text));
    return h('div', {class: 'choice', role: 'group', 'aria-label': label}, buttons);
  }

  const data = () => JSON.parse(document.getElementById('data').textContent);

  return {show, facts, choice, data};
})();
