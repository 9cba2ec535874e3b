// SPDX-License-Identifier: Apache-2.0
// The kinds of charts: points in a row, a histogram, rectangles over time.
'use strict';

const marks = (() => {
  const {colour, kFont} = plot;

  const text = (context, px, name) => {
    context.fillStyle = colour(name);
    context.font = kFont.replace('12px', `${12 * px}px`);
    context.textBaseline = 'top';
  };
  const power = (x) => '10' + [...String(Math.round(Math.log10(x)))].map((c) => '\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079'['-0123456789'.indexOf(c)]).join('');
  // Marks of a logarithmic axis: powers of ten, at most 8 of them.
  const decades = {
    splits: (_, __, least, most) => {
      const first = Math.ceil(Math.log10(least) - 1e-9), last = Math.floor(Math.log10(most) + 1e-9);
      const step = Math.max(1, Math.ceil((last - first) / 7));
      return Array.from({length: Math.floor((last - first) / step) + 1}, (_, i) => 10 ** (first + i * step));
    },
    values: (splits) => splits.map(power),
    filter: (_, splits) => splits,  // all of them have a label
  };
  // As many digits as the distance between two marks has.
  const linear = {
    values: (splits, increment) => {
      let digits = 0;
      while (digits < 9 && Math.abs(increment * 10 ** digits - Math.round(increment * 10 ** digits)) > 1e-6) ++digits;
      return splits.map((x) => x.toFixed(digits));
    },
  };
  // As much of a text as fits, or nothing when that is too little to tell anything.
  function fitting(context, label, width) {
    if (context.measureText(label).width <= width) return label;
    let length = Math.floor((label.length * width) / context.measureText(label).width);
    while (length > 0 && context.measureText(label.slice(0, length) + '\u2026').width > width) --length;
    return length < 4 ? '' : label.slice(0, length) + '\u2026';
  }

  // points: [{x, y, kind}]; kinds: {name: {colour, hollow}}; value(point): what the y axis shows. Hollow ones, which are
  // few, are drawn last. Other options as plot.chart.
  function points({points, kinds, ...options}) {
    const order = points.map((_, i) => i).sort((a, b) => Boolean(kinds[points[a].kind].hollow) - Boolean(kinds[points[b].kind].hollow));
    const radius = () => (points.length > 300 ? 3 : 4);
    const at = (u, i) => [u.valToPos(points[i].x, 'x'), u.valToPos(options.value(points[i]), 'y')];
    return plot.chart({
      ...options, items: points.length,
      draw(u, context, px, {selected, hovered}) {
        const r = radius() * px;
        const {left, top} = u.bbox;
        order.forEach((i) => {
          const kind = kinds[points[i].kind];
          const [x, y] = at(u, i).map((v) => v * px);
          context.beginPath();
          if (kind.hollow) context.rect(left + x - r, top + y - r, 2 * r, 2 * r);
          else context.arc(left + x, top + y, r, 0, 7);
          context.lineWidth = 1.5 * px;
          context.strokeStyle = context.fillStyle = colour(kind.colour);
          if (kind.hollow) context.fillStyle = colour('panel');
          context.fill();
          if (kind.hollow) context.stroke();
          if (i !== selected && i !== hovered) return;
          context.beginPath();
          context.arc(left + x, top + y, r + 4 * px, 0, 7);
          context.lineWidth = 2 * px;
          context.strokeStyle = colour('text');
          context.stroke();
        });
      },
      hit(u, left, top) {
        let best = -1, nearest = 30 * 30;
        points.forEach((_, i) => {
          const [x, y] = at(u, i);
          const distance = (x - left) ** 2 + ((y - top) / 2) ** 2;  // a column belongs to its point
          if (distance < nearest) best = i, nearest = distance;
        });
        return best;
      },
    });
  }

  // current() gives {first, width, bins, lo, hi}: equal bins and the limits that are marked; what lies outside is shaded.
  function histogram({current, ...options}) {
    const edge = (h, i) => h.first + i * h.width;
    return plot.chart({
      ...options, items: () => current().bins.length,
      draw(u, context, px, {selected, hovered}) {
        const h = current();
        const {left, top, width, height} = u.bbox;
        const x = (v) => u.valToPos(v, 'x', true);
        if (h.lo < h.hi) {
          context.fillStyle = colour('clip');
          context.fillRect(left, top, x(h.lo) - left, height);
          context.fillRect(x(h.hi), top, left + width - x(h.hi), height);
        }
        h.bins.forEach((n, i) => {
          if (n === 0) return;
          const from = x(edge(h, i)), to = x(edge(h, i + 1)), y = u.valToPos(n, 'y', true);
          context.fillStyle = colour(i === selected || i === hovered ? 'text' : 'int');
          context.fillRect(from, y, Math.max(to - from - (to - from > 4 * px ? px : 0), 1), top + height - y);
        });
        if (!(h.lo < h.hi)) return;
        context.strokeStyle = colour('mark');
        context.lineWidth = 2 * px;
        context.beginPath();
        for (const limit of [h.lo, h.hi]) context.moveTo(x(limit), top), context.lineTo(x(limit), top + height);
        context.stroke();
        text(context, px, 'mark');
        const write = (label, at, before) => {
          const space = context.measureText(label).width + 6 * px;
          const turn = before ? at - space < left : at + space > left + width;
          context.textAlign = before !== turn ? 'right' : 'left';
          context.fillText(label, at + (before !== turn ? -4 : 4) * px, top + (before ? 2 : 18) * px);
        };
        write(dom.short(h.lo), x(h.lo), true);
        write(dom.short(h.hi), x(h.hi), false);
      },
      hit(u, left) {
        const h = current();
        const i = Math.floor((u.posToVal(left, 'x') - h.first) / h.width);
        return i >= 0 && i < h.bins.length ? i : -1;
      },
    });
  }

  // boxes: [{left, right, bottom, top, colour, label}]
  function boxes({boxes, ...options}) {
    return plot.chart({
      ...options, items: boxes.length, drag: {x: true, y: true, uni: 30},
      draw(u, context, px, {selected, hovered}) {
        boxes.forEach((box, i) => {
          const x = u.valToPos(box.left, 'x', true), y = u.valToPos(box.top, 'y', true);
          const width = u.valToPos(box.right, 'x', true) - x, height = u.valToPos(box.bottom, 'y', true) - y;
          context.fillStyle = colour(box.colour);
          context.fillRect(x, y, width, height);
          context.strokeStyle = colour('panel');
          context.lineWidth = px;
          if (height > 2 * px && width > 2 * px) context.strokeRect(x, y, width, height);
          if (height < 16 * px || width < 40 * px) return;
          text(context, px, 'boxtext');
          context.textAlign = 'left';
          const from = Math.max(x, u.bbox.left) + 4 * px, to = Math.min(x + width, u.bbox.left + u.bbox.width) - 4 * px;
          const top = Math.max(y, u.bbox.top), bottom = Math.min(y + height, u.bbox.top + u.bbox.height);
          context.fillText(fitting(context, box.label, to - from), from, (top + bottom - 12 * px) / 2);
        });
        for (const i of [hovered, selected]) {
          if (i < 0) continue;
          const box = boxes[i];
          const x = u.valToPos(box.left, 'x', true), y = u.valToPos(box.top, 'y', true);
          context.strokeStyle = colour('text');
          context.lineWidth = 2 * px;
          context.strokeRect(x, y, u.valToPos(box.right, 'x', true) - x, u.valToPos(box.bottom, 'y', true) - y);
        }
      },
      hit(u, left, top) {
        const x = u.posToVal(left, 'x'), y = u.posToVal(top, 'y');
        return boxes.findIndex((box) => box.left <= x && x < box.right && box.bottom <= y && y < box.top);
      },
    });
  }

  return {points, histogram, boxes, decades, linear};
})();
