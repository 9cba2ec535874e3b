// SPDX-License-Identifier: Apache-2.0
// Charts on uPlot, which gives scales, axes and zooming; the marks are drawn here. A chart is a figure with a canvas that
// takes the keyboard's focus: arrow keys walk through its items, and what is chosen is announced.
'use strict';

const plot = (() => {
  const {h} = dom;
  const kFont = '12px system-ui, sans-serif';

  // What a colour of kit.css is in the present theme.
  const known = new Map();
  function colour(name) {
    if (!known.has(name)) {
      const probe = document.body.appendChild(h('i', {style: `color: var(--${name})`}));
      known.set(name, getComputedStyle(probe).color);
      probe.remove();
    }
    return known.get(name);
  }
  document.addEventListener('themechange', () => known.clear());

  // options:
  //   label                   accessible name
  //   height                  in CSS pixels
  //   x, y                    {label, range: [min, max] or () => [min, max], log, values(splits), size}
  //   draw(u, context, px)    draws the items; px is device pixels per CSS pixel
  //   items                   how many there are, for the keyboard; or a function
  //   hit(u, left, top)       the item at a place of the plotting area (CSS pixels), or -1
  //   describe(i)             lines of text for the pointer's label
  //   onselect(i)
  //   drag                    {x, y}: directions that zooming takes
  // Returns {element, plot, select(i), redraw()}.
  function chart(options) {
    const holder = h('div', {class: 'canvas'});
    const tip = h('div', {class: 'tip', hidden: true, 'aria-hidden': 'true'});
    const status = h('p', {class: 'sr', role: 'status'});
    const reset = h('button', {type: 'button', class: 'reset', hidden: true, onclick: () => whole()}, 'Whole range');
    const element = h('figure', {class: 'chart', tabindex: '0', role: 'group', 'aria-roledescription': 'chart', 'aria-label': options.label,
                                 onkeydown: key}, holder, tip, reset, status);
    let selected = -1, hovered = -1, u = null, pressed = null;
    const items = () => (typeof options.items === 'function' ? options.items() : options.items);
    const range = (axis) => (typeof axis.range === 'function' ? axis.range() : axis.range);

    const axis = (own, side) => ({
      scale: side === 3 ? 'y' : 'x', side, label: own.label, labelFont: kFont, font: kFont, labelSize: 18, labelGap: 2,
      size: side === 3 ? own.size ?? 58 : 34, space: own.space ?? (side === 3 ? 28 : 56),
      stroke: () => colour('muted'), grid: {stroke: () => colour('grid'), width: 1}, ticks: {stroke: () => colour('grid'), width: 1, size: 4},
      ...(own.values ? {values: (_, splits, __, ___, increment) => own.values(splits, increment)} : {}),
      ...(own.splits ? {splits: own.splits} : {}), ...(own.filter ? {filter: own.filter} : {}),
    });

    function make() {
      const data = [range(options.x), range(options.y)];  // the corners: the whole range
      u = new uPlot({
        width: Math.max(holder.clientWidth, 200), height: options.height, legend: {show: false}, padding: [8, 8, 0, 0],
        cursor: {points: {show: false}, x: false, y: false, drag: {x: true, y: false, dist: 6, ...options.drag}},
        scales: {x: {time: false, range: (_, least, most) => [least, most]},
                 y: {distr: options.y.log ? 3 : 1, range: () => range(options.y)}},
        axes: [axis(options.x, 2), axis(options.y, 3)],
        series: [{}, {paths: () => null, points: {show: false}}],
        hooks: {draw: [(self) => draw(self)], setScale: [() => { reset.hidden = !zoomed(); }]},
      }, data, holder);
      u.over.addEventListener('pointermove', move);
      u.over.addEventListener('pointerleave', () => hover(-1));
      u.over.addEventListener('pointerdown', (event) => { pressed = [event.clientX, event.clientY]; });
      u.over.addEventListener('click', click);
    }

    function draw(self) {
      const {ctx, bbox} = self;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      options.draw(self, ctx, uPlot.pxRatio, {selected, hovered});
      ctx.restore();
    }

    const near = (a, b, whole) => Math.abs(a - b) < 1e-9 * Math.max(Math.abs(whole), 1e-9);
    const zoomed = () => u !== null && ['x', 'y'].some((name) => {
      const [least, most] = range(options[name]);
      const scale = u.scales[name];
      return scale.min !== undefined && scale.min !== null && !(near(scale.min, least, most - least) && near(scale.max, most, most - least));
    });
    function whole() {
      u.batch(() => ['x', 'y'].forEach((name) => {
        const [min, max] = range(options[name]);
        u.setScale(name, {min, max});
      }));
    }

    function hover(i, left = 0, top = 0) {
      if (i !== hovered) {
        hovered = i;
        u.redraw(false, false);
        tip.hidden = i < 0;
        if (i >= 0) tip.replaceChildren(...options.describe(i).map((line) => h('div', {}, line)));
      }
      if (i < 0) return;
      const inside = u.over.getBoundingClientRect(), outside = element.getBoundingClientRect();
      const x = left + inside.left - outside.left, y = top + inside.top - outside.top;
      tip.style.left = Math.max(0, Math.min(x + 14, outside.width - tip.offsetWidth - 4)) + 'px';
      tip.style.top = (y > outside.height / 2 ? y - tip.offsetHeight - 10 : y + 16) + 'px';
    }
    const place = (event) => {
      const box = u.over.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    function move(event) {
      const [left, top] = place(event);
      hover(event.buttons ? -1 : options.hit(u, left, top), left, top);
    }
    function click(event) {
      if (pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 6) return;  // a zoom
      const i = options.hit(u, ...place(event));
      if (i >= 0) choose(i);
    }
    function key(event) {
      if (event.target !== element) return;
      const last = items() - 1;
      const to = {ArrowRight: selected + 1, ArrowDown: selected + 1, ArrowLeft: selected - 1, ArrowUp: selected - 1,
                  PageDown: selected + 10, PageUp: selected - 10, Home: 0, End: last}[event.key];
      if (event.key === 'Escape' && zoomed()) whole();
      if (to === undefined || last < 0) return;
      event.preventDefault();
      choose(Math.max(0, Math.min(last, to)));
    }
    function choose(i) {
      select(i);
      status.textContent = options.describe(i).join('; ');
      if (options.onselect) options.onselect(i);
    }
    function select(i) {
      selected = i;
      if (u) u.redraw(false, false);
    }

    // The first size is known once the figure is in the page.
    new ResizeObserver(() => {
      if (holder.clientWidth === 0) return;
      if (!u) make();
      else if (u.width !== holder.clientWidth) u.setSize({width: holder.clientWidth, height: options.height});
    }).observe(holder);
    document.addEventListener('themechange', () => u && u.redraw(false, true));

    return {
      element, select,
      // After the options' ranges or items have changed.
      remake() {
        hovered = -1, tip.hidden = true;
        if (u) u.destroy(), make(), reset.hidden = true;
      },
    };
  }

  return {chart, colour, kFont};
})();
