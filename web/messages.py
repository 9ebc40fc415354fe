"""Every sentence the API says, in Arabic and English, and the HTTP status that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LANGUAGES = ("ar", "en")


@dataclass(frozen=True)
class Message:
    """One kind of refusal: its status and its sentence in each language."""

    status: int
    en: str
    ar: str


MESSAGES = {
    "invalid_request": Message(422, "Some fields of the request are not valid.", "بعض حقول الطلب غير صحيحة."),
    "malformed_json": Message(
        400, "The request body must be a JSON object.", "يجب أن يكون محتوى الطلب كائن JSON."
    ),
    "unauthorized": Message(
        401,
        "Send a valid bearer token; log in to get one.",
        "أرسل رمز دخول صالحًا، ويمكنك الحصول عليه بتسجيل الدخول.",
    ),
    "login_required": Message(401, "Log in at /admin/login first.", "سجّل الدخول أولًا من صفحة المشرفين."),
    "wrong_credentials": Message(
        401, "The e-mail or the password is wrong.", "البريد الإلكتروني أو كلمة المرور غير صحيحة."
    ),
    "forbidden": Message(403, "Only an administrator may do this.", "هذا الإجراء متاح للمشرف فقط."),
    "cross_site": Message(
        403,
        "Changes are accepted from this site's own pages only.",
        "لا تُقبل التعديلات إلا من صفحات هذا الموقع نفسه.",
    ),
    "not_found": Message(404, "There is nothing at this address.", "لا يوجد شيء على هذا العنوان."),
    "user_not_found": Message(404, "There is no such account.", "هذا الحساب غير موجود."),
    "order_not_found": Message(404, "There is no such order.", "هذا الطلب غير موجود."),
    "product_not_found": Message(
        422, "An item names a product that is not sold here.", "أحد الأصناف غير متوفر في المتجر."
    ),
    "queue_not_found": Message(404, "There is no queue named {queue}.", "لا توجد قائمة مهام باسم {queue}."),
    "job_not_found": Message(404, "There is no such job in this queue.", "هذه المهمة غير موجودة في القائمة."),
    "method_not_allowed": Message(
        405, "This address does not accept this method.", "هذا العنوان لا يقبل طريقة الطلب هذه."
    ),
    "email_taken": Message(
        409, "An account with this e-mail exists already.", "يوجد حساب مسجّل بهذا البريد الإلكتروني."
    ),
    "order_in_progress": Message(
        409,
        "The order is still being processed; try again shortly.",
        "الطلب قيد المعالجة، حاول مرة أخرى بعد قليل.",
    ),
    "order_not_started": Message(
        503,
        "The order is stored, but its processing could not be started; confirm it in a moment.",
        "تم حفظ الطلب، لكن تعذّر بدء معالجته الآن، أكّده بعد قليل.",
    ),
    "order_refused": Message(409, "The order was refused: {reason}", "رُفض الطلب: {reason}"),
    "job_unreadable": Message(409, "RQ cannot read this job's record.", "تعذّرت قراءة سجل هذه المهمة."),
    "job_state": Message(
        409,
        "The job's present state does not allow this.",
        "حالة المهمة الحالية لا تسمح بهذا الإجراء.",
    ),
    "job_active": Message(
        409, "The job is running; wait until it ends.", "المهمة قيد التنفيذ، انتظر حتى تنتهي."
    ),
    "queue_empty": Message(409, "The queue is empty.", "قائمة المهام فارغة."),
    "too_large": Message(413, "The request is too large.", "حجم الطلب أكبر من المسموح."),
    "bad_request": Message(400, "The request cannot be understood.", "تعذّر فهم الطلب."),
    "internal": Message(
        500,
        "Something failed on our side; it has been logged.",
        "حدث خلل لدينا، وقد تم تسجيله.",
    ),
    "unavailable": Message(
        503, "The service is not ready; try again shortly.", "الخدمة غير جاهزة الآن، حاول بعد قليل."
    ),
}

#: marshmallow's own sentences and ours for single fields, by their English text.
FIELD_MESSAGES_AR = {
    "Missing data for required field.": "هذا الحقل مطلوب.",
    "Field may not be null.": "لا يجوز أن يكون هذا الحقل فارغًا.",
    "Unknown field.": "حقل غير معروف.",
    "Not a valid string.": "يجب أن تكون القيمة نصًا.",
    "Not a valid integer.": "يجب أن تكون القيمة عددًا صحيحًا.",
    "Not a valid email address.": "البريد الإلكتروني غير صالح.",
    "Not a valid list.": "يجب أن تكون القيمة قائمة.",
    "Not a valid mapping type.": "يجب أن تكون القيمة كائنًا.",
    "Invalid input type.": "نوع القيمة غير صحيح.",
    "Invalid value.": "قيمة غير صالحة.",
    "Must be one line without control characters.": "يجب أن تكون القيمة سطرًا واحدًا بلا رموز تحكم.",
    "Must not contain control characters.": "يجب ألا تحتوي القيمة على رموز تحكم.",
}


def sentence(code: str, language: str, params: Mapping[str, str | Mapping[str, str]]) -> str:
    """The text of ``code`` in ``language``, with ``params`` filled in, each one text or one by language."""
    message = MESSAGES[code]
    values = {name: value if isinstance(value, str) else value[language] for name, value in params.items()}
    return (message.ar if language == "ar" else message.en).format(**values)


def translated_details(details: Any, language: str) -> Any:
    """Validation messages, nested as marshmallow nests them, in ``language`` where we know the sentence."""
    if language != "ar":
        return details
    if isinstance(details, dict):
        return {key: translated_details(value, language) for key, value in details.items()}
    if isinstance(details, list):
        return [translated_details(value, language) for value in details]
    return FIELD_MESSAGES_AR.get(details, details) if isinstance(details, str) else details
