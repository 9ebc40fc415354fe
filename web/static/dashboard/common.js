// What the dashboard's pages share. Values from Redis reach the page as text, never as markup.
"use strict";

export const page = document.body.dataset;
const language = document.documentElement.lang === "ar" ? "ar-u-nu-latn" : "en";
const moments = new Intl.DateTimeFormat(language, {
  year: "numeric", month: "short", day: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23",
});
const zone = new Intl.DateTimeFormat(language, { timeZoneName: "short" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

export const address = (...parts) => page.prefix + parts.map(encodeURIComponent).join("/");
export const jobAddress = (rqId) => address(page.instance, "view", "job", rqId);
export const listAddress = (queue, registry) =>
  address(page.instance, "view", "jobs", queue, registry, 20, ["finished", "failed"].includes(registry) ? "dsc" : "asc", 1);

/** The JSON at an address; null where there is none (404). Goes to the login page when the session has ended. */
export async function getJson(where) {
  const answer = await fetch(where, { headers: { Accept: "application/json" }, cache: "no-store" });
  if (answer.status === 401) {
    location.assign(page.login + "?next=" + encodeURIComponent(location.pathname));
    return new Promise(() => {});
  }
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${where}: ${answer.status}`);
  return answer.json();
}

/** Call `load` now and then every poll interval, unless auto-refresh is off or the page is not seen. */
export function poll(load) {
  const notice = document.getElementById("notice");
  const wanted = document.getElementById("autorefresh-switch");
  async function once() {
    try {
      await load();
      notice.hidden = true;
    } catch (error) {
      console.error(error);
      notice.hidden = false;
    }
  }
  async function tick() {
    if (wanted.checked && !document.hidden) await once();
    setTimeout(tick, Number(page.poll) || 2500);
  }
  once().then(() => setTimeout(tick, Number(page.poll) || 2500));
  return once;
}

/** Fill the places of `root` that name a field: its text, whether it is shown, its link, its time. */
export function fill(root, fields) {
  for (const place of root.querySelectorAll("[data-field]")) place.textContent = fields[place.dataset.field] ?? "";
  for (const place of root.querySelectorAll("[data-if]")) place.hidden = !fields[place.dataset.if];
  for (const place of root.querySelectorAll("[data-ago]")) showMoment(place, fields[place.dataset.ago]);
  for (const place of root.querySelectorAll("[data-progress]")) place.value = Number(fields.progress) || 0;
  return root;
}

/** A filled copy of a template's only element. */
export const copy = (id, fields) =>
  fill(document.getElementById(id).content.cloneNode(true), fields).firstElementChild;

export function showRows(table, rows) {
  const body = document.querySelector(`#${table} tbody`);
  body.replaceChildren(...(rows.length ? rows : [copy("empty-row", {})]));
}

export function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export const pretty = (value) => JSON.stringify(value, null, 2);

/** Indented JSON whose texts keep their own direction: otherwise the marks of an Arabic text move outside it. */
export function showJson(place, value) {
  const parts = (pretty(value) ?? "").split(/("[^"\\]*(?:\\.[^"\\]*)*")/);
  place.replaceChildren(...parts.flatMap((part) =>
    part.startsWith('"') ? ['"', element("bdi", part.slice(1, -1)), '"'] : [part]));
}

/** Runs so far: Bull counts the failed ones only. */
export const runs = (job, ofState) =>
  `${job.attemptsMade + (["completed", "finished", "active", "started"].includes(ofState) ? 1 : 0)} / ${job.attempts}`;

/** How long ago, or how soon; the instant itself in the tool tip. */
export function showMoment(place, when) {
  const at = asDate(when);
  place.textContent = at ? ago(at) : "";
  if (at) place.title = moment(at);
}

export function ago(at) {
  const seconds = (at - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return relative.format(Math.trunc(seconds / size), unit);
}

export function moment(when) {
  const at = asDate(when);
  const name = zone.formatToParts(at).find((part) => part.type === "timeZoneName").value;
  return `${moments.format(at)} ${name}`;
}

export function duration(ms) {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(2)} s`;
  return `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
}

function asDate(when) {
  if (when === null || when === undefined) return null;
  const at = new Date(when);
  return Number.isNaN(at.getTime()) ? null : at;
}

/** POST to the address of a button, after a question where the button wants one; false if nothing was done. */
export async function act(button, where, subject) {
  if (button.hasAttribute("data-confirm") && !(await confirmed(button.textContent, subject))) return false;
  button.disabled = true;
  try {
    const answer = await fetch(where, { method: "POST", headers: { Accept: "application/json" } });
    if (!answer.ok) {
      const body = await answer.json().catch(() => null);
      alert(body?.error?.message ?? answer.status);
    }
    return answer.ok;
  } finally {
    button.disabled = false;
  }
}

function confirmed(action, subject) {
  const dialog = document.getElementById("confirmation");
  document.getElementById("confirmation-action").textContent = `${action}: ${subject}`;
  dialog.showModal();
  // Not on "close": that event comes late, and would answer the next question.
  return new Promise((settle) => {
    dialog.querySelector("form").onsubmit = (event) => settle(event.submitter.value === "yes");
    dialog.oncancel = () => settle(false);
  });
}
