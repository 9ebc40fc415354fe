"""Invoices as PDF. The same order always gives the same bytes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import fontpkg_ibm_plex_sans_arabic
import typst

from processors.files import write_whole
from processors.money import formatted
from processors.records import Order
from processors.settings import BUSINESS_TIMEZONE
from processors.texts import with_numbers_isolated

TEMPLATE = Path(__file__).parent.parent / "templates" / "invoice.typ"
FONTS = fontpkg_ibm_plex_sans_arabic.ROOT / "files"


@dataclass(frozen=True)
class InvoiceLine:
    name_ar: str
    name_en: str
    quantity: str
    unit_price: str
    total: str


@dataclass(frozen=True)
class InvoiceDocument:
    """What is printed, all of it text."""

    number: str
    order_number: str
    date: str
    time: str
    customer_name: str
    customer_email: str
    customer_phone: str
    delivery_address: str
    lines: list[InvoiceLine]
    total: str
    issued_at: datetime


class Invoices(Protocol):
    def write(self, document: InvoiceDocument) -> Path:
        """Make the PDF and return its file; a second call replaces it by the same bytes."""


class TypstInvoices:
    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "invoices"
        self.scratch = data_dir / "tmp"

    def write(self, document: InvoiceDocument) -> Path:
        path = self.folder / f"{document.number}.pdf"
        write_whole(path, rendered(document), scratch=self.scratch)
        return path


def rendered(document: InvoiceDocument) -> bytes:
    """The PDF. Texts are data to the template, never markup; fonts of the machine play no part."""
    data = asdict(document) | {"issued_at": None}
    return typst.compile(
        TEMPLATE,
        font_paths=[FONTS],
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"invoice": json.dumps(data, ensure_ascii=False)},
        timestamp=int(document.issued_at.timestamp()),
    )


def document_for(order: Order) -> InvoiceDocument:
    """The invoice of an order, dated when the order was decided, by the clock of Aden."""
    issued_at = (order.decided_at or order.created_at).astimezone(ZoneInfo(BUSINESS_TIMEZONE))
    lines = [
        InvoiceLine(
            name_ar=item.name_ar,
            name_en=item.name_en,
            quantity=str(item.quantity),
            unit_price=formatted(item.unit_price_minor),
            total=formatted(item.line_minor),
        )
        for item in order.items
    ]
    return InvoiceDocument(
        number=f"INV-{order.id:06d}",
        order_number=order.number,
        date=f"{issued_at:%Y-%m-%d}",
        time=f"{issued_at:%H:%M}",
        customer_name=order.user.full_name,
        customer_email=order.user.email,
        customer_phone=order.user.phone or "",
        delivery_address=with_numbers_isolated(order.delivery_address),
        lines=lines,
        total=formatted(order.total_minor),
        issued_at=issued_at,
    )
