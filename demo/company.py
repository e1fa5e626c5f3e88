"""Weidenfels Hausgeräte, the fictional company of the demo: what it makes, where, and what happens to it.

The canonical list of the company's own words. The texts about it lie in phrases/, the seeds of the warehouse that
name its products, campaigns and plants follow this file.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

NAME = "Weidenfels"
LEGAL_NAME = "Weidenfels Hausgeräte"
ZONE = ZoneInfo("Europe/Berlin")

DAYS = 90
END = date(2026, 11, 15)
START = END - timedelta(days=DAYS - 1)  # day 0 of every story


@dataclass(frozen=True)
class Product:
    """One appliance. `hashtag` without `#`; `price` in euros; `plant` is where it is made."""

    name: str
    kind_de: str
    kind_en: str
    price: int
    hashtag: str
    plant: str

    def kind(self, language: str) -> str:
        """What the appliance is called in `language` (German also for any other language's texts)."""
        return self.kind_en if language == "en" else self.kind_de


PRODUCTS = (
    Product("Lavia 7", "Waschmaschine", "washing machine", 899, "Lavia7", "Zwickau"),
    Product("Claro 45", "Spülmaschine", "dishwasher", 749, "Claro45", "Fulda"),
    Product("Frisko 300", "Kühlschrank", "fridge", 999, "Frisko300", "Fulda"),
    Product("Barista Uno", "Kaffeemaschine", "coffee machine", 549, "BaristaUno", "Zwickau"),
    Product("Volto S", "Staubsauger", "vacuum cleaner", 329, "VoltoS", "Zwickau"),
    Product("Forna Plus", "Backofen", "oven", 1149, "FornaPlus", "Fulda"),
)
PRODUCT = {product.name: product for product in PRODUCTS}

FAULTY_BATCH = "L7-2409"  # of the Lavia 7, made in Zwickau: the door seal leaks
PLANTS = ("Fulda", "Zwickau")
STORES = {"de": ("Köln", "Hamburg", "Leipzig", "Wien"), "en": ("Cologne", "Hamburg", "Leipzig", "Vienna")}
COMPETITORS = ("Nordhaus", "Kessel & Co")
CAMPAIGN_HASHTAGS = ("LeiseWäscht", "QuietSpin")  # one campaign, its German and its English name
HASHTAGS = (NAME, *CAMPAIGN_HASHTAGS, *(product.hashtag for product in PRODUCTS))
APP = "Weidenfels Connect"

JOBS = {
    "de": (
        "Mechatroniker",
        "Industriemechanikerin",
        "Servicetechniker",
        "Fachkraft für Lagerlogistik",
        "Elektronikerin",
        "Verkäuferin",
        "Softwareentwickler",
        "Qualitätsprüferin",
    ),
    "en": (
        "mechatronics technician",
        "industrial mechanic",
        "service technician",
        "warehouse specialist",
        "electronics technician",
        "sales assistant",
        "software developer",
        "quality inspector",
    ),
}
CITIES = {
    "de": ("Kassel", "Bremen", "Nürnberg", "Erfurt", "Münster", "Graz", "Dresden", "Kiel", "Mainz", "Ulm", "Linz"),
    "en": ("Leeds", "Bristol", "Dublin", "Utrecht", "Berlin", "Munich", "Graz", "Malmö", "Cork", "Ghent", "Dresden"),
}

MASTODON_DOMAIN = "haushalt.example"  # the server on which the company has its account
MASTODON_HANDLE = "weidenfels"
BLUESKY_HANDLE = "weidenfels.test"

# The company's accounts as the other platforms name them: native id and handle.
FACEBOOK_PAGE_ID, FACEBOOK_PAGE_NAME = "104928765432101", LEGAL_NAME
INSTAGRAM_USER_ID, INSTAGRAM_USERNAME = "17841405309211844", "weidenfels"
X_USER_ID, X_USERNAME = "2244994953", "weidenfels"
YOUTUBE_CHANNEL_ID, YOUTUBE_HANDLE = "UCwdnFls1921HausgeraeteQ", "weidenfels"
LINKEDIN_ORGANIZATION_ID = "5192100"
LINKEDIN_ORGANIZATION = f"urn:li:organization:{LINKEDIN_ORGANIZATION_ID}"
GOOGLE_ACCOUNT = "accounts/109283746556473829100"


@dataclass(frozen=True)
class Location:
    """A place of the company on the map: a store or a service point. `name` as Google gives it, below the account."""

    id: str
    title: str
    city: str

    @property
    def name(self) -> str:
        return f"{GOOGLE_ACCOUNT}/locations/{self.id}"


LOCATIONS = (
    Location("8192736450917263541", "Weidenfels Store Köln", "Köln"),
    Location("3918273645091726354", "Weidenfels Store Hamburg", "Hamburg"),
    Location("5463728190918273645", "Weidenfels Servicepunkt Fulda", "Fulda"),
)


@dataclass(frozen=True)
class Story:
    """Something that happens to the company: days count from START, `peak` is the loudest day.

    `files` are the phrase files from which its messages come.
    """

    name: str
    onset: int
    peak: int
    end: int
    files: tuple[str, ...]


RECALL_DAY = 60  # statement on the faulty batch, and what owners can do
STORIES = {
    story.name: story
    for story in (
        Story("batch", 48, 55, 80, ("story_faulty_batch",)),
        Story("campaign", 20, 22, 35, ("story_campaign_praise", "story_campaign_irony")),
        Story("delivery", 30, 75, 89, ("story_delivery",)),
        Story("employer", 62, 66, 80, ("story_employer_social", "review_employer_storm")),
    )
}


def day_of(moment: datetime) -> int:
    """The number of the day, counted from START in the company's own time zone."""
    return (moment.astimezone(ZONE).date() - START).days


def first_moment() -> datetime:
    """The first instant of day 0, in UTC."""
    return datetime.combine(START, datetime.min.time(), ZONE).astimezone(UTC)


def last_moment() -> datetime:
    """The instant after the last day, in UTC: nothing is said at or after it."""
    return datetime.combine(END + timedelta(days=1), datetime.min.time(), ZONE).astimezone(UTC)
