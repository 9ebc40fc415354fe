// Writes cron_vectors.json.gz: what cron-parser 4.9.0, the parser inside Bull, answers for random expressions.
//
//   npm install --no-save cron-parser@4.9.0 && node make_cron_vectors.js
//
// The file holds {"changes": […], "random": […]}, each case [expression, zone, start in ms, answer], where the
// answer is the list of next times in seconds after the start (rounded down), or null if the expression is refused.
// "changes" begin within two days before a change of the clocks, or in the hours after one that repeats an hour.
// Not imitated, so not in here: cron-parser leaves out a time that a change at midnight skips, and forgets, when it
// is asked anew within it, that an hour is standing in for a skipped one (see test_cron.py).
'use strict';

const fs = require('fs');
const path = require('path');
const zlib = require('zlib');
const { parseExpression } = require('cron-parser');
const { DateTime } = require('luxon');

const CHANGING = ['Europe/Madrid', 'America/New_York', 'Europe/London', 'Australia/Sydney', 'America/St_Johns',
  'Europe/Athens', 'Africa/Casablanca'];
const ZONES = [...CHANGING, 'Asia/Aden', 'Asia/Tokyo', 'Asia/Kathmandu', 'UTC'];
const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const DAYS = 'sun mon tue wed thu fri sat'.split(' ');
const FROM = Date.UTC(2016, 0, 1);
const UNTIL = Date.UTC(2032, 0, 1);

let seed = 20261124;
function random() { // mulberry32
  seed = (seed + 0x6D2B79F5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const between = (low, high) => low + Math.floor(random() * (high - low + 1));
const pick = (list) => list[between(0, list.length - 1)];

function value(low, high, names) {
  const number = between(low, high);
  return names && random() < 0.3 && number - low < names.length ? names[number - low] : String(number);
}

function field(low, high, star, names) {
  if (random() < star) return '*';
  const [first, last] = [between(low, high), between(low, high)].sort((a, b) => a - b);
  switch (between(0, 6)) {
    case 0: return `*/${between(1, Math.max(2, (high - low) >> 1))}`;
    case 1: return `${first}-${last}`;
    case 2: return `${first}-${last}/${between(1, 5)}`;
    case 3: return `${first}/${between(1, 9)}`;
    case 4: return [1, 2, 3].map(() => value(low, high, names)).join(',');
    default: return value(low, high, names);
  }
}

function randomExpression() {
  let day = field(1, 31, 0.6);
  let weekday = field(0, 7, 0.6, DAYS);
  const special = random();
  if (special < 0.06) day = pick(['L', '?', `L,${between(1, 28)}`, '1-30', '1-31']);
  else if (special < 0.16) weekday = pick([`${between(0, 7)}L`, `${between(0, 7)}#${between(1, 5)}`, '?', '0-6', '1-7/3']);
  else if (special < 0.18) return pick(['@daily', '@weekly', '@hourly', '@monthly', '@yearly', '@midnight',
    '61 * * * *', '22-2 * * * *', '0 0 30 2 *', '0 0 * * und', '* * * * * * *', '0 0 W * *', '5-', '*/0 * * * *']);
  const fields = [field(0, 59, 0.3), field(0, 23, 0.3), day, field(1, 12, 0.75, MONTHS), weekday];
  if (random() < 0.3) fields.unshift(field(0, 59, 0.1));
  return (random() < 0.03 ? fields.slice(-3) : fields).join(' ');
}

function nightExpression() {
  const minute = pick(['0', '30', '15', '*/15', '*/20', '10,50', '59']);
  const hour = pick(['0', '1', '2', '3', '*', '*/2', '1-3', '0-4', '2,3', '23', '0-23', '*/3']);
  return `${minute} ${hour} * * *`;
}

function changesOf(zone) {
  const found = [];
  for (let at = FROM; at < UNTIL; at += 1800000) {
    const offset = (ms) => DateTime.fromMillis(ms, { zone }).offset;
    if (at % 86400000 === 0 && offset(at) === offset(at + 86400000)) { at += 86400000 - 1800000; continue; }
    if (offset(at) !== offset(at - 1800000)) found.push({ at, forward: offset(at) > offset(at - 1800000) });
  }
  return found;
}

function answer(expression, tz, start, runs) {
  try {
    const interval = parseExpression(expression, { currentDate: new Date(start), tz });
    return Array.from({ length: runs }, () => Math.floor((interval.next().getTime() - start) / 1000));
  } catch (error) {
    return null;
  }
}

const changes = Object.fromEntries(CHANGING.map((zone) => [zone, changesOf(zone)]));
const vectors = { changes: [], random: [] };
while (vectors.changes.length < 300) {
  const zone = pick(CHANGING);
  const { at, forward } = pick(changes[zone]);
  const start = at + between(-172800, forward ? -1 : 10800) * 1000 + pick([0, 500]);
  const expression = random() < 0.3 ? randomExpression() : nightExpression();
  vectors.changes.push([expression, zone, start, answer(expression, zone, start, 5)]);
}
while (vectors.random.length < 1500) {
  const [zone, start, expression] = [pick(ZONES), between(FROM / 1000, UNTIL / 1000) * 1000, randomExpression()];
  vectors.random.push([expression, zone, start, answer(expression, zone, start, 1)]);
}
const text = JSON.stringify(vectors);
fs.writeFileSync(path.join(__dirname, 'cron_vectors.json.gz'), zlib.gzipSync(text, { level: 9 }));
