"""Commands on one job or on a whole queue that are not part of running it."""

from __future__ import annotations

from .calling import QueueStore


def pause(store: QueueStore) -> None:
    store.run("pause")


def resume(store: QueueStore) -> None:
    store.run("resume")


def is_paused(store: QueueStore) -> bool:
    return bool(store.client.exists(store.keys.pause_flag))


def retry_job(store: QueueStore, rq_id: str, lifo: bool) -> tuple[int, int]:
    """(code, server ms): 1 retried, 0 not failed, -1 no such job, -2 locked."""
    code, now_ms = store.once("retry_job", rq_id, "1" if lifo else "")
    return int(code), int(now_ms)


def remove_job(store: QueueStore, rq_id: str) -> int:
    """1 removed, 0 no such job, -1 locked."""
    return int(store.once("remove_job", rq_id))


def write_data(store: QueueStore, rq_id: str, text: str) -> bool:
    """New payload (JSON); False if the job is gone."""
    return bool(store.run("write_field", rq_id, "d", text))


def write_progress(store: QueueStore, rq_id: str, text: str) -> bool:
    """New progress (JSON), announced; False if the job is gone."""
    return bool(store.run("write_field", rq_id, "pg", text))


def write_stock_outcome(
    store: QueueStore, rq_id: str, *, result: str | None = None, reason: str | None = None
) -> None:
    """What a stock worker's run came to, where our tools look for it: the result (JSON), or the failure
    reason."""
    if reason is not None:
        store.run("write_field", rq_id, "fr", reason)
    elif result is not None:
        store.run("write_field", rq_id, "rv", result)


def add_log(store: QueueStore, rq_id: str, row: str) -> int:
    """Number of log rows now; 0 if the job is gone."""
    return int(store.once("add_log", rq_id, row))


def take_lock(store: QueueStore, rq_id: str, owner: str, duration_ms: int) -> bool:
    """False if the job is locked, also by the same owner."""
    return bool(store.once("take_lock", rq_id, owner, duration_ms))


def release_lock(store: QueueStore, rq_id: str, owner: str) -> bool:
    """False if ``owner`` (or the run with that token) does not hold it."""
    return bool(store.once("release_lock", rq_id, owner))


def extend_lock(store: QueueStore, rq_id: str, owner: str, duration_ms: int) -> bool:
    """False if ``owner`` (or the run with that token) does not hold it."""
    return bool(store.run("extend_lock", rq_id, owner, duration_ms))
