"""Whether this process can serve: its Redis and its database answer."""

from __future__ import annotations

import logging

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from processors.database import Database

logger = logging.getLogger(__name__)


class Health:
    def __init__(self, redis: Redis, database: Database) -> None:
        self._redis = redis
        self._database = database

    def checks(self) -> dict[str, bool]:
        """Each dependency, and whether it answers."""
        return {"redis": self._redis_answers(), "database": self._database_answers()}

    def _redis_answers(self) -> bool:
        try:
            return bool(self._redis.ping())
        except (RedisError, OSError) as error:
            logger.warning("Redis does not answer: %s", error)
            return False

    def _database_answers(self) -> bool:
        try:
            with self._database.reading() as session:
                session.execute(text("SELECT 1"))
            return True
        except (SQLAlchemyError, OSError) as error:
            logger.warning("The database does not answer: %s", error)
            return False
