'use strict';

/*
 * Runs scenarios on Bull and prints their traces.
 *
 *   node run.js <redis port>                       one request a line on stdin, one trace a line on stdout
 *   node run.js <redis port> <scenario.json> …     the named files, pretty printed
 */

const crypto = require('crypto');
const fs = require('fs');
const readline = require('readline');

const { runScenario } = require('./scenario');

process.on('unhandledRejection', error => {
  process.stderr.write(`unhandled rejection: ${error && error.stack}\n`);
});

async function answer(port, line) {
  const request = JSON.parse(line);
  try {
    const trace = await runScenario(request.scenario, { port, name: request.queue });
    return { id: request.id, trace };
  } catch (error) {
    return { id: request.id, crash: error.stack };
  }
}

async function serve(port) {
  const pending = [];
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line.trim()) {
      pending.push(
        answer(port, line).then(reply => process.stdout.write(JSON.stringify(reply) + '\n'))
      );
    }
  }
  await Promise.all(pending);
}

async function showFiles(port, files) {
  for (const file of files) {
    const scenario = JSON.parse(fs.readFileSync(file, 'utf8'));
    const trace = await runScenario(scenario, { port, name: `show-${crypto.randomUUID()}` });
    process.stdout.write(JSON.stringify(trace, null, 2) + '\n');
  }
}

async function main() {
  const [port, ...files] = process.argv.slice(2);
  await (files.length ? showFiles(Number(port), files) : serve(Number(port)));
  process.exit(0);
}

main();
