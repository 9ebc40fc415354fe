"""What the launcher itself says, in English and Arabic."""

from __future__ import annotations

from pathlib import Path

from launcher.paths import shown
from launcher.plan import Plan
from launcher.preflight import without_password

STAYS = (
    "Everything runs; the lines below are its own. Ctrl-C stops it all.  ·  كل شيء يعمل، و Ctrl-C يوقفه.\n"
)


def banner(planned: Plan, took_s: float) -> str:
    """Where everything is, once it is ready."""
    environ, settings = planned.environ, planned.settings
    where = without_password(planned.redis_url)
    store = f"{where}, embedded; data kept in {shown(settings.data_dir)}" if planned.store_command else where
    lines = [
        f"Bthwani is ready after {took_s:.1f} s.  ·  بثواني جاهزة",
        *(f"  note       {note}" for note in planned.notes),
        f"  API        {planned.base_url}",
        f"  dashboard  {planned.base_url}/admin/queues",
        f"  sign in    {environ['ADMIN_EMAIL']}   {environ['ADMIN_PASSWORD']}",
        f"  Redis      {store}",
        f"  processes  {', '.join(planned.commands)}; logs in {shown(settings.data_dir / 'logs')}",
    ]
    return "\n".join(lines)


def stopping(grace_s: int) -> str:
    return (
        f"Stopping: jobs in hand are finished first, {grace_s} s at most; Ctrl-C again does not wait.  ·  "
        "جارٍ الإيقاف بعد إنهاء الأعمال الجارية"
    )


def stopped(killed: list[str], data_dir: Path) -> str:
    if killed:
        return (
            f"Stopped. {', '.join(killed)} had to be killed; unfinished jobs are run again at the next start."
        )
    return f"Stopped; nothing is left running. Data is kept in {shown(data_dir)}.  ·  تم الإيقاف"


def demo_failed(hopeless: set[str], logs: Path) -> str:
    dying = f"{', '.join(sorted(hopeless))} cannot be kept alive. " if hopeless else ""
    return f"\nThe demonstration failed; the reason is above. {dying}What was said is in {shown(logs)}."
