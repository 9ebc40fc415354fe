'use strict';

/* Every step a scenario may take, by name. What a step returns is its answer in the trace. */

const { errorText, jobFields, ids } = require('./canonical');
const { sleep } = require('./handlers');

/* Lets a worker that found its list empty say so (drained) before the next step fills it. */
const LOOK_AGAIN_MS = 40;
const STATES = ['waiting', 'active', 'completed', 'failed', 'delayed', 'paused'];
const LISTS = ['wait', 'active', 'completed', 'failed', 'delayed', 'paused'];
const SNAPSHOT_FIELDS = ['state', 'attemptsMade', 'failedReason', 'traces', 'progress', 'returnvalue', 'delay',
  'data', 'processedOn', 'finishedOn'];

const brief = job => (job ? { id: job.id, name: job.name } : null);

async function add(scenario, queue, { name, data, opts, as }) {
  const job = name === undefined ? await queue.add(data, opts) : await queue.add(name, data, opts);
  if (as !== undefined) {
    scenario.handles.set(as, job);
  }
  return brief(job);
}

async function onJob(scenario, queue, step, act) {
  const job = await scenario.subject(queue, step);
  return job ? act(job) : 'no such job';
}

/* toJSON without what the clock made: times are "set" or null, traces a number. */
function asJson(job, without = []) {
  const row = { failedReason: null, ...JSON.parse(JSON.stringify(job.toJSON())) };
  for (const stamp of ['timestamp', 'processedOn', 'finishedOn']) {
    row[stamp] = row[stamp] ? 'set' : null;
  }
  row.stacktrace = row.stacktrace && row.stacktrace.length;
  delete row.opts.timestamp;
  without.forEach(option => delete row.opts[option]);
  return row;
}

async function range(queue, { types, start = 0, end = -1, asc = false }) {
  return ids(await queue.getJobs(types, start, end, asc));
}

async function typed(queue, { type, start = 0, end = -1 }) {
  return ids(await queue[`get${type[0].toUpperCase()}${type.slice(1)}`](start, end));
}

async function repeatables(queue, { start = 0, end = -1, asc = false }) {
  const rows = await queue.getRepeatableJobs(start, end, asc);
  return rows.map(({ key, name, id, endDate, tz, cron, every, next }) => (
    { key, name, id, endDate, tz, cron, every, next }
  ));
}

async function snapshot(scenario, queue) {
  const lists = {};
  for (const type of LISTS) {
    lists[type] = ids(await queue.getJobs(type, 0, -1, true));
  }
  lists.active.sort(); // several slots may have begun at once
  return {
    counts: await queue.getJobCounts(...STATES),
    lists,
    count: await queue.count(),
    paused: await queue.isPaused()
  };
}

async function everyJob(scenario, queue, { fields = SNAPSHOT_FIELDS }) {
  const rows = {};
  for (const job of await queue.getJobs(LISTS, 0, -1, true)) {
    rows[job.id] = await jobFields(await queue.getJob(job.id), fields);
  }
  return rows;
}

/* Ends one held run, the first by id, with the given actions and waits until the queue has taken it in. */
async function finish(scenario, queue, { actions }) {
  const [jobId] = [...scenario.gates.held.keys()].sort();
  if (jobId === undefined) {
    return 'nothing runs';
  }
  await sleep(2);
  scenario.gates.open(jobId, actions);
  if (scenario.scenario.stepped) {
    await scenario.settle(queue);
  }
  const job = await queue.getJob(jobId);
  return { id: jobId, ended: await jobFields(job, SNAPSHOT_FIELDS) };
}

async function finished(scenario, queue, { handle }) {
  try {
    return { result: await scenario.handles.get(handle).finished() };
  } catch (error) {
    return errorText(error);
  }
}

async function waitFor(scenario, queue, { counts, starts, held }) {
  await scenario.until(async () => {
    if (starts !== undefined) return scenario.starts.length >= starts;
    if (held !== undefined) return scenario.gates.held.size >= held;
    const now = await queue.getJobCounts(...Object.keys(counts));
    return Object.entries(counts).every(([state, n]) => now[state] === n);
  });
  await sleep(LOOK_AGAIN_MS);
}

const steps = {
  add,
  add_bulk: async (scenario, queue, { jobs }) => (await queue.addBulk(jobs)).map(brief),
  pause: async (scenario, queue) => void (await queue.pause()),
  resume: async (scenario, queue) => void (await queue.resume()),
  is_paused: (scenario, queue) => queue.isPaused(),

  promote: (scenario, queue, step) => onJob(scenario, queue, step, async job => void (await job.promote())),
  retry: (scenario, queue, step) => onJob(scenario, queue, step, async job => void (await job.retry())),
  remove: (scenario, queue, step) => onJob(scenario, queue, step, async job => void (await job.remove())),
  update: (scenario, queue, step) => onJob(scenario, queue, step, async job => void (await job.update(step.data))),
  progress: (scenario, queue, step) =>
    onJob(scenario, queue, step, async job => void (await job.progress(step.value))),
  log: (scenario, queue, step) => onJob(scenario, queue, step, job => job.log(step.row)),
  state: (scenario, queue, step) => onJob(scenario, queue, step, job => job.getState()),
  discard: (scenario, queue, step) => onJob(scenario, queue, step, job => void job.discard()),
  handle: (scenario, queue, { handle, fields }) => jobFields(scenario.handles.get(handle), fields),
  job: async (scenario, queue, { job, fields }) => jobFields(await queue.getJob(job), fields),
  json: async (scenario, queue, { job, without }) => asJson(await queue.getJob(job), without),
  jobs: everyJob,
  finished,

  counts: (scenario, queue, { types = [] }) => queue.getJobCounts(...types),
  count_by_types: (scenario, queue, { types }) => queue.getJobCountByTypes(...types),
  count: (scenario, queue) => queue.count(),
  count_of: (scenario, queue, { type }) => queue[`get${type[0].toUpperCase()}${type.slice(1)}Count`](),
  list: (scenario, queue, step) => range(queue, step),
  typed: (scenario, queue, step) => typed(queue, step),
  logs: (scenario, queue, { job, start = 0, end = -1, asc = true }) => queue.getJobLogs(job, start, end, asc),
  snapshot,

  repeatables: (scenario, queue, step) => repeatables(queue, step),
  count_repeatables: (scenario, queue) => queue.getRepeatableCount(),
  remove_repeatable: async (scenario, queue, { name, repeat }) => void (await queue.removeRepeatable(name, repeat)),
  remove_repeatable_by_key: async (scenario, queue, { key }) => void (await queue.removeRepeatableByKey(key)),

  work: (scenario, queue, { concurrency = { '*': 1 } }) => scenario.work(queue, concurrency),
  close: async (scenario, queue) => void (await queue.close()),
  finish,
  wait_for: waitFor,
  zero: scenario => void (scenario.startedAt = Date.now()),
  sleep: (scenario, queue, { ms }) => sleep(ms),
  runs: scenario => Object.fromEntries(scenario.runs),
  strategy_calls: scenario => scenario.strategyCalls,
  counts_per_priority: (scenario, queue, { priorities }) => queue.getCountsPerPriority(priorities),
  most_at_once: scenario => scenario.mostAtOnce
};

module.exports = { steps };
