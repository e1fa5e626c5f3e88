"""When people write and when the company answers: hours of the day, days of the week, stories, office hours."""

import math
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random

from demo.company import RECALL_DAY, START, STORIES, ZONE, day_of

# Weights of the 24 hours of the day (local time) and of Monday to Sunday.
_PRIVATE_HOURS = (4, 2, 1, 1, 1, 3, 9, 18, 20, 18, 18, 19, 24, 22, 18, 18, 21, 27, 34, 40, 44, 38, 24, 11)
_COMPANY_HOURS = (0, 0, 0, 0, 0, 0, 0, 2, 12, 16, 14, 12, 6, 5, 7, 9, 10, 8, 3, 1, 0, 0, 0, 0)
_WEEKDAYS = (1.12, 1.06, 1.0, 0.98, 0.95, 0.86, 1.03)
_OFFICE = {**dict.fromkeys(range(5), (8, 20)), 5: (9, 14)}  # Monday to Friday, Saturday; closed on Sunday

# Topic -> customers' messages that start a thread, on an ordinary day, on all social channels together.
BASE_RATES = {
    "praise_product": 1.3,
    "complaint_product": 1.15,
    "question_product": 1.0,
    "suggestion_product": 0.5,
    "complaint_service": 0.6,
    "praise_service": 0.5,
    "question_service": 0.55,
    "shop_praise": 0.27,
    "shop_complaint": 0.27,
    "purchase_intent": 0.45,
    "competitor_comparison": 0.4,
    "price_objection": 0.3,
    "churn_threat": 0.14,
    "neutral_mention": 0.75,
    "off_topic": 0.38,
}


def rates(day: int) -> dict[str, float]:
    """Topic -> expected number of new customer threads on `day`, weekday and stories included."""
    backlog, batch = delivery_load(day), batch_heat(day)
    found = dict(BASE_RATES)
    found["complaint_service"] *= 1 + 1.2 * backlog + 0.8 * batch
    found["question_service"] *= 1 + 0.6 * backlog
    found["churn_threat"] *= 1 + 2.5 * backlog + 3 * batch
    found["story_faulty_batch"] = 27 * batch
    found["story_campaign_praise"] = 16 * campaign_heat(day)
    found["story_campaign_irony"] = 1.3 * campaign_heat(day) + (0.45 * (backlog + batch) if day > 30 else 0)
    found["story_delivery"] = 4.8 * backlog
    found["story_employer_social"] = 8 * employer_heat(day)
    weekday = _WEEKDAYS[(START + timedelta(days=day)).weekday()]
    return {topic: rate * weekday for topic, rate in found.items()}


def batch_heat(day: int) -> float:
    """0 to 1: rises fast from the onset to the peak, wanes, flares up once with the recall, dies off."""
    story = STORIES["batch"]
    if day < story.onset:
        return 0.0
    if day <= story.peak:
        return math.pow((day - story.onset + 1) / (story.peak - story.onset + 1), 1.6)
    heat = math.exp(-(day - story.peak) / 6)
    return heat + (0.22 * math.exp(-(day - RECALL_DAY) / 1.5) if day >= RECALL_DAY else 0.0)


def campaign_heat(day: int) -> float:
    """0 to 1: a launch, one loud week, gone after two."""
    story = STORIES["campaign"]
    if day < story.onset or day > story.end:
        return 0.0
    return 0.6 if day == story.onset else math.exp(-max(0, day - story.peak) / 5)


def delivery_load(day: int) -> float:
    """0 to 1: the backlog grows for weeks and shrinks slowly."""
    story = STORIES["delivery"]
    if day < story.onset:
        return 0.0
    if day <= story.peak:
        return (day - story.onset + 1) / (story.peak - story.onset + 1)
    return max(0.35, 1 - (day - story.peak) / 24)


def employer_heat(day: int) -> float:
    """0 to 1: breaks out within days, ends as the plan is withdrawn."""
    story = STORIES["employer"]
    if day < story.onset or day > story.end:
        return 0.0
    if day <= story.peak:
        return (day - story.onset + 1) / (story.peak - story.onset + 1)
    return math.exp(-(day - story.peak) / 5)


def poisson(rng: Random, mean: float) -> int:
    """How many of something that happens `mean` times on average (Knuth's method; for small means)."""
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


_PRIVATE = tuple(accumulate(_PRIVATE_HOURS))
_COMPANY = tuple(accumulate(_COMPANY_HOURS))


def private_moment(rng: Random, day: int) -> datetime:
    """An instant (UTC) on `day` at which people write: mornings a little, noon, evenings most."""
    return _moment(rng, day, _PRIVATE)


def company_moment(rng: Random, day: int) -> datetime:
    """An instant (UTC) on `day` at which the company posts by plan."""
    return _moment(rng, day, _COMPANY)


def answered_at(rng: Random, asked: datetime) -> datetime:
    """When the company answers what was said at `asked`: some office hours later, more in the backlog."""
    day = day_of(asked)
    median = 1.6 * (1 + 5 * delivery_load(day) + 3 * min(1.0, batch_heat(day)))
    return _after_office_hours(asked, median * math.exp(rng.gauss(0, 0.8)))


def reply_at(rng: Random, said: datetime, median_hours: float) -> datetime:
    """When a private person reacts to what was said at `said`; who would do so at night mostly sleeps first."""
    moment = said + timedelta(hours=max(0.01, median_hours * math.exp(rng.gauss(0, 1.1))))
    local = moment.astimezone(ZONE)
    if local.hour < 6 and rng.random() < 0.85:
        morning = local.replace(hour=6, minute=0) + timedelta(minutes=rng.random() * 200)
        return morning.astimezone(UTC)
    return moment


def _moment(rng: Random, day: int, hours: tuple[int, ...]) -> datetime:
    drawn = rng.random() * hours[-1]
    hour = next(h for h, total in enumerate(hours) if drawn < total)
    local = datetime.combine(START + timedelta(days=day), datetime.min.time(), ZONE)
    return local.replace(hour=hour).astimezone(UTC) + timedelta(milliseconds=int(rng.random() * 3_600_000))


def _after_office_hours(start: datetime, hours: float) -> datetime:
    local = start.astimezone(ZONE)
    left = timedelta(hours=hours)
    while True:
        opens, closes = _OFFICE.get(local.weekday(), (0, 0))
        begin = max(local, local.replace(hour=opens, minute=0, second=0, microsecond=0))
        end = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=closes)
        if begin < end:
            if begin + left < end:
                return (begin + left).astimezone(UTC)
            left -= end - begin
        local = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
