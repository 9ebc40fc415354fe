// Bull. BENCH_URL, BENCH_JOBS, BENCH_SLOTS, BENCH_PROOF as in common.py.
'use strict';

const fs = require('fs');
const Queue = require('../node/node_modules/bull');

const QUEUE = 'bench';
const BATCH = 1000;
const WARM_UP = 200;

async function main() {
  const queue = new Queue(QUEUE, process.env.BENCH_URL);
  const command = process.argv[2];
  const jobs = Number(process.env.BENCH_JOBS);
  if (command === 'work') return work(queue);

  for (let n = 0; n < (command === 'fill' ? 0 : WARM_UP); n++) await queue.add('job', { n });
  const started = process.hrtime.bigint();
  const used = process.cpuUsage();
  if (command === 'add') {
    for (let n = 0; n < jobs; n++) await queue.add('job', { n });
  } else {
    for (let start = 0; start < jobs; start += BATCH) {
      const size = Math.min(BATCH, jobs - start);
      await queue.addBulk(Array.from({ length: size }, (_, i) => ({ name: 'job', data: { n: start + i } })));
    }
  }
  const { user, system } = process.cpuUsage(used);
  console.log(JSON.stringify({ seconds: Number(process.hrtime.bigint() - started) / 1e9, cpu: (user + system) / 1e6 }));
  await queue.close();
}

function work(queue) {
  const proof = fs.openSync(process.env.BENCH_PROOF, 'a');
  queue.process('job', Number(process.env.BENCH_SLOTS), async job => {
    fs.writeSync(proof, `${job.data.n} ${process.hrtime.bigint()}\n`);
  });
  process.on('SIGTERM', () => queue.close().then(() => process.exit(0)));
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
