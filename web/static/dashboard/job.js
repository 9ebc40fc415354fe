"use strict";
import { act, address, duration, element, fill, getJson, listAddress, moment, page, poll, pretty, runs, showJson } from "./common.js";

const RQ_STATES = { queued: "waiting", started: "active", scheduled: "delayed", finished: "completed" };
const root = document.getElementById("job-data");
let queue = null;
let drawn = "";

function timeline(job) {
  const list = document.getElementById("timeline");
  const words = list.dataset;
  const { processedOn: began, finishedOn: ended, dueOn: next } = job;
  const due = job.opts.delay ? job.timestamp + job.opts.delay : null;
  const firstRun = job.attemptsMade === 0 || (job.state === "failed" && job.attemptsMade === 1);
  const waited = began && firstRun ? [words.waited, began - (due ?? job.timestamp)] : null;
  const steps = [[words.added, job.timestamp]];
  if (due) steps.push([words.due, due]);
  if (began) steps.push([words.started, began, waited]);
  if (began && next) steps.push([words.due, next]);
  if (ended) steps.push([words.ended, ended, began ? [words.took, ended - began] : null]);
  const items = steps.map(([word, at, extra]) => {
    const item = document.createElement("li");
    item.append(element("b", word), " ", element("bdi", moment(at)));
    if (extra && extra[1] >= 0) {
      const note = element("div", `${extra[0]}: `, { class: "quiet small" });
      note.append(element("bdi", duration(extra[1]), { dir: "ltr" }));
      item.append(note);
    }
    return item;
  });
  if (job.state === "failed") items.at(-1).className = "end-failed";
  list.replaceChildren(...items);
}

function stacks(traces) {
  const place = document.getElementById("stacks");
  place.replaceChildren(...traces.map((trace, index) => {
    const made = document.createElement("details");
    made.open = index === traces.length - 1;
    made.append(element("summary", `${place.dataset.attempt} ${index + 1}`), element("pre", trace, { dir: "ltr", class: "stack" }));
    return made;
  }));
}

function logRow(text) {
  const item = document.createElement("li");
  item.append(element("bdi", text));
  return item;
}

function showBull(job) {
  const failed = ["failed", "delayed", "waiting", "active"].includes(job.state) ? job.failedReason : null;
  const progress = typeof job.progress === "number" ? job.progress : null;
  fill(root, {
    ...job,
    failedReason: failed,
    attemptsShown: runs(job, job.state),
    priorityShown: job.priority || "–",
    progressShown: progress === null ? pretty(job.progress) : `${progress}%`,
    progressNumber: progress !== null,
    progress: progress ?? 0,
    returned: job.state === "completed",
    traced: job.stacktrace?.length,
    logged: job.logs.count,
  });
  for (const place of root.querySelectorAll("[data-json]")) showJson(place, job[place.dataset.json]);
  root.querySelector("[data-link=queue]").href = listAddress(job.queue, "queued");
  timeline(job);
  stacks(job.stacktrace ?? []);
  document.getElementById("logs").replaceChildren(...job.logs.logs.map(logRow));
}

function showState(state) {
  const badge = document.getElementById("state");
  badge.className = `badge ${state}`;
  badge.textContent = badge.dataset[state] ?? state;
  badge.hidden = false;
  document.getElementById("requeue-job-btn").hidden = state !== "failed";
  document.getElementById("delete-job-btn").hidden = state === "active";
}

const reload = poll(async () => {
  const [bull, record] = await Promise.all([
    getJson(address("bull", `${page.job}.json`)),
    getJson(address(page.instance, "data", "job", `${page.job}.json`)),
  ]);
  const now = JSON.stringify([bull, record]);
  if (now === drawn) return; // so that an opened stack trace stays open
  drawn = now;
  queue = bull?.queue ?? record?.origin ?? queue;
  document.getElementById("bull").hidden = bull === null;
  if (bull) showBull(bull);
  else if (record) {
    fill(root, { name: record.description || record.id });
    document.getElementById("record").open = true;
  }
  showJson(root.querySelector("#record pre"), record);
  showState(bull?.state ?? RQ_STATES[record?.status] ?? record?.status ?? "stuck");
});

document.getElementById("delete-job-btn").addEventListener("click", async ({ target }) => {
  if (await act(target, target.dataset.url, page.job)) {
    location.assign(queue ? listAddress(queue, "queued") : page.prefix);
  }
});
document.getElementById("requeue-job-btn").addEventListener("click", async ({ target }) => {
  if (await act(target, target.dataset.url, page.job)) reload();
});
