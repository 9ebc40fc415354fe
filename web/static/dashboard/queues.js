"use strict";
import { address, copy, getJson, listAddress, page, poll, showRows } from "./common.js";

function row(queue) {
  const counts = queue.bull.counts;
  const shown = {
    queued: counts.waiting + counts.paused,
    started: counts.active,
    scheduled: counts.delayed,
    finished: counts.completed,
    failed: counts.failed,
    deferred: queue.deferred_job_registry_count,
    canceled: queue.canceled_job_registry_count,
  };
  const made = copy("queue-row", { name: queue.name, paused: queue.bull.isPaused });
  for (const link of made.querySelectorAll("[data-href]")) link.href = listAddress(queue.name, link.dataset.href);
  for (const link of made.querySelectorAll("[data-count]")) {
    const count = shown[link.dataset.count];
    link.textContent = count;
    link.className = count ? (link.dataset.count === "failed" ? "some bad" : "some") : "none";
  }
  return made;
}

poll(async () => {
  const answer = await getJson(address(page.instance, "data", "queues.json"));
  showRows("queues", answer.queues.map(row));
});
