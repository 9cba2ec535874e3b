// SPDX-License-Identifier: Apache-2.0
// The report of a verification (hb_verifier, hb_model_verifier); its data are those of --json.
'use strict';

(() => {
  const {h, none, isNumber, count, bytes, fixed, short, percent, plural} = dom;
  const data = frame.data();
  const {pairs, sides, samples, files, notes, stages} = data;
  const raised = (n) => [...String(n)].map((c) => '\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079'[c]).join('');
  // A name among other words keeps its direction of writing to itself.
  const alone = (name) => `\u2068${name}\u2069`;
  const title = (pair) => `${pair.left} \u2013 ${pair.right}`;
  const shape = (dims) => (dims.length ? dims.join(' \u00d7 ') : 'scalar');
  const badge = (passed) => h('span', {class: 'badge ' + (passed ? 'good' : 'bad')}, passed ? 'passed' : 'failed');
  const expected = (pair) => (pair.bit_exact ? 'equal bits' : `|a \u2212 b| \u2264 10\u207b${raised(data.digits)}`);
  const sampleName = (i) => (samples[i] ? `${i}: ${samples[i].name}` : String(i));
  const listed = (names, most = 12) => names.slice(0, most).join(', ') + (names.length > most ? ` and ${names.length - most} more` : '');
  const failedSides = sides.filter((side) => side.error);

  // Pairs of sides, over all samples.
  const groups = new Map();
  for (const pair of pairs) {
    const group = groups.get(title(pair)) ?? {title: title(pair), pair, all: []};
    group.all.push(pair);
    groups.set(group.title, group);
  }
  const grouped = [...groups.values()].map((group) => ({
    ...group,
    passed: group.all.every((pair) => pair.passed),
    failures: group.all.filter((pair) => !pair.passed),
    tensors: group.all.reduce((sum, pair) => sum + pair.tensors.length, 0),
    differ: group.all.reduce((sum, pair) => sum + pair.tensors.filter((t) => t.bits_differ > 0 || t.line_miss > 0).length, 0),
    first: group.all.find((pair) => pair.first !== null) ?? null,
  }));

  // --- what matters first ---
  function summary() {
    const bad = grouped.filter((group) => !group.passed);
    const why = [bad.length ? `${bad.map((group) => group.title).join(', ')}: results differ` : '',
                 failedSides.length ? `${failedSides.map((side) => side.name).join(', ')} could not run` : ''].filter(Boolean).join('; ');
    return [
      h('p', {class: 'verdict ' + (data.passed ? 'good' : 'bad')}, h('strong', {}, data.passed ? 'PASSED' : 'FAILED'),
        data.passed ? ': all sides agree as expected.' : why ? `: ${why}.` : '.'),
      frame.facts([
        ['Pairs of sides', `${grouped.length - bad.length} of ${grouped.length} passed`],
        ['Samples', count(samples.length), isNumber(data.seed) ? `random, seed ${data.seed}` : null],
        ['Tensors compared', count(grouped.reduce((sum, group) => sum + group.tensors, 0))],
        ['With different bits', count(grouped.reduce((sum, group) => sum + group.differ, 0))],
      ], 'figures'),
      failedSides.map((side) => h('p', {class: 'failure'}, h('strong', {}, side.name), `: ${side.error}`)),
      h('h3', {}, 'Pairs of sides'),
      makeTable({label: 'Pairs of sides', search: false, rows: grouped, empty: 'No two sides could be compared.', columns: [
        {key: 'title', label: 'Sides'},
        {key: 'passed', label: 'Result', cell: (g) => badge(g.passed), value: (g) => Number(g.passed)},
        {key: 'expected', label: 'Expected', text: (g) => expected(g.pair)},
        {key: 'samples', label: 'Samples failed', number: true, value: (g) => g.failures.length, text: (g) => `${count(g.failures.length)} of ${count(g.all.length)}`},
        {key: 'tensors', label: 'Tensors', number: true, text: (g) => count(g.tensors)},
        {key: 'differ', label: 'With different bits', number: true, text: (g) => count(g.differ)},
        {key: 'first', label: 'Differs first at', wide: true, value: (g) => (g.first ? g.first.tensors[g.first.first].tensor : ''),
         text: (g) => (g.first ? `${alone(g.first.tensors[g.first.first].tensor)} (sample ${g.first.sample})` : none)}]}).element,
      notes.length === 0 ? null : [h('h3', {}, 'Notes'), h('ul', {class: 'notes'}, notes.map((note) => h('li', {}, note)))],
    ];
  }

  // --- the first tensor that differs ---
  function firstSection() {
    const found = pairs.filter((pair) => pair.first !== null && pair.tensors[pair.first]);
    if (found.length === 0) return null;
    const seen = new Set();
    const shown = found.filter((pair) => !seen.has(title(pair)) && seen.add(title(pair)));
    return [
      h('p', {}, 'In the order of execution; what comes behind it may only pass the difference on.'),
      shown.map((pair) => {
        const t = pair.tensors[pair.first];
        return [h('h3', {}, `${title(pair)}: ${alone(t.tensor)}`), frame.facts([
          ['Sample', sampleName(pair.sample)],
          ['Made by', t.step || none],
          ['Kernels', t.left.kernel || t.right.kernel ? `${t.left.kernel || '?'} (${pair.left}), ${t.right.kernel || '?'} (${pair.right})` : none],
          ['Elements that differ', `${count(t.bits_differ)} of ${count(t.total)} (${percent(t.bits_differ, t.total)})`],
          t.first ? ['First of them', `${t.first.position}: ${t.first.left} (${pair.left}), ${t.first.right} (${pair.right})`] : null,
          ['Largest |a \u2212 b|', short(t.max_abs, 6)],
          pair.reproducer ? ['Reproducer', h('code', {}, pair.reproducer)] : null,
        ])];
      }),
    ];
  }

  // --- tensors ---
  // Beyond this a browser takes long to lay a table out.
  const kMostRows = 4000;
  // The units in the last place that a bin stands for.
  const power = (k) => (k < 11 ? count(2 ** k) : `2${raised(k)}`);
  const ulpLabel = (bin, last) => {
    if (bin === 0) return 'equal';
    if (bin === 1) return '1';
    return bin === last ? `${power(bin - 1)} and more, or NaN` : `${power(bin - 1)} to ${bin < 11 ? count(2 ** bin - 1) : power(bin)}`;
  };

  function tensorSection() {
    const rows = pairs.flatMap((pair) => pair.tensors.map((t) => ({
      ...t, pair, sides: title(pair), sample: pair.sample, result: t.passed ? 'passed' : 'failed',
      bits: t.bits_differ === 0 && t.line_miss === 0 ? 'equal' : 'differ'})));
    if (rows.length === 0) return h('p', {class: 'empty'}, 'Nothing was compared.');
    const rank = (row) => [Number(!row.passed), row.mismatch_rate, row.bits_differ / Math.max(row.total, 1), row.max_abs];
    const worse = (a, b) => {
      const x = rank(a), y = rank(b);
      const i = x.findIndex((v, k) => v !== y[k]);
      return i >= 0 && x[i] > y[i];
    };
    // Of each tensor and pair the sample on which it is worst.
    const worst = new Map();
    for (const row of rows) {
      const key = JSON.stringify([row.sides, row.kind, row.tensor]);
      if (!worst.has(key) || worse(row, worst.get(key))) worst.set(key, row);
    }
    const views = samples.length > 1 ? [[[...worst.values()], 'Worst sample of each'], [rows, 'All samples']] : [[rows, 'All']];
    views.push([rows.filter((row) => row.bits === 'differ'), 'Bits differ']);

    const details = h('div', {class: 'details', 'aria-live': 'polite'});
    const bins = rows[0].ulp.length, last = bins - 1;
    let shown = rows[0], table = null;
    const top = () => 10 ** Math.ceil(Math.log10(2 * Math.max(1, ...shown.ulp)));
    const chart = marks.histogram({
      label: 'Distances of the elements in units in the last place', height: 240,
      current: () => ({first: 0, width: 1, bins: shown.ulp, lo: 0, hi: 0}),
      x: {label: 'units in the last place (float32)', range: () => [0, bins],
          values: (splits) => splits.map((v) => (!Number.isInteger(v) || v < 0 || v > last ? '' : v === 0 ? '0' : power(v - 1)))},
      y: {label: 'elements', log: true, range: () => [0.5, top()], ...marks.decades},
      describe: (i) => [ulpLabel(i, last), `${plural(shown.ulp[i], 'element')} (${percent(shown.ulp[i], shown.total)})`],
    });
    function choose(row) {
      shown = row;
      chart.select(-1);
      chart.remake();
      if (table) table.select(row);
      const kinds = [['missing on one side', row.line_miss], ['too far apart', row.line_diff], ['NaN or infinite on one side', row.line_nan]].filter(([, n]) => n > 0);
      details.replaceChildren(h('h3', {}, row.tensor), frame.facts([
        ['Sides', row.sides, sampleName(row.sample)],
        ['Result', h('div', {}, badge(row.passed)), `expected: ${expected(row.pair)}`],
        ['Mismatches', `${count(row.mismatches)} of ${count(row.total)}`, kinds.map(([what, n]) => `${count(n)} ${what}`).join(', ') || null],
        ['Bits differ', `${count(row.bits_differ)} of ${count(row.total)}`, row.first ? `first ${row.first.position}: ${row.first.left}, ${row.first.right}` : null],
        ['Largest |a \u2212 b|', short(row.max_abs, 6), row.worst ? `at ${row.worst.position}` : null],
        ['Largest relative', short(row.max_relative, 6)],
        ['Cosine', fixed(row.cosine, 8)],
        ['|a \u2212 b| / |b|', short(row.relative_l2, 6)],
        ['Shape', shape(row.shape)],
        ['Types', `${row.left.dtype}, ${row.right.dtype}`],
        row.left.kernel || row.right.kernel ? ['Kernels', `${row.left.kernel || '?'}, ${row.right.kernel || '?'}`] : null,
        row.step ? ['Made by', row.step] : null,
      ]));
    }

    const holder = h('div');
    const draw = (list) => {
      const few = list.slice(0, kMostRows);
      table = makeTable({
        label: 'Tensors', rows: few, onselect: choose, empty: 'There are none.',
        facets: [{key: 'result', label: 'Result'}, {key: 'bits', label: 'Bits'}, {key: 'sides', label: 'Sides'}, {key: 'kind', label: 'Kind'}],
        columns: [
          {key: 'tensor', label: 'Tensor'},
          {key: 'result', label: 'Result', cell: (t) => badge(t.passed)},
          {key: 'sides', label: 'Sides'},
          {key: 'sample', label: 'Sample', number: true},
          {key: 'kind', label: 'Kind'},
          {key: 'mismatches', label: 'Mismatches', number: true, text: (t) => count(t.mismatches)},
          {key: 'mismatch_rate', label: 'Rate', number: true, text: (t) => percent(t.mismatches, t.total)},
          {key: 'bits_differ', label: 'Bits differ', number: true, text: (t) => count(t.bits_differ)},
          {key: 'max_abs', label: 'Largest |a \u2212 b|', number: true, text: (t) => short(t.max_abs)},
          {key: 'max_relative', label: 'Largest relative', number: true, text: (t) => short(t.max_relative)},
          {key: 'cosine', label: 'Cosine', number: true, text: (t) => fixed(t.cosine, 6)},
          {key: 'step', label: 'Made by', wide: true}],
      });
      holder.replaceChildren(table.element,
        list.length > kMostRows ? h('p', {class: 'note'}, `The first ${count(kMostRows)} of ${count(list.length)}; the JSON file has all of them.`) : '');
    };
    draw(views[0][0]);
    choose(views[0][0].find((row) => !row.passed) ?? views[0][0].find((row) => row.bits === 'differ') ?? views[0][0][0]);
    return [
      h('p', {}, 'How far the elements of the chosen tensor are apart: neighbouring float32 numbers are one unit apart. Bars stand for 0, 1, 2 to 3, 4 to 7 units and so on.'),
      h('div', {class: 'beside'}, chart.element, details),
      h('div', {class: 'bar'}, frame.choice('Which rows', views, draw)),
      holder,
    ];
  }

  // Tensors that only one side has.
  function unpaired() {
    const rows = grouped.flatMap((group) => [['left', 'only_left'], ['right', 'only_right']].map(([side, key]) => (
      {sides: group.title, side: group.pair[side], names: [...new Set(group.all.flatMap((pair) => pair[key]))]}))).filter((row) => row.names.length > 0);
    if (rows.length === 0) return null;
    return [
      h('p', {}, 'They were not compared: one side fuses or names steps otherwise, or had no such tensor to dump.'),
      makeTable({label: 'Tensors that only one side has', search: false, rows, columns: [
        {key: 'side', label: 'Side'}, {key: 'sides', label: 'Of the pair'},
        {key: 'count', label: 'Tensors', number: true, value: (r) => r.names.length, text: (r) => count(r.names.length)},
        {key: 'names', label: 'Which', wide: true, text: (r) => listed(r.names)}]}).element,
    ];
  }

  // --- stages ---
  function stageSection() {
    if (!stages) return null;
    const lossy = stages.stages.some((stage) => stage.loses);
    // A stage's place decides its colour; a tensor's place in the network that of its points.
    const names = [...new Set(stages.stages.flatMap((stage) => stage.tensors.map((t) => t.tensor)))];
    const order = new Map(stages.stages.reduce((longest, stage) => (stage.tensors.length > longest.length ? stage.tensors : longest), []).map((t, i) => [t.tensor, i]));
    names.forEach((name) => order.has(name) || order.set(name, order.size));
    const colour = (i) => `stage-${i % 6}`;
    const kinds = Object.fromEntries(stages.stages.map((_, i) => [i, {colour: colour(i)}]));
    const everything = stages.stages.flatMap((stage, i) => stage.tensors.map((t) => ({...t, x: order.get(t.tensor), kind: i, stage}))).filter((p) => isNumber(p.cosine));
    const details = h('div', {class: 'details', 'aria-live': 'polite'}, h('p', {class: 'empty'}, 'Choose a tensor in the chart.'));
    const holder = h('div');
    const off = (p) => Math.max(1 - p.cosine, 1e-9);
    let shown = everything, log = true, chart = null;

    function choose(point) {
      details.replaceChildren(h('h3', {}, point.tensor), frame.facts([
        ['Node', point.node || 'an input'],
        ...stages.stages.map((stage, i) => {
          const t = stage.tensors.find((other) => other.tensor === point.tensor);
          return [h('span', {class: 'swatch ' + colour(i)}, stage.name),
                  t ? fixed(t.cosine, 6) : none, t ? `to the stage before ${fixed(t.step_cosine, 6)}; relative error ${short(t.relative_l2, 3)}; worst on sample ${t.worst_sample}` : null];
        }),
      ]));
    }
    const named = (loss) => (loss.node ? `${alone(loss.node)} (${loss.op})` : alone(loss.tensor));
    function reveal(loss) {
      const i = shown.findIndex((p) => p.tensor === loss.tensor && p.stage.name === loss.stage);
      if (i < 0) return;
      choose(shown[i]);
      chart.select(i);
      holder.scrollIntoView({block: 'center'});
    }
    function draw() {
      if (shown.length === 0) return void holder.replaceChildren(h('p', {class: 'empty'}, 'This stage has no tensor in common with float.'));
      const losses = shown.map(off), span = Math.max(1e-5, ...shown.map((p) => 1 - p.cosine));
      const decade = (round, x) => 10 ** round(Math.log10(x));
      const y = log
        ? {label: '1 \u2212 cosine (lower is better)', log: true, size: 58, range: [decade(Math.floor, Math.min(0.1, ...losses)) / 2, 2 * decade(Math.ceil, Math.max(1e-7, ...losses))], ...marks.decades}
        : {label: 'cosine', log: false, size: 72, range: [1 - 1.05 * span, 1 + 0.05 * span], ...marks.linear};
      chart = marks.points({
        label: 'Cosine with float along the network', height: 320, points: shown, kinds, value: (p) => (log ? off(p) : p.cosine),
        x: {label: 'tensor, in order of the network', range: () => [-1, Math.max(order.size, 1)], values: (s) => s.map((v) => (Number.isInteger(v) && v >= 0 ? String(v) : ''))},
        y,
        describe: (i) => [shown[i].tensor, `${shown[i].stage.name}, cosine ${fixed(shown[i].cosine, 6)}`, shown[i].node],
        onselect: (i) => choose(shown[i]),
      });
      holder.replaceChildren(chart.element);
    }
    draw();

    const outputs = stages.stages.flatMap((stage, i) => stage.outputs.map((t) => ({...t, stage: stage.name, side: stage.side, loses: stage.loses, i})));
    const select = h('select', {'aria-label': 'Which stages', onchange: () => {
      shown = select.value === '*' ? everything : everything.filter((p) => String(p.kind) === select.value);
      draw();
    }}, h('option', {value: '*'}, 'All stages'), stages.stages.map((stage, i) => h('option', {value: i}, stage.name)));
    return [
      h('p', {class: 'verdict ' + (lossy ? 'fair' : 'good')}, stages.verdict),
      makeTable({label: 'Outputs, stage by stage', search: outputs.length > 24, rows: outputs, empty: 'No output is made of real numbers.', columns: [
        {key: 'stage', label: 'Stage', cell: (o) => h('span', {class: 'swatch ' + colour(o.i)}, o.stage)},
        {key: 'tensor', label: 'Output'},
        {key: 'cosine', label: 'Cosine with float', number: true, text: (o) => fixed(o.cosine, 6)},
        {key: 'relative_l2', label: 'Relative error', number: true, text: (o) => short(o.relative_l2)},
        {key: 'step_cosine', label: 'Cosine with the stage before', number: true, text: (o) => fixed(o.step_cosine, 6)},
        {key: 'worst_sample', label: 'Worst sample', number: true},
        {key: 'loses', label: 'Loses accuracy', value: (o) => Number(o.loses), cell: (o) => (o.loses ? h('span', {class: 'badge fair'}, 'yes') : 'no')}]}).element,
      stages.losses.length === 0 ? null : [h('h3', {}, 'Where, why, and what to try'), h('ol', {class: 'losses'}, stages.losses.map((loss) => h('li', {},
        h('strong', {}, order.has(loss.tensor)
          ? h('button', {type: 'button', class: 'link', title: 'Show it in the chart', onclick: () => reveal(loss)}, named(loss)) : named(loss)), ` in stage ${loss.stage}, sample ${loss.sample}: cosine ${fixed(loss.before, 6)} \u2192 ${fixed(loss.after, 6)}`,
        loss.node && loss.tensor !== loss.node ? h('small', {}, `tensor ${alone(loss.tensor)}`) : null,
        h('p', {}, loss.reason),
        loss.advice.length === 0 ? null : h('ul', {}, loss.advice.map((advice) => h('li', {}, advice))))))],
      h('h3', {}, 'Along the network'),
      h('p', {}, 'Every tensor that the float model has, too; the lowest cosine of all samples. Drag to zoom, double-click for everything; arrow keys walk from tensor to tensor.'),
      h('div', {class: 'bar'},
        h('ul', {class: 'legend'}, stages.stages.map((stage, i) => h('li', {class: colour(i)}, stage.side && stage.side.toLowerCase() !== stage.name ? `${stage.name} (${stage.side})` : stage.name))),
        select,
        frame.choice('Scale', [[true, '1 \u2212 cosine, logarithmic'], [false, 'Cosine']], (value) => { log = value; draw(); })),
      h('div', {class: 'beside'}, holder, details),
    ];
  }

  // --- where it ran ---
  function environment() {
    return [
      sides.map((side) => [h('h3', {}, side.name), frame.facts([
        ...Object.entries(side.facts).map(([name, value]) => [name, value]),
        side.kernels.length ? ['kernels', side.kernels.join(', ')] : null,
        ['time', `${short(side.seconds, 3)}\u202fs for all samples`],
        side.bytes_sent || side.bytes_received ? ['sent, received', `${bytes(side.bytes_sent)}, ${bytes(side.bytes_received)}`] : null,
        side.error ? ['error', h('span', {class: 'badge bad'}, side.error)] : null,
      ])]),
      h('h3', {}, 'Samples'),
      makeTable({label: 'Samples', search: samples.length > 12, rows: samples.map((s, i) => ({...s, i})), columns: [
        {key: 'i', label: 'Sample', number: true},
        {key: 'name', label: 'What', wide: true},
        {key: 'files', label: 'Files', wide: true, text: (s) => Object.entries(s.files).map(([input, file]) => `${input}: ${file}`).join(', ') || none}]}).element,
      h('h3', {}, 'Files'),
      makeTable({label: 'Files', search: false, rows: files, empty: 'None.', columns: [
        {key: 'role', label: 'File'}, {key: 'path', label: 'Path', wide: true},
        {key: 'bytes', label: 'Size', number: true, text: (f) => bytes(f.bytes)},
        {key: 'xxh3', label: 'XXH3, 128 bits', cell: (f) => h('code', {class: 'hash'}, f.xxh3)}]}).element,
      h('p', {class: 'note'}, `${data.tool} ${data.version}`),
    ];
  }

  frame.show({
    title: data.model || 'Verification',
    subtitle: ['Verification report', `${data.tool} ${data.version}`, sides.map((side) => side.name).join(', ')].filter(Boolean).join(' \u00b7 '),
    sections: [
      {id: 'summary', title: 'Summary', content: summary()},
      {id: 'first', title: 'First difference', content: firstSection()},
      {id: 'stages', title: 'Where accuracy is lost', content: stageSection()},
      {id: 'tensors', title: 'Tensors', content: tensorSection()},
      {id: 'unpaired', title: 'Only on one side', content: unpaired()},
      {id: 'environment', title: 'Sides, samples and files', content: environment()},
    ],
  });
})();
