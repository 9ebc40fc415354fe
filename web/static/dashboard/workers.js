"use strict";
import { address, copy, element, getJson, jobAddress, page, poll, showRows } from "./common.js";

function row(worker) {
  const made = copy("worker-row", {
    name: worker.name,
    place: [worker.hostname, worker.pid].filter(Boolean).join(" · "),
    queues: worker.queues.join(", "),
    done: worker.successful_job_count,
    failed: worker.failed_job_count,
    heartbeat: worker.last_heartbeat,
  });
  const badge = made.querySelector("[data-state]");
  badge.textContent = badge.dataset[worker.state] ?? worker.state;
  badge.classList.add(worker.state === "busy" ? "busy" : "idle");
  for (const job of worker.current_jobs) {
    const line = document.createElement("div");
    line.append(element("a", job.description || job.shown, { href: jobAddress(job.job_id), title: job.shown }));
    made.querySelector("[data-current]").append(line);
  }
  return made;
}

poll(async () => {
  const answer = await getJson(address(page.instance, "data", "workers.json"));
  showRows("workers", answer.workers.map(row));
});
