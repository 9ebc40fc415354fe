from __future__ import annotations

from dataclasses import replace

import pytest

from processors.gateways.invoices import InvoiceDocument, document_for, rendered
from processors.records import Order


@pytest.fixture
def document(paid: Order) -> InvoiceDocument:
    return document_for(paid)


def test_an_invoice_has_the_orders_lines_and_total(document: InvoiceDocument, paid: Order) -> None:
    assert (document.number, document.order_number) == (f"INV-{paid.id:06d}", paid.number)
    assert [(line.quantity, line.unit_price, line.total) for line in document.lines] == [
        ("2", "18,500.00", "37,000.00"),
        ("3", "750.00", "2,250.00"),
    ]
    assert document.total == "39,250.00"


def test_the_same_invoice_gives_the_same_bytes(document: InvoiceDocument) -> None:
    pdf = rendered(document)
    assert pdf.startswith(b"%PDF-") and b"IBMPlexSansArabic" in pdf
    assert rendered(document) == pdf
    assert rendered(replace(document, total="1.00")) != pdf


def test_what_a_customer_writes_is_never_run(document: InvoiceDocument) -> None:
    for text in ('#panic("ran")', "#include", "$x", "*", "[", "/*", "\\"):
        assert rendered(replace(document, customer_name=text, delivery_address=text)).startswith(b"%PDF-")


def test_a_long_order_goes_on_to_further_pages(document: InvoiceDocument) -> None:
    long = rendered(replace(document, lines=document.lines * 30))
    assert len(long) > len(rendered(document))
