'use strict';

/* One scenario on Bull: its queues, its workers, its steps in order. */

const { EventEmitter } = require('events');

const Queue = require('bull');

const { errorText, eventRow, own } = require('./canonical');
const { Gates, makeHandler, sleep } = require('./handlers');
const { steps } = require('./steps');

EventEmitter.defaultMaxListeners = 50; // one connection serves many listeners here

const LOCAL_EVENTS = [
  'active', 'progress', 'completed', 'failed', 'stalled', 'drained', 'paused', 'resumed', 'removed'
];
const PUBLISHED_LOCAL_EVENTS = ['waiting', 'duplicated'];
const GLOBAL_EVENTS = [
  'waiting', 'active', 'progress', 'completed', 'failed', 'stalled', 'drained', 'paused', 'resumed', 'duplicated'
];
const DEADLINE_MS = 15000;
const DELIVERY_MS = 60;

class Scenario {
  constructor(scenario, server) {
    this.scenario = scenario;
    this.server = server;
    this.queues = new Map();
    this.handles = new Map();
    this.gates = new Gates();
    this.slots = 0;
    this.running = 0;
    this.mostAtOnce = 0;
    this.runs = new Map();
    this.starts = [];
    this.strategyCalls = [];
    this.events = {};
    this.globalEvents = [];
    this.startedAt = Date.now();
    this.closing = false;
  }

  async queue(name = 'main') {
    if (!this.queues.has(name)) {
      const options = { ...this.scenario.queue, ...(this.scenario.queues || {})[name] };
      const settings = { ...options.settings, backoffStrategies: this.strategies() };
      const queue = new Queue(this.server.name, {
        ...options,
        settings,
        redis: { host: '127.0.0.1', port: this.server.port }
      });
      this.queues.set(name, queue);
      await this.listen(name, queue);
      await queue.isReady();
    }
    return this.queues.get(name);
  }

  async listen(name, queue) {
    const traced = this.scenario.trace || [];
    if (traced.includes('events')) {
      this.events[name] = [];
      for (const event of [...LOCAL_EVENTS, ...PUBLISHED_LOCAL_EVENTS]) {
        await this.on(queue, event, this.events[name], event);
      }
    }
    if (name === 'main' && traced.includes('global_events')) {
      for (const event of GLOBAL_EVENTS) {
        await this.on(queue, `global:${event}`, this.globalEvents, event);
      }
    }
  }

  /* Described by data: the n-th failure waits the n-th delay, all later ones the last. */
  strategies() {
    const made = {};
    for (const [name, delays] of Object.entries(this.scenario.strategies || {})) {
      made[name] = (attemptsMade, error, options) => {
        this.strategyCalls.push([name, attemptsMade, error.message, own(options)]);
        return delays[Math.min(attemptsMade, delays.length) - 1];
      };
    }
    return made;
  }

  /* Bull tells of a subscription only once per channel, and local and global twins share one. */
  async on(queue, event, rows, label) {
    const isPublished = event.startsWith('global:') || PUBLISHED_LOCAL_EVENTS.includes(event);
    const isNew = isPublished && !(queue.registeredEvents || {})[label];
    const ready = new Promise(resolve => (isNew ? queue.once(`registered:${event}`, resolve) : resolve()));
    queue.on(event, (...args) => {
      if (!this.closing) {
        rows.push(eventRow(label, args));
      }
    });
    await ready;
  }

  noteStart(job) {
    const number = (this.runs.get(job.id) || 0) + 1;
    this.runs.set(job.id, number);
    this.starts.push({
      job: (job.data && job.data.label) || job.id,
      name: job.name,
      attemptsMade: job.attemptsMade,
      occurrence: own(job.opts.repeat && job.opts.repeat.count),
      ms: Date.now() - this.startedAt
    });
    return number;
  }

  handlerContext(queue) {
    const scenario = this;
    return {
      queue,
      gates: this.gates,
      noteStart: job => this.noteStart(job),
      get running() { return scenario.running; },
      set running(value) { scenario.running = value; },
      get mostAtOnce() { return scenario.mostAtOnce; },
      set mostAtOnce(value) { scenario.mostAtOnce = value; }
    };
  }

  work(queue, concurrency) {
    for (const [name, slots] of Object.entries(concurrency)) {
      this.slots += slots;
      const handler = makeHandler(this.scenario.handlers[name], this.handlerContext(queue));
      queue.process(name, slots, handler).catch(() => undefined);
    }
  }

  /* The job a step speaks of: an object kept under a handle, an id, or a pick from a state's list. */
  async subject(queue, step) {
    if ('handle' in step) {
      return this.handles.get(step.handle);
    }
    if ('job' in step) {
      return queue.getJob(step.job);
    }
    const { from, n, plain } = step.pick;
    let jobs = await queue.getJobs(from, 0, -1, true);
    if (plain) {
      jobs = jobs.filter(job => !job.opts.priority);
    }
    return jobs.length ? jobs[n % jobs.length] : null;
  }

  async until(condition) {
    const deadline = Date.now() + DEADLINE_MS;
    while (!(await condition())) {
      if (Date.now() > deadline) {
        throw new Error('not reached in time');
      }
      await sleep(2);
    }
  }

  /* Quiet: every active job stands at its gate, and no free slot could take another. */
  async settle(queue) {
    await this.until(async () => {
      const counts = await queue.getJobCounts('active', 'waiting');
      const held = this.gates.held.size;
      return counts.active === held && (held === this.slots || counts.waiting === 0);
    });
  }

  async step(step) {
    const queue = await this.queue(step.on);
    const perform = steps[step.do];
    if (!perform) {
      throw new Error(`unknown step ${step.do}`);
    }
    let value;
    try {
      value = own(await perform(this, queue, step));
    } catch (error) {
      value = errorText(error);
    }
    if (this.scenario.stepped) {
      await this.settle(await this.queue());
    }
    return value;
  }

  /* What was published before the last answer has arrived long before this is over. */
  async drainEvents() {
    if (this.scenario.trace) {
      await sleep(DELIVERY_MS);
      this.closing = true;
    }
  }

  async run() {
    await this.queue(); // it listens from the start
    const answers = [];
    for (const step of this.scenario.steps) {
      answers.push(await this.step(step));
      if (this.scenario.stepped) {
        answers.push(await steps.snapshot(this, await this.queue(), {}));
      }
    }
    return answers;
  }

  async close() {
    for (const jobId of [...this.gates.held.keys()]) {
      this.gates.open(jobId, []);
    }
    await Promise.all([...this.queues.values()].map(queue => queue.close(true)));
  }
}

async function runScenario(scenario, server) {
  const run = new Scenario(scenario, server);
  try {
    const answers = await run.run();
    await run.drainEvents();
    return { answers, starts: run.starts, events: run.events, global_events: run.globalEvents };
  } finally {
    await run.close();
  }
}

module.exports = { runScenario };
