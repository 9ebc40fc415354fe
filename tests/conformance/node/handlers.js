'use strict';

/* Handlers described by data: a list of runs, each a list of actions; the last run repeats. */

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

class Gates {
  constructor() {
    this.held = new Map();
  }

  wait(jobId) {
    return new Promise(open => this.held.set(jobId, open));
  }

  open(jobId, actions) {
    const open = this.held.get(jobId);
    this.held.delete(jobId);
    open(actions);
  }
}

function circular() {
  const value = {};
  value.itself = value;
  return value;
}

async function act(action, job, context) {
  if ('take' in action) return sleep(action.take);
  if ('progress' in action) return job.progress(action.progress);
  if ('log' in action) return job.log(action.log);
  if ('update' in action) return job.update(action.update);
  if ('discard' in action) return job.discard();
  if ('set' in action) return Object.assign(job.data, action.set);
  if ('add' in action) return context.queue.add(action.add.name, action.add.data, action.add.opts);
  if ('remove_repeatable' in action) {
    const { name, repeat } = action.remove_repeatable;
    return context.queue.removeRepeatable(name, repeat);
  }
  throw new Error(`unknown action ${JSON.stringify(action)}`);
}

async function perform(actions, job, context) {
  for (const action of actions) {
    if ('gate' in action) return perform(await context.gates.wait(job.id), job, context);
    if ('return_unserialisable' in action) return circular();
    if ('fail' in action) throw new Error(action.fail);
    if ('return' in action) return action.return === null ? undefined : action.return; // Python has one nothing
    await act(action, job, context);
  }
  return undefined;
}

function makeHandler(runs, context) {
  return async job => {
    const number = context.noteStart(job);
    context.running += 1;
    context.mostAtOnce = Math.max(context.mostAtOnce, context.running);
    try {
      return await perform(runs[Math.min(number, runs.length) - 1], job, context);
    } finally {
      context.running -= 1;
    }
  };
}

module.exports = { Gates, makeHandler, sleep };
