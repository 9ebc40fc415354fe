"""``QueueRunner``: one queue's share of a worker. Fetches, hands to executors, writes outcomes, sleeps in
between.

One thread owns the loop. Finishing and fetching are one call, and whatever has finished meanwhile is
finished in the same call; there are never more claims than free slots.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from redis.exceptions import RedisError

from ..core.timestamps import iso_of
from ..errors import UnreadableJob
from ..job import Job
from ..queue import Queue
from ..store.adding import move_due
from ..store.claiming import ClaimedRow, FinishedRun, StepClient, StepReply, set_marker
from .announcer import Announcer
from .executors import LoopExecutor, ThreadExecutor
from .limits import RunLimits
from .processing import Run, call, conclude, prepare, time_out
from .registry import Binding
from .waiting import Bell, MarkerWait, Stillness, sleep

log = logging.getLogger("rq.worker")

#: An idle runner looks at the list itself this often: a stock tool may have pushed without waking anybody.
LOOK_EVERY_S = 1.0
#: Runs that timed out and whose threads are still busy, per slot: beyond that the worker asks to be
#: restarted.
ABANDONED_PER_SLOT = 10
#: Jobs a call at the most: a longer script makes others wait, and Lua cannot unpack more than 8,000 values.
MOST_A_CALL = 1000
#: A closing runner gives up on a Redis that does not answer.
CLOSE_WITHIN_S = 5.0


class QueueRunner:
    """Runs the jobs of one queue with ``binding.slots`` slots; ``on_idle`` hears when a limit has ended
    its work."""

    def __init__(
        self,
        queue: Queue,
        binding: Binding,
        worker_name: str,
        token: str,
        limits: RunLimits,
        on_idle: Callable[[], None],
    ) -> None:
        self.queue = queue
        self.binding = binding
        self.limits = limits
        self.running: dict[str, Run] = {}
        self.announcer = Announcer(queue)
        self.is_idle = False
        #: the queue is paused or workers are suspended
        self.is_held = False
        self.last_busy = time.monotonic()
        self.gave_up = False
        self._on_idle = on_idle
        self._steps = StepClient(
            queue.connection,
            queue.store.keys,
            worker_name,
            token,
            queue.settings.lock_duration,
            limiter=queue.limiter,
        )
        self._marker = MarkerWait(queue.connection, queue.store.keys.marker)
        self._bell = Bell()
        self._ended: deque[Run] = deque()
        #: ended, but Redis has not said yet that it knows
        self._sending: list[Run] = []
        self._give_back: list[FinishedRun] = []
        self._stillness = Stillness()
        self._resting = False
        self._concluding: list[str] = []
        self._threads = ThreadExecutor(f"job:{queue.name}", self.announcer.begins, self._has_ended)
        self._loop = LoopExecutor(f"loop:{queue.name}", self.announcer.begins, self._has_ended)
        self._must_fetch = True
        self._had_work = False
        self._next_due = float("inf")
        self._limited_until = float("inf")
        self._stopping = threading.Event()
        self._abandoning = False
        self._last_fault = ""
        self.thread = threading.Thread(target=self._main, name=f"runner:{queue.name}", daemon=True)

    # From other threads

    def start(self) -> None:
        self.thread.start()

    def stop(self, *, abandon: bool = False) -> None:
        """Take no new job and end when the running ones have ended; ``abandon``: leave those to stall
        recovery."""
        self._abandoning = self._abandoning or abandon
        self._stopping.set()
        self._bell.ring()

    def rest(self) -> None:
        self._stillness.unsettle()
        self._bell.ring()

    def wait_until_still(self) -> None:
        self._wait(lambda: self._stillness.is_reached or not self.queue.local_pause.is_on)

    def wait_for_current_jobs(self) -> None:
        current = self._under_way()
        self._wait(lambda: current.isdisjoint(self._under_way()))

    def _wait(self, condition: Callable[[], bool]) -> None:
        if not self._is_own_thread():
            self._stillness.wait(lambda: condition() or self._abandoning or not self.thread.is_alive())

    def _under_way(self) -> set[str]:
        """Tokens of the runs that have begun and whose outcome is not written yet."""
        return {*list(self.running), *self._concluding}

    def leases(self) -> list[Run]:
        """The runs whose leases are to be kept; none once they are left to stall recovery."""
        return [] if self._abandoning else [*self.running.values(), *self._sending]

    def join(self) -> None:
        """Until the loop has ended.

        With ``stop(abandon=True)`` not longer than a moment: a handler that runs in the loop's own thread
        cannot be interrupted. From one of its own handlers, which would wait for itself: not at all.
        """
        if self._is_own_thread():
            return
        while self.thread.is_alive():
            if self._abandoning:
                self.thread.join(0.05)
                return
            self.thread.join(0.5)

    def _is_own_thread(self) -> bool:
        current = threading.current_thread()
        return current is self.thread or self._threads.owns(current) or self._loop.owns(current)

    def look_at_delayed(self) -> None:
        """Move due jobs whatever the slots do: a busy queue's jobs become due too."""
        _, _, moved = move_due(self.queue.store)
        self.announcer.moved(moved)

    def _has_ended(self, run: Run) -> None:
        self._ended.append(run)
        self._bell.ring()

    # The loop

    def _main(self) -> None:
        try:
            while not self._is_over():
                try:
                    self._turn()
                except BaseException as error:
                    # No fault of ours may end this loop: what was under way is recovered as stalled.
                    log.exception("Queue %s: internal error; going on in a moment.", self.queue.name)
                    self.queue.emit("error", error)
                    self._stopping.wait(self.queue.settings.retry_process_delay / 1000)
        finally:
            self._close()

    def _turn(self) -> None:
        self._look_at_local_pause()
        try:
            ended = self._take_ended()
            want = self._wanted(ended)
            due = time.monotonic() >= self._next_due and not self._stopping.is_set()
            # A resting runner looks too: delayed jobs that others add become due.
            look = self._must_fetch and (want or self._resting)
            if ended or self._give_back or due or look:
                self._step(ended, want)
            else:
                self.limits.give_back(want)
                self._sleep(want)
        finally:
            self._settle()

    def _settle(self) -> None:
        self._concluding = []
        self._stillness.changed()

    def _look_at_local_pause(self) -> None:
        """At the start of a turn, when no call is under way."""
        was_resting, self._resting = self._resting, self.queue.local_pause.is_on
        if self._resting and not (self.running or self._ended or self._give_back):
            self._stillness.reach()
        elif was_resting and not self._resting:
            self._must_fetch = True

    def _is_over(self) -> bool:
        if not self._stopping.is_set():
            return False
        return self._abandoning or not (self.running or self._ended or self._give_back)

    def _take_ended(self) -> list[Run]:
        ended: list[Run] = []
        while self._ended and len(ended) < MOST_A_CALL:
            run = self._ended.popleft()
            # A run that timed out was concluded then; what its handler came to is ignored.
            if run.token in self.running:
                self._conclude(run)
                ended.append(run)
        now = time.monotonic()
        for run in list(self.running.values()):
            if len(ended) < MOST_A_CALL and run.is_overdue(now) and run.settle("timed out"):
                self._time_out(run)
                self._conclude(run)
                ended.append(run)
        return ended

    def _conclude(self, run: Run) -> None:
        self._concluding.append(run.token)  # first: it is always in one of the two
        del self.running[run.token]

    def _time_out(self, run: Run) -> None:
        assert run.handler is not None
        time_out(run)
        (self._loop if run.handler.is_async else self._threads).abandon(run)
        if self._threads.abandoned > ABANDONED_PER_SLOT * self.binding.slots:
            self.gave_up = True
            log.error(
                "Queue %s: %d timed-out handlers are still running in threads that cannot be stopped; "
                "this worker ends so that its supervisor starts a new one.",
                self.queue.name,
                self._threads.abandoned,
            )
            self._stopping.set()
            self._on_idle()

    def _wanted(self, ended: list[Run]) -> int:
        if self._stopping.is_set() or self._resting:
            return 0
        if ended and self.queue.limiter is not None:
            self._must_fetch = True  # finishing does not fetch, as in Bull
            return 0
        # After a failure the slot fetches separately, as Bull's does.
        failures = sum(1 for run in ended if run.error is not None)
        self._must_fetch = self._must_fetch or failures > 0
        free = self.binding.slots - len(self.running) - failures
        return self.limits.take(min(MOST_A_CALL, max(0, free)))

    def _step(self, ended: list[Run], want: int) -> None:
        self._sending = ended
        finished = [conclude(run, self.queue.settings.backoff_strategies) for run in ended]
        # The last one first: each goes to the head, and the order is what it was.
        given_back, self._give_back = self._give_back[::-1], []
        reply = self._answered(finished + given_back, want)
        self._sending = []
        if reply is None:
            return
        self.limits.give_back(want - len(reply.jobs))
        now = time.monotonic()
        self._next_due = now + _seconds_until(reply, reply.next_due_ms)
        if want or self._resting:
            self._must_fetch = 0 < want == len(reply.jobs)
        if want:
            self._limited_until = now + _seconds_until(reply, reply.limited_ms)
            self.is_held = reply.held > 0
        date = iso_of(reply.now_ms)
        try:
            self._announce(ended, finished, reply, date)
        except Exception:
            # What was claimed must run, whatever was wrong with what had to be said before.
            log.exception("Queue %s: could not announce what has happened.", self.queue.name)
        self._settle()  # before a next one may keep this thread
        is_drained = want and not reply.jobs and reply.held < 2 and reply.limited_ms is None
        if is_drained and self._had_work:
            self._had_work = False
            self.queue.emit("drained")
        for row in reply.jobs:
            self._begin(row, date)

    def _announce(self, ended: list[Run], finished: list[FinishedRun], reply: StepReply, date: str) -> None:
        for run, outcome in zip(ended, finished, strict=True):
            self.announcer.ended(run, outcome, reply.lost.get(run.token), date)
        self.announcer.set_aside(reply.aside)
        self.announcer.moved(reply.moved)

    def _answered(self, finished: list[FinishedRun], want: int) -> StepReply | None:
        """Send until there is an answer, under one call number: nothing is done twice. None: closed
        meanwhile."""
        pause_s, started = 0.1, time.monotonic()
        reply = self._try(lambda: self._steps.step(finished, want, self._had_work))
        while reply is None:
            if self._stopping.is_set() and time.monotonic() - started > CLOSE_WITHIN_S:
                self._abandoning = True
                return None
            self._stopping.wait(pause_s) if not self._stopping.is_set() else time.sleep(pause_s)
            pause_s = min(pause_s * 2, max(0.1, self.queue.settings.retry_process_delay / 1000))
            reply = self._try(self._steps.resend)
        if self._last_fault:
            log.info("Queue %s: Redis answers again.", self.queue.name)
            self._last_fault = ""
        return reply

    def _try(self, send: Callable[[], StepReply]) -> StepReply | None:
        try:
            return send()
        except (RedisError, OSError) as error:
            self._marker.drop()
            if str(error) != self._last_fault:
                self._last_fault = str(error) or type(error).__name__
                log.error("Queue %s: %s; trying again until it answers.", self.queue.name, self._last_fault)
                self.queue.emit("error", error)
            return None

    # Around a run

    def _begin(self, row: ClaimedRow, date: str) -> None:
        row.raw["started_at"] = date.encode()
        job = Job(self.queue, row.rq_id, row.raw)
        job.token = row.token
        if self._stopping.is_set() or self.queue.local_pause.is_on:
            # Claimed in the call that was under way when the stop or the pause came.
            self.limits.give_back(1)
            self._give_back.append(FinishedRun(row.rq_id, row.token, "give_back"))
            return
        self._had_work = True
        self.is_idle = False
        run = Run(job, row.token, self.binding.handler_of(job.name))
        self.running[row.token] = run
        self.queue.schedule_next(job, row.raw)
        if not _is_ready(run):
            self._ended.append(run)
            return
        assert run.handler is not None
        if run.handler.is_async:
            self._loop.submit(run)
        elif self.binding.slots == 1 and run.deadline is None:
            # The only slot: nobody waits for this thread, and a hand-over would cost more than many handlers.
            self.announcer.begins(run)
            call(run)
            self._ended.append(run)
        else:
            self._threads.submit(run)

    # Sleeping

    def _sleep(self, want: int) -> None:
        if not self.running and self._idle_ends():
            return
        now = time.monotonic()
        # With all slots busy the limiter's window does not matter: the end of a run rings.
        opens = self._limited_until if want else float("inf")
        deadlines = (run.deadline for run in self.running.values() if run.deadline)
        until = min([now + LOOK_EVERY_S, self._next_due, opens, *deadlines])
        try:
            if want and not self._marker.is_pending:
                self._marker.begin(self.queue.settings.drain_delay)
            rung, answered = sleep(self._bell, self._marker, until - now)
            if rung:
                self._bell.silence()
            if answered and self._marker.take():
                self._must_fetch = True
                if not want:
                    set_marker(self.queue.store)  # all slots are busy: this job is somebody else's
            elif not rung and not answered:
                self._must_fetch = True
        except (RedisError, OSError):
            # The next step meets the same fault and says so.
            self._marker.drop()
            self._must_fetch = True

    def _idle_ends(self) -> bool:
        """Note that there is nothing to do; True if that ends this worker."""
        now = time.monotonic()
        if not self.is_idle:
            self.is_idle = True
            self.last_busy = now
        limits = self.limits
        if (
            limits.burst
            or limits.is_used_up
            or (limits.max_idle_s is not None and now - self.last_busy >= limits.max_idle_s)
        ):
            self._on_idle()
        return self._stopping.is_set()

    def _close(self) -> None:
        self._threads.close()
        self._loop.close()
        self._marker.drop()
        self._steps.connection.drop()
        self._bell.close()


def _is_ready(run: Run) -> bool:
    try:
        return prepare(run)
    except Exception as error:
        # Something stored that nobody foresaw: this job fails, its slot goes on.
        run.error = UnreadableJob(f"Job {run.job.rq_id} cannot be run: {error!r}")
        return False


def _seconds_until(reply: StepReply, moment_ms: int | None) -> float:
    return float("inf") if moment_ms is None else max(0.0, (moment_ms - reply.now_ms) / 1000)
