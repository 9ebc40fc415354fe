"""What a new SQLite file has on its shelves, so that a first order can be placed."""

from __future__ import annotations

from sqlalchemy.orm import Session

from processors.records import Product, User

MERCHANT_EMAIL = "merchant@bthwani.example"

#: sku, Arabic name, English name, price in minor units, stock
PRODUCTS = (
    ("HONEY-SIDR-500", "عسل سدر دوعني 500 غم", "Sidr honey from Do'an, 500 g", 1_850_000, 40),
    ("COFFEE-KHAWLANI-250", "بُنّ خولاني محمّص (250 غم)", "Khawlani coffee, roasted (250 g)", 420_050, 120),
    ("BREAD-MULAWAH-5", "خبز ملوّح، 5 أرغفة", "Mulawah bread, 5 loaves", 75_000, 300),
    ("MANDI-LAMB-FAMILY", "مندي لحم عائلي", "Lamb mandi, family size", 1_400_000, 25),
    ("DATES-SOLD-OUT", "تمر برحي (نفدت الكمية)", "Barhi dates (sold out)", 300_000, 0),
)


def install(session: Session) -> None:
    """Add the products and the merchant who sells them; nobody can log in as that merchant."""
    merchant = User(email=MERCHANT_EMAIL, full_name="متجر بثواني", password_hash="!")
    session.add(merchant)
    session.flush()
    session.add_all(
        Product(
            sku=sku, name_ar=name_ar, name_en=name_en, price_minor=price, stock=stock, merchant_id=merchant.id
        )
        for sku, name_ar, name_en, price, stock in PRODUCTS
    )
