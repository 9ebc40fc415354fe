"""Taking money. The wallet lies in the application's database, so paying and reserving commit together."""

from __future__ import annotations

from typing import Any, Protocol, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from processors.records import Order, User, WalletEntry


class Payments(Protocol):
    def take(self, session: Session, order: Order) -> bool:
        """Debit the order's total in the session's transaction. False: too little money, nothing taken."""


class WalletPayments:
    def take(self, session: Session, order: Order) -> bool:
        """A second entry for the same order breaks a unique key and so the whole transaction."""
        debit = (
            update(User)
            .where(User.id == order.user_id, User.wallet_balance_minor >= order.total_minor)
            .values(wallet_balance_minor=User.wallet_balance_minor - order.total_minor)
        )
        if cast("CursorResult[Any]", session.execute(debit)).rowcount == 0:
            return False
        entry = WalletEntry(user_id=order.user_id, order_id=order.id, amount_minor=-order.total_minor)
        session.add(entry)
        session.flush()
        return True
