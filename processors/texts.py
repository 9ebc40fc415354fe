"""What customers read, in Arabic and in English, and the isolation of ids and amounts inside Arabic."""

from __future__ import annotations

import re

from processors.records import OrderStatus, RefusalReason

DIRECTIONS = {"ar": "rtl", "en": "ltr"}

LEFT_TO_RIGHT_ISOLATE = "\u2066"
END_OF_ISOLATE = "\u2069"
NO_BREAK_SPACE = "\u00a0"
LONG_NUMBER = re.compile(r"\+?\d[\d -]{4,}\d")

MESSAGES = {
    "ar": {
        "brand": "بثواني",
        "tagline": "كل ما تحتاجه يصل إليك",
        "automatic": "هذه رسالة آلية، لا حاجة إلى الرد عليها.",
        "greeting": "مرحبًا {name}،",
        "item": "الصنف",
        "quantity": "الكمية",
        "amount": "المبلغ",
        "total": "الإجمالي",
        "currency": "ر.ي",
        "address": "عنوان التوصيل",
        "order-number": "رقم الطلب",
        "order-date": "التاريخ (بتوقيت عدن)",
        "welcome.subject": "أهلًا بك في بثواني",
        "welcome.body": (
            "تم إنشاء حسابك بنجاح. يمكنك الآن الطلب من المتاجر القريبة منك، ومتابعة طلباتك خطوة بخطوة."
        ),
        "confirmation.subject": "تأكيد طلبك رقم {number}",
        "confirmation.body": "تم تأكيد طلبك رقم {number}، وهذه تفاصيله. سنخبرك حين ينطلق إليك.",
        "update.processed.title": "طلبك جاهز للتأكيد",
        "update.processed.body": "حجزنا أصناف طلبك رقم {number} ودُفع ثمنها من محفظتك. بقي أن تؤكده.",
        "update.confirmed.title": "تم تأكيد طلبك",
        "update.confirmed.body": "طلبك رقم {number} قيد التحضير الآن.",
        "update.refused.title": "تعذّر تنفيذ طلبك",
        "update.refused.body": "لم نتمكن من تنفيذ طلبك رقم {number}: {reason}. لم يُخصم منك شيء.",
        "refusal.out_of_stock": "نفدت كمية أحد الأصناف",
        "refusal.insufficient_funds": "رصيد المحفظة لا يكفي",
        "status.pending": "بانتظار المعالجة",
        "status.processing": "قيد المعالجة",
        "status.processed": "بانتظار التأكيد",
        "status.refused": "مرفوض",
        "status.confirmed": "مؤكد",
        "reminder.title": "تذكير",
        "merchant.title": "طلب جديد",
        "merchant.body": "طلب جديد رقم {number}. يرجى تجهيزه.",
    },
    "en": {
        "brand": "Bthwani",
        "tagline": "Everything you need, delivered",
        "automatic": "This message was sent automatically; there is no need to answer it.",
        "greeting": "Hello {name},",
        "item": "Item",
        "quantity": "Quantity",
        "amount": "Amount",
        "total": "Total",
        "currency": "YER",
        "address": "Delivery address",
        "order-number": "Order no.",
        "order-date": "Date (Asia/Aden)",
        "welcome.subject": "Welcome to Bthwani",
        "welcome.body": "Your account is ready. You can now order from shops near you and follow each order.",
        "confirmation.subject": "Your order {number} is confirmed",
        "confirmation.body": "Your order {number} is confirmed. We will tell you when it leaves.",
        "update.processed.title": "Your order awaits your confirmation",
        "update.processed.body": "The items of {number} are reserved and paid. Please confirm the order.",
        "update.confirmed.title": "Your order is confirmed",
        "update.confirmed.body": "Order {number} is being prepared.",
        "update.refused.title": "Your order could not be fulfilled",
        "update.refused.body": "We could not fulfil order {number}: {reason}. You were not charged.",
        "refusal.out_of_stock": "one of its items is sold out",
        "refusal.insufficient_funds": "the balance of your wallet is too low",
        "status.pending": "pending",
        "status.processing": "in work",
        "status.processed": "awaiting confirmation",
        "status.refused": "refused",
        "status.confirmed": "confirmed",
        "reminder.title": "Reminder",
        "merchant.title": "New order",
        "merchant.body": "New order {number}. Please prepare it.",
    },
}


def text(language: str, key: str, **values: str) -> str:
    return MESSAGES[language][key].format(**values)


def isolated(language: str, value: str) -> str:
    """An id, a date, a phone number or an amount: inside Arabic it must keep its own direction."""
    if DIRECTIONS[language] == "ltr":
        return value
    return f"{LEFT_TO_RIGHT_ISOLATE}{value}{END_OF_ISOLATE}"


def with_numbers_isolated(written: str) -> str:
    """What a customer wrote, with its phone numbers kept in one piece and from being turned around."""
    return LONG_NUMBER.sub(lambda number: isolated("ar", number[0].replace(" ", NO_BREAK_SPACE)), written)


def refusal(language: str, reason: RefusalReason) -> str:
    return text(language, f"refusal.{reason}")


def order_update(
    language: str, number: str, status: OrderStatus, reason: RefusalReason | None
) -> tuple[str, str]:
    """Title and body for a change that a customer is told of: processed, refused or confirmed."""
    why = "" if reason is None else refusal(language, reason)
    body = text(language, f"update.{status}.body", number=isolated(language, number), reason=why)
    return text(language, f"update.{status}.title"), body
