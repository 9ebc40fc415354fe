"""The pages and data of rq-dashboard, at its own addresses, with Bull's fields where a job is ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import ceil
from typing import Any

import rq_dashboard.web
from flask import Blueprint, Flask, abort, render_template, request, url_for
from redis import Redis
from rq import Queue as RqQueue
from rq.job import Job as RqJob

from web.dashboard import actions
from web.dashboard.data import QUEUED, REGISTRIES, as_text, brief, shown
from web.dashboard.workers import worker_rows
from web.problems import Problem

MOST_PER_PAGE = 200
PAGES_SHOWN = 10

companion = Blueprint("bull", __name__)


def replace(app: Flask, redis: Redis) -> None:
    """Put our views in place of rq-dashboard's, on this application only."""
    views: dict[str, Callable[..., Any]] = {
        "queues_overview": queues_page,
        "jobs_overview": jobs_page,
        "job_view": job_page,
        "workers_overview": workers_page,
        "list_queues": list_queues,
        "list_jobs": list_jobs,
        "job_info": job_info,
        "list_workers": list_workers,
        "delete_job_view": actions.delete,
        "requeue_job_view": actions.requeue,
        "requeue_all": actions.requeue_all,
        "empty_queue": actions.empty,
        "compact_queue": actions.compact,
    }
    app.view_functions.update({f"rq_dashboard.{name}": view for name, view in views.items()})
    app.redis_conn = redis  # type: ignore[attr-defined]
    # Its own hook opens a new connection for every request.
    app.before_request_funcs["rq_dashboard"] = [_only_instance]


def _only_instance() -> None:
    if (request.view_args or {}).get("instance_number", 0) != 0:
        abort(404)


# Pages


def queues_page(instance_number: int) -> str:
    return _page("queues.html", active_tab="queues")


def jobs_page(
    instance_number: int, queue_name: str | None, registry_name: str, per_page: str, order: str, page: str
) -> str:
    names = sorted(queue.name for queue in RqQueue.all(connection=shown().redis))
    queue_name = queue_name or (names[0] if names else "default")
    number, size, newest_first = _paging(registry_name, per_page, order, page)
    return _page(
        "jobs.html",
        active_tab="jobs",
        queue_name=queue_name,
        queue_names=names if queue_name in names else [*names, queue_name],
        registry_name=registry_name,
        registries=(QUEUED, *REGISTRIES),
        per_page=size,
        order="dsc" if newest_first else "asc",
        page=number,
    )


def job_page(instance_number: int, job_id: str) -> str:
    bull = shown().bull(job_id)
    if bull is None:
        shown().rq(job_id)
    return _page("job.html", active_tab="jobs", id=job_id, name=bull.name if bull else None)


def workers_page(instance_number: int) -> str:
    return _page("workers.html", active_tab="workers")


# Data


def list_queues(instance_number: int) -> dict[str, Any]:
    queues = sorted(RqQueue.all(connection=shown().redis))
    rows = rq_dashboard.web.serialize_queues(0, queues)
    for row in rows:
        queue = shown().queue(row["name"])
        row["bull"] = {"counts": queue.get_job_counts(), "isPaused": queue.is_paused()}
    return {"queues": rows}


def list_jobs(
    instance_number: int, queue_name: str, registry_name: str, per_page: str, order: str, page: str
) -> dict[str, Any]:
    number, size, newest_first = _paging(registry_name, per_page, order, page)
    total = shown().count(queue_name, registry_name)
    rows = shown().rows(queue_name, registry_name, page=number, per_page=size, newest_first=newest_first)

    def link(wanted: int) -> dict[str, Any]:
        address = url_for(
            "rq_dashboard.jobs_overview",
            instance_number=0,
            queue_name=queue_name,
            registry_name=registry_name,
            per_page=size,
            order=order,
            page=wanted,
        )
        return {"number": wanted, "url": address}

    last = max(1, ceil(total / size))
    window = range(max(1, number - PAGES_SHOWN // 2), min(last, number + PAGES_SHOWN // 2) + 1)
    pagination = {
        "current_page": number,
        "num_pages": last,
        "pages_in_window": [link(wanted) for wanted in window],
        "first_page": link(1),
        "last_page": link(last),
    }
    if number > 1:
        pagination["prev_page"] = link(number - 1)
    if number < last:
        pagination["next_page"] = link(number + 1)
    return {
        "name": queue_name,
        "registry_name": registry_name,
        "total": total,
        "jobs": rows,
        "pagination": pagination,
    }


def job_info(instance_number: int, job_id: str) -> dict[str, Any]:
    """RQ's record of any job, with the values that plain RQ jobs keep beside it."""
    job = shown().rq(job_id)
    dependencies = [as_text(raw).split(":")[-1] for raw in job.dependency_ids]
    found = shown().redis.exists
    return shown().record(job) | {
        "result": _plain(job.return_value),
        "metadata": json.dumps(_plain(job.get_meta), ensure_ascii=False),
        "depends_on": dependencies,
        "depends_on_status": ["active" if found(RqJob.key_for(each)) else "expired" for each in dependencies],
    }


@companion.get("/<job_id>.json")
def bull_info(job_id: str) -> dict[str, Any]:
    """Bull's side of one of our jobs, for the panel on its page."""
    return shown().details(job_id)


def list_workers(instance_number: int) -> dict[str, Any]:
    return {"workers": worker_rows(shown().redis)}


def _page(template: str, **values: Any) -> str:
    return render_template(
        f"rq_dashboard/{template}",
        current_instance=0,
        rq_url_prefix=url_for("rq_dashboard.queues_overview"),
        rq_version=rq_dashboard.web.rq_version,
        rq_dashboard_version=rq_dashboard.web.rq_dashboard_version,
        **values,
    )


def _paging(registry_name: str, per_page: str, order: str, page: str) -> tuple[int, int, bool]:
    """Page number, rows a page and direction. Other addresses than rq-dashboard's are not found."""
    if registry_name != QUEUED and registry_name not in REGISTRIES:
        raise Problem("not_found")
    try:
        number, size = int(page), int(per_page)
    except ValueError:
        raise Problem("not_found") from None
    if number < 1 or not 1 <= size <= MOST_PER_PAGE or order not in ("asc", "dsc"):
        raise Problem("not_found")
    return number, size, order == "dsc"


def _plain(read: Callable[[], Any]) -> Any:
    """A value as JSON can show it. Plain RQ jobs may hold anything; only plain data is ever unpickled."""
    try:
        return json.loads(json.dumps(read(), default=repr, ensure_ascii=False))
    except Exception as error:  # RQ lets every exception of its serializer through
        return {"unreadable": brief(error)}
