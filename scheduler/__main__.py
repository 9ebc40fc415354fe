"""``python -m scheduler``: one scheduler process for all queues of the application."""

from __future__ import annotations

import logging
import os
import sys

from bthwani_jobs import Queue
from bthwani_jobs.store.connection import client
from processors import contracts
from processors.settings import InvalidSettings, Settings

from .repeatables import REPEATABLES
from .scheduler import Scheduler


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        settings = Settings.from_env(os.environ)
    except InvalidSettings as error:
        print(error, file=sys.stderr)
        return 2
    connection = client(settings.redis_url)
    options = contracts.default_job_options(settings)
    queues = [Queue(name, connection, default_job_options=options) for name in contracts.QUEUES]
    scheduler = Scheduler(queues, connection)
    scheduler.run(table=REPEATABLES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
