// SPDX-License-Identifier: Apache-2.0
// Holds one session of stock ONNX Runtime and runs it when told to: node ort_worker.js MODULE MODEL THREADS [DUMP]
// DUMP: where the optimized model is written. Then as engine_worker: "run N" on stdin is answered by the nanoseconds of
// each of N runs. Outputs are written into buffers made beforehand.
const readline = require('readline');
const [module_, model, threads, dump] = process.argv.slice(2);
const ort = require(module_);
const arrays = {float32: Float32Array, int8: Int8Array, uint8: Uint8Array, int32: Int32Array, int64: BigInt64Array};

function randomTensor({type, shape}) {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = new arrays[type](size);
  let state = 1;
  for (let i = 0; i < size; ++i) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    if (type === 'float32') data[i] = (state >>> 8) / 0x1000000;
    else if (type === 'int8' || type === 'uint8') data[i] = state >>> 24;
  }
  return new ort.Tensor(type, data, shape);
}

async function main() {
  const options = {graphOptimizationLevel: 'all', intraOpNumThreads: Number(threads), interOpNumThreads: 1, logSeverityLevel: 3};
  if (dump) options.optimizedModelFilePath = dump;
  const session = await ort.InferenceSession.create(model, options);
  const feeds = Object.fromEntries(session.inputMetadata.map(m => [m.name, randomTensor(m)]));
  // The first run gives the outputs' shapes; the following ones write into the same tensors.
  const fetches = await session.run(feeds);
  console.log('ready');
  for await (const line of readline.createInterface({input: process.stdin})) {
    const times = [];
    for (let i = 0, n = Number(line.split(' ')[1]); i < n; ++i) {
      const start = process.hrtime.bigint();
      await session.run(feeds, fetches);
      times.push(process.hrtime.bigint() - start);
    }
    console.log(times.join(' '));
  }
}
main().catch(e => { console.error(String(e)); process.exit(1); });
