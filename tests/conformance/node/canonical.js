'use strict';

/* The one shape in which both sides report what they saw. */

const STAMPS = ['processedOn', 'finishedOn', 'retriedOn'];

const own = value => (value === undefined ? null : value);

function errorText(error) {
  return { error: error instanceof Error ? error.message : String(error) };
}

function eventArgument(argument) {
  if (argument instanceof Error) {
    return errorText(argument);
  }
  if (argument && typeof argument.toJSON === 'function' && 'attemptsMade' in argument) {
    return { job: argument.id };
  }
  return own(argument);
}

/* A local `active` carries the handler's promise, which no other language has. */
function eventRow(event, args) {
  const kept = args.map(argument => (argument && typeof argument.then === 'function' ? null : argument));
  while (kept.length && own(kept[kept.length - 1]) === null) {
    kept.pop();
  }
  return [event, ...kept.map(eventArgument)];
}

async function readField(job, field) {
  if (field.startsWith('opts.')) {
    return own(job.opts[field.slice(5)]);
  }
  if (STAMPS.includes(field)) {
    return job[field] ? 'set' : null;
  }
  switch (field) {
    case 'state':
      return job.getState();
    case 'progress':
      return job.progress();
    case 'traces':
      return job.stacktrace.length;
    default:
      return own(job[field]);
  }
}

async function jobFields(job, fields) {
  if (!job) {
    return null;
  }
  const row = {};
  for (const field of fields) {
    row[field] = await readField(job, field);
  }
  return row;
}

const ids = jobs => jobs.map(job => job && job.id);

module.exports = { errorText, eventRow, jobFields, ids, own };
