"""What a line speaks about, so that an answer fits what it answers.

A line of the phrase files may be said in a thread when everything specific that it names (water, an invoice,
a beeping machine) has come up there. Words of both languages, in lower case.
"""

import re

from demo.company import PRODUCTS

_TOPICS = {
    "water": r"\bwater\b|floor|\bleak|\bseals?\b|puddle|\blake\b|wasser|boden|parkett|dichtung|undicht|pfütze|"
    r"l7-|\{batch\}",
    "delivery": r"deliver|warehouse|carrier|truck|driver|parcel|tracking|dispatch|liefer|spedition|paket|"
    r"fahrer|lager\b",
    "order": r"\{order\}|order number|bestellnummer",
    "part": r"spare part|replacement|ersatzteil|ersatzgerät|austauschgerät|the part\b|das teil\b",
    "technician": r"technician|techniker|repair appointment|appointment|termin\b",
    "phone": r"phone|hotline|on hold|\bcall(s|ed|ing)?\b|telefon|warteschleife|hotline|anruf|rückruf|leitung",
    "invoice": r"invoice|rechnung|refund|erstatt|gutschrift|voucher|gutschein",
    "receipt": r"receipt|proof of purchase|kaufbeleg|kassenbon|quittung|kaufnachweis",
    "beep": r"beep|piep|piept|signalton|melody|melodie|switch off the sounds",
    "E17": r"\be17\b",
    "app": r"\bapp\b|pairing|\bpair\b|firmware|wi-?fi|wlan|2\.4|2,4|koppel|bluetooth|connect\b|ohne konto",
    "filter": r"\bfilter|flusensieb|\bsieb\b",
    "pump": r"\bpump",
    "smell": r"smell|stink|riech|geruch",
    "door": r"\bhinge|türanschlag|anschlag",
    "store": r"\bstore\b|\{shop\}|filiale|laden\b|verkäufer|showroom|beratung",
    "campaign": r"quietspin|leisewäscht|dancer|dancing|tänzer|tanz|commercial|\bfilm\b|werbespot|tv spot",
    "cat": r"\bcat\b|katze|kater\b",
    "cake": r"cake|kuchen|torte",
    "photo": r"that photo|dieses foto|das foto|foto ist|schönes foto",
    "idea": r"\bidea\b|suggestion|wunschliste|vorschlag|idee|anregung",
    "award": r"five stars for you|fünf sterne",
    "salt": r"rinse aid|klarspüler|\bsalz\b|\bsalt\b",
    "descale": r"descal|entkalk",
    "wander": r"transport bolts|transportsicher|wander",
    "employer": r"shift|schicht|works council|betriebsrat|restructur|umstruktur",
    "second_repair": r"failed repair|two repairs|second repair|zweite reparatur|reparaturversuch",
    "noise": r"geräusch|noise|brumm|klapper|rattl|gurgel|gluck|loud\b|\blaut\b|sounds like|helicopter|hubschrauber",
    "move": r"umzug|umzieh|moving house|move abroad",
    "family": r"\\boma\\b|\\bopa\\b|grandma|grandpa|generation",
    "tone": r"den ton|textbaustein|standard text|copy-paste|silence on our side",
    "wrong_info": r"falsche auskunft|basket|korb\\b|sendungsnummer",
    "night": r"night-time|nachts",
    "technical_display": r"display say|display show|display steht|display an\b",
    "weekend": r"weekend|wochenende",
    "monday": r"\bmonday\b|\bmontag\b",
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in _TOPICS.items()}

# Words that belong to one product even where its name is not said; names and nicknames first.
_PRODUCT_WORDS = {
    "Lavia 7": r"\blavia|waschmaschine|washing machine|spin cycle|schleuder|trommel|\bdrum\b|laundry|wäsche\b|waschk|"
    r"detergent",
    "Claro 45": r"\bclaro|spülmaschine|geschirr|dishwasher|dishes|gläser|rinse aid|klarspüler|cutlery|besteck",
    "Frisko 300": r"\bfrisko|kühlschrank|kühlt|fridge|salad|gemüsefach|gefrierfach|vegetables",
    "Barista Uno": r"\bbarista|kaffee|espresso|cappuccino|milchschlauch|milk|coffee|milchschaum|crema|descal|entkalk",
    "Volto S": r"\bvolto|staubsauger|saugkraft|sauger\b|vacuum|suction|saugt|hoover",
    "Forna Plus": r"\bforna|backofen|\bofen\b|\boven\b|pyroly|gebacken|backblech|baking|pizza",
}
_PRODUCT_PATTERNS = {name: re.compile(pattern) for name, pattern in _PRODUCT_WORDS.items()}
assert list(_PRODUCT_WORDS) == [product.name for product in PRODUCTS]  # noqa: S101 - the two lists go together


def topics(text: str) -> frozenset[str]:
    """The specific subjects that `text` names."""
    text = text.lower()
    return frozenset(name for name, pattern in _PATTERNS.items() if pattern.search(text))


def products(text: str) -> tuple[str, ...]:
    """The names of the products that `text` speaks of, by name or by what they do, in the order of PRODUCTS."""
    text = text.lower()
    return tuple(name for name, pattern in _PRODUCT_PATTERNS.items() if pattern.search(text))
