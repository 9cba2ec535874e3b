// SPDX-License-Identifier: Apache-2.0
// Runs an ONNX file in stock ONNX Runtime: node run_onnx.js JOB.json
// JOB: {"model", "module", "threads", "repeat", "runs": [{"inputs": [{"name", "dtype", "shape", "file"}], "folder"}]}
// Writes each output of each run as <folder>/<index>.bin and prints {"outputs": [{"name", "dtype", "shape"}],
// "milliseconds": median of `repeat` further runs of the first}.
const fs = require('fs');
const path = require('path');
const job = JSON.parse(fs.readFileSync(process.argv[2]));
const ort = require(job.module);
const arrays = {float32: Float32Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array, int32: Int32Array, int64: BigInt64Array};

function tensor(input) {
  const bytes = new Uint8Array(fs.readFileSync(input.file)).buffer;
  return new ort.Tensor(input.dtype, new arrays[input.dtype](bytes), input.shape);
}

async function main() {
  const session = await ort.InferenceSession.create(job.model, {
    graphOptimizationLevel: 'all', intraOpNumThreads: job.threads || 1, interOpNumThreads: 1, logSeverityLevel: 3,
  });
  let outputs = [], first = null;
  for (const run of job.runs) {
    const feeds = {};
    for (const input of run.inputs) feeds[input.name] = tensor(input);
    first = first || feeds;
    const results = await session.run(feeds);
    outputs = session.outputNames.map((name, i) => {
      const t = results[name];
      fs.writeFileSync(path.join(run.folder, i + '.bin'), Buffer.from(t.data.buffer, t.data.byteOffset, t.data.byteLength));
      return {name, dtype: t.type, shape: t.dims};
    });
  }
  const times = [];
  for (let i = 0; i < (job.repeat || 0); ++i) {
    const start = process.hrtime.bigint();
    await session.run(first);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({outputs, milliseconds: times.length ? times[times.length >> 1] : null}));
}
main().catch(e => { console.error(String(e)); process.exit(1); });
