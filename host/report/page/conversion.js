// SPDX-License-Identifier: Apache-2.0
// The report of a conversion (hb_mapper makertbin); its data are those of --json (host/report/conversion_json.cc).
'use strict';

(() => {
  const {h, none, isNumber, count, bytes, amount, fixed, short, percent, plural} = dom;
  const data = frame.data();
  const {nodes, outputs, search, histograms, buffers, steps, removed, findings, configuration, inputs, results} = data;
  const histogramOf = new Map(histograms.map((entry) => [entry.tensor, entry]));
  const tensorLabel = (names) => names.length === 0 ? '(scratch)' : names.length === 1 ? names[0] : `${names[0]} and ${names.length - 1} more`;
  // A run may stop before the last stage.
  const compared = nodes.length > 0, compiled = steps.length > 0;
  const stopped = (what) => h('p', {class: 'empty'}, `This run stopped before ${what}.`);
  const shape = (dims) => (dims.length ? dims.join(' \u00d7 ') : 'scalar');

  // --- what matters first ---
  function summary() {
    const worst = outputs.filter((o) => isNumber(o.cosine)).sort((a, b) => a.cosine - b.cosine)[0];
    const verdict = !worst ? null : worst.cosine >= 0.99 ? ['good', 'as usual for quantization'] :
      worst.cosine >= 0.8 ? ['fair', 'some accuracy is lost'] : ['bad', 'much accuracy is lost'];
    const onBpu = nodes.filter((node) => node.on === 'BPU').length;
    const binary = results.find((file) => file.path === data.bin);
    return [
      verdict ? h('p', {class: 'verdict ' + verdict[0]}, h('strong', {}, `Output cosine ${fixed(worst.cosine, 6)}`),
                  `: ${verdict[1]}${outputs.length > 1 ? ` (the lowest of ${outputs.length} outputs, ${worst.output})` : ''}.`) : null,
      frame.facts([
        compared && ['Nodes in integers', `${onBpu} of ${nodes.length}`, onBpu < nodes.length ? `${nodes.length - onBpu} in float on the CPU` : null],
        compiled && ['Multiply-accumulates', amount(data.macs)],
        binary ? ['Program (.bin)', bytes(binary.bytes)] : null,
        compiled && ['Weights', bytes(data.weight_bytes)],
        compiled && ['Memory for tensors', bytes(data.arena_bytes), `at least ${bytes(data.arena_lower_bound)} needed`],
        ['Ranges chosen by', data.calibration_method || none],
      ], 'figures'),
    ];
  }

  function outputSection() {
    if (!compared) return stopped('results were compared');
    const error = (key, label) => ({key, label, number: true, text: (o) => short(o[key], 6)});
    return [
      makeTable({label: 'Outputs', search: outputs.length > 8, rows: outputs, empty: 'No output is float.', columns: [
        {key: 'output', label: 'Output'},
        {key: 'cosine', label: 'Cosine similarity', number: true, text: (o) => fixed(o.cosine, 6)},
        error('l1', 'L1: mean |a \u2212 b|'), error('l2', 'L2: mean (a \u2212 b)\u00b2'), error('chebyshev', 'Largest |a \u2212 b|')]}).element,
      search.length === 0 ? null : [
        h('h3', {}, 'Search for ranges'),
        makeTable({label: 'Methods tried', search: false, rows: search, columns: [
          {key: 'method', label: 'Method'},
          {key: 'cosine', label: 'Mean output cosine', number: true, text: (m) => fixed(m.cosine, 6)},
          {key: 'used', label: 'Used', text: (m) => (m.used ? 'yes' : 'no')}]}).element],
    ];
  }

  // --- nodes ---
  let showTensor = () => {};
  function nodeSection() {
    if (!compared) return stopped('results were compared');
    const measured = nodes.map((node, x) => ({x, node, y: node.cosine, kind: node.on})).filter((point) => isNumber(point.y));
    const details = h('div', {class: 'details', 'aria-live': 'polite'}, h('p', {class: 'empty'}, 'Choose a node in the chart or the table.'));
    const loss = (point) => Math.max(1 - point.y, 1e-8);
    const losses = measured.map(loss), span = Math.max(1e-5, ...losses);
    const decade = (round, x) => 10 ** round(Math.log10(x));
    const scales = [
      {label: 'cosine', log: false, size: 72, range: [1 - 1.05 * span, 1 + 0.05 * span], splits: null, ...marks.linear},
      {label: '1 \u2212 cosine (lower is better)', log: true, size: 58,
       range: [decade(Math.floor, Math.min(0.1, ...losses)), decade(Math.ceil, Math.max(1e-7, ...losses))], ...marks.decades}];
    const y = {...scales[0]};
    const chart = marks.points({
      label: 'Cosine similarity of every node', height: 320, points: measured,
      kinds: {BPU: {colour: 'int'}, CPU: {colour: 'float', hollow: true}},
      value: (point) => (y.log ? loss(point) : point.y),
      x: {label: 'node, in order of the network', range: () => [-1, Math.max(nodes.length, 1)], values: (s) => s.map((v) => (Number.isInteger(v) && v >= 0 ? String(v) : ''))},
      y,
      describe: (i) => [measured[i].node.node, `${measured[i].node.type}, ${measured[i].node.on}`, `cosine ${fixed(measured[i].y, 6)}`],
      onselect: (i) => choose(measured[i].node),
    });
    const scale = frame.choice('Scale of the chart', scales.map((s, i) => [s, ['Cosine', '1 \u2212 cosine, logarithmic'][i]]), (chosen) => {
      Object.assign(y, chosen);
      chart.remake();
    });

    const table = makeTable({
      label: 'Nodes', rows: nodes, facets: [{key: 'on', label: 'On'}, {key: 'op', label: 'Operator'}], onselect: choose,
      columns: [
        {key: 'node', label: 'Node'}, {key: 'on', label: 'On', text: (n) => (n.on === 'BPU' ? `${n.on} ${n.subgraph}` : n.on)}, {key: 'type', label: 'Type'},
        {key: 'cosine', label: 'Cosine', number: true, text: (n) => fixed(n.cosine, 6)},
        {key: 'threshold', label: 'Threshold', number: true, text: (n) => short(n.threshold, 6)},
        {key: 'macs', label: 'MACs', number: true, text: (n) => amount(n.macs)},
        {key: 'bytes', label: 'Moved', number: true, text: (n) => bytes(n.bytes)},
        ...(nodes.some((n) => n.reason) ? [{key: 'reason', label: 'Why on the CPU', wide: true}] : [])],
    });

    function choose(node) {
      chart.select(measured.findIndex((point) => point.node === node));
      table.select(node);
      const tensors = (names) => names.length === 0 ? none : names.map((name) => histogramOf.has(name)
        ? h('button', {type: 'button', class: 'link', title: 'Show its histogram', onclick: () => showTensor(name, true)}, name) : h('span', {}, name));
      details.replaceChildren(h('h3', {}, node.node), frame.facts([
        ['Operator', node.op === node.type ? node.op : `${node.op}, as ${node.type}`],
        ['Runs', node.on === 'BPU' ? `in integers (BPU), subgraph ${node.subgraph}` : 'in float (CPU)'],
        node.reason ? ['Because', node.reason] : null,
        ['Cosine', fixed(node.cosine, 6)],
        ['Threshold of its input', short(node.threshold, 6)],
        ['Result', shape(node.shape)],
        ['Cost', `${amount(node.macs)} MACs, ${bytes(node.bytes)} moved`],
        ['Reads', tensors(node.inputs)],
        ['Writes', tensors(node.outputs)],
      ]));
      const known = [...node.outputs, ...node.inputs].find((name) => histogramOf.has(name));
      if (known) showTensor(known, false);
    }

    const legend = h('ul', {class: 'legend'}, h('li', {class: 'int'}, 'in integers (BPU)'), h('li', {class: 'float'}, 'in float (CPU)'));
    return [
      h('p', {}, 'How near each node\u2019s result is to the float network on the first calibration sample. Drag to zoom, double-click for everything; arrow keys walk from node to node.'),
      measured.length === 0 ? h('p', {class: 'empty'}, 'No node was measured.') : h('div', {class: 'bar'}, legend, scale),
      h('div', {class: 'beside'}, measured.length === 0 ? null : chart.element, details),
      table.element,
    ];
  }

  function placementSection() {
    const groups = new Map();
    for (const node of nodes) if (node.reason) groups.set(node.reason, [...(groups.get(node.reason) ?? []), node]);
    if (groups.size === 0) return null;
    return makeTable({label: 'Reasons', search: groups.size > 8, rows: [...groups].map(([reason, of]) => ({reason, of})), columns: [
      {key: 'reason', label: 'Reason', wide: true},
      {key: 'count', label: 'Nodes', number: true, value: (g) => g.of.length, text: (g) => count(g.of.length)},
      {key: 'names', label: 'Which', wide: true, value: (g) => g.of[0].node,
       text: (g) => g.of.slice(0, 12).map((n) => `${n.node} (${n.op})`).join(', ') + (g.of.length > 12 ? ` and ${g.of.length - 12} more` : '')},
    ]}).element;
  }

  // --- calibration ---
  function calibrationSection() {
    if (histograms.length === 0) return h('p', {class: 'empty'}, 'Nothing was calibrated in this run, so there are no histograms.');
    let shown = histograms[0], log = true;
    const all = (entry) => Math.max(entry.bins.length * entry.width, entry.hi - entry.lo, 1e-30);
    const y = {label: 'values', range: () => (log ? [0.5, 10 ** Math.ceil(Math.log10(2 * Math.max(1, ...shown.bins)))] : [0, 1.08 * Math.max(1, ...shown.bins)])};
    const scales = {true: {log: true, ...marks.decades}, false: {log: false, splits: null, values: (splits) => splits.map(amount)}};
    Object.assign(y, scales[log]);
    const chart = marks.histogram({
      label: 'Histogram of a tensor\u2019s values during calibration', height: 260, current: () => shown,
      x: {label: 'value', range: () => {
        const pad = 0.02 * all(shown);
        return [Math.min(shown.first, shown.lo) - pad, Math.max(shown.first + shown.bins.length * shown.width, shown.hi) + pad];
      }, values: (splits) => splits.map((v) => short(v, 4))},
      y,
      describe: (i) => [`${short(shown.first + i * shown.width)} to ${short(shown.first + (i + 1) * shown.width)}`,
                        `${plural(shown.bins[i], 'value')} (${percent(shown.bins[i], shown.count)})`],
    });
    const facts = h('div', {class: 'details', 'aria-live': 'polite'});
    const plain = h('p', {class: 'empty', hidden: true}, 'All values of this tensor are 0.');
    const select = h('select', {id: 'tensor', onchange: () => show(histogramOf.get(select.value))},
                     histograms.map((entry) => h('option', {value: entry.tensor}, entry.tensor)));
    const walk = (by) => show(histograms[(histograms.indexOf(shown) + by + histograms.length) % histograms.length]);

    function show(entry) {
      shown = entry;
      select.value = entry.tensor;
      const some = entry.bins.length > 0;
      chart.element.hidden = !some, plain.hidden = some;
      chart.select(-1);
      if (some) chart.remake();
      const readers = nodes.filter((node) => node.inputs.includes(entry.tensor)).map((node) => node.node);
      const writer = nodes.find((node) => node.outputs.includes(entry.tensor));
      facts.replaceChildren(h('h3', {}, entry.tensor), frame.facts([
        ['Chosen range', entry.codes ? `${short(entry.lo, 6)} to ${short(entry.hi, 6)}` : 'none: it stays float'],
        entry.codes ? ['Codes', `${entry.codes}, scale ${short(entry.scale, 6)}, zero point ${entry.zero_point}`] : null,
        ['Values seen', `${short(entry.min, 6)} to ${short(entry.max, 6)}`, plural(entry.count, 'value')],
        entry.codes ? ['Outside the range', percent(entry.clipped, entry.count)] : null,
        ['Exactly 0', percent(entry.zeros, entry.count), 'not drawn'],
        entry.non_finite ? ['NaN or infinite', count(entry.non_finite)] : null,
        ['Written by', writer ? writer.node : 'an input'],
        ['Read by', readers.length ? readers.slice(0, 6).join(', ') + (readers.length > 6 ? ` and ${readers.length - 6} more` : '') : none],
      ]));
    }
    showTensor = (name, scroll) => {
      if (!histogramOf.has(name)) return;
      show(histogramOf.get(name));
      if (scroll) document.getElementById('calibration').scrollIntoView();
    };
    show(shown);
    return [
      h('p', {}, 'What the calibration samples held, and the range that the codes cover (vertical lines). Shaded: values that are clipped.'),
      h('div', {class: 'bar'},
        h('label', {for: 'tensor'}, 'Tensor '), select,
        h('div', {class: 'choice'}, h('button', {type: 'button', onclick: () => walk(-1)}, 'Previous'), h('button', {type: 'button', onclick: () => walk(1)}, 'Next')),
        frame.choice('Scale of the histogram', [[true, 'Logarithmic'], [false, 'Linear']], (value) => {
          log = value;
          Object.assign(y, scales[log]);
          chart.remake();
        })),
      h('div', {class: 'beside'}, h('div', {}, chart.element, plain), facts),
    ];
  }

  // --- memory ---
  function memorySection() {
    if (!compiled) return stopped('the program was made');
    if (buffers.length === 0) return h('p', {class: 'empty'}, 'The program uses no memory for tensors.');
    const when = (buffer) => {
      const name = (step) => (step < 0 ? 'before the start' : step >= steps.length ? 'the end' : steps[step] || 'a step without a node');
      const from = name(buffer.first), to = name(buffer.last);
      return from === to ? from : `${from} to ${to}`;
    };
    const known = ['int8', 'uint8', 'int16', 'int32', 'float32'];
    const details = h('div', {class: 'details', 'aria-live': 'polite'}, h('p', {class: 'empty'}, 'Choose a buffer in the picture or the table.'));
    const chart = marks.boxes({
      label: 'Memory plan: buffers over steps and addresses', height: 340,
      boxes: buffers.map((b) => ({left: b.first, right: b.last + 1, bottom: b.offset, top: b.offset + b.size,
                                  colour: known.includes(b.dtype) ? 'box-' + b.dtype : 'box-other', label: tensorLabel(b.tensors)})),
      x: {label: 'step', range: () => [-1, steps.length + 1], values: (s) => s.map((v) => (Number.isInteger(v) && v >= 0 ? String(v) : ''))},
      y: {label: 'address', range: () => [0, Math.max(data.arena_bytes, 1)], values: (s) => s.map(bytes), size: 70},
      describe: (i) => [tensorLabel(buffers[i].tensors), `${bytes(buffers[i].size)} at ${count(buffers[i].offset)}, ${buffers[i].dtype}`, when(buffers[i])],
      onselect: (i) => choose(buffers[i]),
    });
    const table = makeTable({
      label: 'Buffers', rows: buffers, facets: [{key: 'dtype', label: 'Type'}], onselect: choose,
      columns: [
        {key: 'tensors', label: 'Tensor', text: (b) => tensorLabel(b.tensors)},
        {key: 'size', label: 'Size', number: true, text: (b) => bytes(b.size)},
        {key: 'offset', label: 'Address', number: true, text: (b) => count(b.offset)},
        {key: 'dtype', label: 'Type'},
        {key: 'first', label: 'From step', number: true, text: (b) => (b.first < 0 ? 'start' : count(b.first))},
        {key: 'last', label: 'To step', number: true, text: (b) => (b.last >= steps.length ? 'end' : count(b.last))}],
    });
    function choose(buffer) {
      chart.select(buffers.indexOf(buffer));
      table.select(buffer);
      details.replaceChildren(h('h3', {}, tensorLabel(buffer.tensors)), frame.facts([
        ['Size', bytes(buffer.size), `${count(buffer.size)} bytes`],
        ['Address', `${count(buffer.offset)} to ${count(buffer.offset + buffer.size)}`],
        ['Type', buffer.dtype],
        ['In use', when(buffer), `steps ${Math.max(buffer.first, 0)} to ${Math.min(buffer.last, steps.length - 1)}`],
        buffer.tensors.length > 1 ? ['Shared by', buffer.tensors.map((name) => h('span', {}, name))] : null,
      ]));
    }
    const present = known.concat('other').filter((name) => buffers.some((b) => (known.includes(b.dtype) ? b.dtype : 'other') === name));
    return [
      h('p', {}, `Where tensors lie while the program runs: ${bytes(data.arena_bytes)} in all; the largest sum of tensors in use at one step is ${bytes(data.arena_lower_bound)}. Drag a rectangle to zoom.`),
      h('div', {class: 'bar'}, h('ul', {class: 'legend'}, present.map((name) => h('li', {class: 'box-' + name}, name)))),
      h('div', {class: 'beside'}, chart.element, details),
      h('details', {}, h('summary', {}, plural(buffers.length, 'buffer')), table.element),
    ];
  }

  // --- cost, data, files ---
  function costSection() {
    if (!compared) return null;
    const types = new Map();
    for (const node of nodes) {
      const row = types.get(node.op) ?? {op: node.op, nodes: 0, macs: 0, bytes: 0};
      ++row.nodes, row.macs += node.macs, row.bytes += node.bytes;
      types.set(node.op, row);
    }
    const rows = [...types.values()].sort((a, b) => b.macs - a.macs || b.bytes - a.bytes);
    const all = (key) => rows.reduce((sum, row) => sum + row[key], 0);
    const share = (key) => (row) => h('span', {class: 'meter'}, h('span', {class: 'value'}, key === 'macs' ? amount(row[key]) : bytes(row[key])),
      h('span', {class: 'track', 'aria-hidden': 'true'}, h('span', {style: `width:${all(key) ? (100 * row[key]) / all(key) : 0}%`})));
    return makeTable({label: 'Cost of operators', search: rows.length > 12, rows, columns: [
      {key: 'op', label: 'Operator'}, {key: 'nodes', label: 'Nodes', number: true},
      {key: 'macs', label: 'MACs', number: true, cell: share('macs')},
      {key: 'bytes', label: 'Bytes moved', number: true, cell: share('bytes')}]}).element;
  }

  function changes() {
    return makeTable({label: 'Removed nodes', search: removed.length > 8, rows: removed, empty: 'No node was removed from the network.', columns: [
      {key: 'node', label: 'Node'}, {key: 'op', label: 'Operator'}, {key: 'reason', label: 'What became of it', wide: true}]}).element;
  }

  function lint() {
    return makeTable({label: 'Findings', rows: findings, search: findings.length > 8, facets: [{key: 'severity', label: 'Severity'}],
      empty: data.calibration_samples ? `Nothing odd was found in ${plural(data.calibration_samples, 'calibration sample')}.` : 'No calibration data were read.', columns: [
        {key: 'severity', label: 'Severity', cell: (f) => h('span', {class: 'badge ' + (f.severity === 'error' ? 'bad' : f.severity === 'warning' ? 'fair' : 'good')}, f.severity)},
        {key: 'check', label: 'Check'}, {key: 'input', label: 'Input', text: (f) => f.input || none},
        {key: 'samples', label: 'Samples', number: true, text: (f) => count(f.samples)}, {key: 'text', label: 'Finding', wide: true}]}).element;
  }

  function configurationSection() {
    const holder = h('div');
    const rows = configuration.filter((setting) => !setting.usual);
    const draw = (list) => holder.replaceChildren(makeTable({label: 'Configuration', rows: list, facets: [{key: 'group', label: 'Group'}], columns: [
      {key: 'key', label: 'Key', cell: (s) => h('code', {}, s.key)},
      {key: 'value', label: 'Value', wide: true, cell: (s) => (s.value ? h('code', {class: s.usual ? null : 'changed'}, s.value) : h('span', {class: 'empty'}, 'not set'))},
      {key: 'group', label: 'Group'}]}).element);
    draw(configuration);
    return [h('div', {class: 'bar'}, frame.choice('Which keys', [[configuration, 'All keys'], [rows, 'Not the defaults']], draw)), holder];
  }

  function files() {
    const columns = (what) => [
      {key: 'role', label: what}, {key: 'path', label: 'Path', wide: true},
      {key: 'files', label: 'Files', number: true}, {key: 'bytes', label: 'Size', number: true, text: (f) => bytes(f.bytes)},
      {key: 'xxh3', label: 'XXH3, 128 bits', cell: (f) => h('code', {class: 'hash'}, f.xxh3)}];
    return [
      frame.facts([['Tool', `${data.tool.name} ${data.tool.version}`], ['March', data.march], data.date ? ['Date', data.date] : null]),
      h('h3', {}, 'Made from'), makeTable({label: 'Inputs', search: false, rows: inputs, columns: columns('Input')}).element,
      h('p', {class: 'note'}, h('code', {}, 'xxh128sum FILE'), ' prints the hash of a file; of a folder it is the hash of what ',
        h('code', {}, 'xxh128sum FILES'), ' prints there, in the order in which the samples were read.'),
      h('h3', {}, 'Results'), makeTable({label: 'Results', search: false, rows: results, columns: columns('File').slice(1).filter((c) => c.key !== 'files')}).element,
    ];
  }

  frame.show({
    title: data.model,
    subtitle: ['Conversion report', data.tool.name + ' ' + data.tool.version, 'march ' + data.march, data.date].filter(Boolean).join(' \u00b7 '),
    sections: [
      {id: 'summary', title: 'Summary', content: summary()},
      {id: 'outputs', title: 'Outputs', content: outputSection()},
      {id: 'nodes', title: 'Nodes', content: nodeSection()},
      {id: 'placement', title: 'Nodes in float, and why', content: placementSection()},
      {id: 'calibration', title: 'Calibration', content: calibrationSection()},
      {id: 'memory', title: 'Memory plan', content: memorySection()},
      {id: 'cost', title: 'Cost', content: costSection()},
      {id: 'removed', title: 'Removed nodes', content: changes()},
      {id: 'lint', title: 'Data check', content: lint()},
      {id: 'configuration', title: 'Configuration', content: configurationSection()},
      {id: 'provenance', title: 'Provenance', content: files()},
    ],
  });
})();
