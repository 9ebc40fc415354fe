"use strict";
import { act, address, copy, element, getJson, jobAddress, page, poll, runs, showRows } from "./common.js";

const failed = page.registry === "failed";

/** The instant that matters in this list: when it was added, is due, began or ended. */
function moment(job) {
  const bull = job.bull;
  if (!bull) return job.ended_at ?? job.started_at ?? job.created_at;
  if (page.registry === "scheduled") return bull.dueOn;
  if (page.registry === "started") return bull.processedOn;
  return bull.finishedOn ?? bull.timestamp;
}

function row(job) {
  const bull = job.bull;
  const made = copy("job-row", {
    name: bull?.name || job.description || job.id,
    id: bull?.id ?? job.id,
    unreadable: job.unreadable,
    attempts: bull ? runs(bull, page.registry) : "",
    priority: bull?.priority,
    progress: typeof bull?.progress === "number" && page.registry === "started" ? bull.progress : 0,
    reason: job.unreadable ?? (page.registry === "finished" ? null : bull?.failedReason ?? job.exc_info),
    moment: moment(job),
    failed,
  });
  made.dataset.jobId = job.id;
  made.querySelector("[data-link=job]").href = jobAddress(job.id);
  return made;
}

function pages({ pages_in_window: around, current_page: current, num_pages: last, first_page, last_page }) {
  if (last < 2) return [];
  const shown = [...around];
  if (shown[0].number > 1) shown.unshift(first_page);
  if (shown.at(-1).number < last) shown.push(last_page);
  return shown.map(({ number, url }) => {
    const item = document.createElement("li");
    item.append(number === current ? element("b", number) : element("a", number, { href: url }));
    return item;
  });
}

const reload = poll(async () => {
  const { queue, registry, perPage, order, page: number } = page;
  const answer = await getJson(
    address(page.instance, "data", "jobs", queue, registry, perPage, order, `${number}.json`));
  document.getElementById("total").textContent = answer.total;
  showRows("jobs", answer.jobs.map(row));
  document.getElementById("page-selection").replaceChildren(...pages(answer.pagination));
});

document.querySelector("#jobs tbody").addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const id = button.closest("tr").dataset.jobId;
  const action = button.dataset.role === "delete-job-btn" ? "delete" : "requeue";
  if (await act(button, address("job", id, action), id)) reload();
});

for (const button of document.querySelectorAll("button[data-url]")) {
  button.addEventListener("click", async () => {
    if (await act(button, button.dataset.url, `${page.queue} / ${page.registry}`)) reload();
  });
}
