"""What can be ordered."""

from __future__ import annotations

from sqlalchemy import select

from processors.database import Database
from processors.records import Product


class Catalogue:
    def __init__(self, database: Database) -> None:
        self._database = database

    def products(self) -> list[Product]:
        with self._database.reading() as session:
            return list(session.scalars(select(Product).order_by(Product.id)))
