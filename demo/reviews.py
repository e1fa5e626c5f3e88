"""Reviews: of appliances in a shop, of the company's places on the map, and of the company as an employer."""

import re
from datetime import timedelta
from functools import cache

from demo.company import DAYS, JOBS, LOCATIONS, PLANTS, PRODUCTS, STORIES, last_moment
from demo.dialogue import company_reply, say
from demo.messages import Message
from demo.phrases import Line, deal
from demo.rhythm import answered_at, batch_heat, delivery_load, employer_heat, poisson, private_moment
from demo.scene import Scene, Stage, pick, weighted

_SOCIAL = re.compile(r"[@#]|\{mention\}|\bDM\b|thread|weidenfels, |frage|question|anyone|jemand", re.IGNORECASE)
_BORROWED = {1: "complaint_product", 2: "complaint_product", 4: "praise_product", 5: "praise_product"}
_STATUS = ("Angestellte/r oder Arbeiter/in", "Ex-Angestellte/r", "Auszubildende/r", "Führungskraft", "Bewerber/in")


def shop_reviews(stage: Stage, per_day: float) -> None:
    """Fill `stage` with product reviews; a third are answered, some edited, some deleted later."""
    for day in range(DAYS):
        for _ in range(poisson(stage.rng, per_day * (1 + 1.1 * batch_heat(day)))):
            _shop_review(stage, day)


def _shop_review(stage: Stage, day: int) -> None:
    rng, phrases = stage.rng, stage.phrases
    language = "de" if rng.random() < 0.62 else "en"
    about_batch = rng.random() < 0.45 * min(1.0, batch_heat(day))
    late = rng.random() < 0.12 * delivery_load(day)
    stars = 1 if about_batch else int(weighted(rng, {"5": 40, "4": 25, "3": 12, "2": 9, "1": 14 + 20 * late}))
    scene = Scene(stage, language, at=private_moment(rng, day))
    scene.product = "Lavia 7" if about_batch else weighted(rng, {product.name: 1.0 for product in PRODUCTS})
    lines = list(phrases.lines(language, f"review_product_{stars}"))
    if stars in _BORROWED:
        borrowed = phrases.lines(language, _BORROWED[stars])
        lines += [line for line in borrowed if _is_for_reviews(line.text) and (stars in (1, 5) or len(line.text) > 70)]
    if about_batch:
        lines = [line for line in lines if "water" in line.topics]
        lines += [line for line in phrases.lines(language, "story_faulty_batch") if _is_for_reviews(line.text)]
    elif late and stars <= 2:
        lines = [line for line in phrases.lines(language, "story_delivery") if _is_for_reviews(line.text)]
    line = scene.choose(lines, is_opening=True)
    if line is None:
        return
    author = stage.people.somebody(language, again=0.12)
    review = say(scene, author, private_moment(rng, day), _body(scene, line, stars), f"review_product_{stars}", None)
    if review is None:
        return
    titles = [t for t in phrases.lines(language, "review_title") if t.fields[0] == str(stars)]
    own_title = line.fields[0] if len(line.fields) > 1 and line.uses <= 2 else deal(rng, titles).text
    review.title = scene.words(own_title, author) if rng.random() < 0.93 else None
    review.rating, review.favourites = float(stars), int(2.2 * rng.random() ** 4 * (6 - stars) * 3)
    review.details = {"verified": "true" if rng.random() < 0.82 else "false", "store": scene.words("{shop}")}
    _afterwards(scene, review, stars)


def _body(scene: Scene, line: Line, stars: int) -> str:
    """The text of a review: a line, often with something about the reviewer before or after it."""
    rng = scene.rng
    text = line.text
    for _ in range(2 if rng.random() < 0.25 else 1 if rng.random() < 0.55 else 0):
        mark = "+" if stars >= 4 else "-" if stars <= 2 else " "
        contexts = scene.stage.phrases.lines(scene.language, "review_context")
        options = [c for c in contexts if c.text[0] not in "+-" or c.text[0] == mark]
        context = scene.choose(c for c in options if not c.slots & line.slots)
        if context is None:
            break
        words = context.text.lstrip("+- ")
        text = f"{words} {text}" if rng.random() < 0.3 and words[0] != "(" else f"{text} {words}"
    return text


def _afterwards(scene: Scene, review: Message, stars: int) -> None:
    rng = scene.rng
    if rng.random() < {1: 0.62, 2: 0.5, 3: 0.25, 4: 0.12, 5: 0.2}[stars]:
        kind = "thanks" if stars >= 4 else weighted(rng, {"apology": 0.7, "help": 0.3})
        scene.topics.update(("receipt",))
        company_reply(scene, review, kind)
    fate = rng.random()
    later = answered_at(rng, review.created_at) + timedelta(hours=20 * rng.random())
    if later >= last_moment():
        return
    if fate < 0.06:
        review.is_deleted, review.edited_at = True, later
    elif fate < 0.15:
        lines = scene.stage.phrases.lines(scene.language, "edit_suffix")
        line = scene.choose(line for line in lines if "photo" not in line.text and "Foto" not in line.text)
        if line is not None:
            review.old_text, review.edited_at = review.text, later
            review.text += scene.words(line.text)
            if stars <= 2 and rng.random() < 0.3:
                review.details["old_rating"], review.rating = str(stars), float(stars + 2)


def place_reviews(stage: Stage, per_day: float) -> None:
    """Fill `stage` with reviews of the company's stores and its service point; many are stars without a word."""
    for day in range(DAYS):
        for _ in range(poisson(stage.rng, per_day * (1 + 0.5 * delivery_load(day) + 0.5 * batch_heat(day)))):
            _place_review(stage, day)


def _place_review(stage: Stage, day: int) -> None:
    rng, phrases = stage.rng, stage.phrases
    language = "de" if rng.random() < 0.8 else "en"
    location = pick(rng, LOCATIONS)
    stars = int(weighted(rng, {"5": 44, "4": 17, "3": 9, "2": 8, "1": 20 + 15 * delivery_load(day)}))
    scene = Scene(stage, language, at=private_moment(rng, day), shop=location.city)
    text = ""
    if rng.random() >= (0.45 if stars >= 4 else 0.2):
        files = {4: ("shop_praise", "praise_service"), 2: ("shop_complaint", "complaint_service")}
        names = files.get(4 if stars >= 4 else 2, ()) if stars != 3 else ("review_product_3",)
        lines = [line for name in names for line in phrases.lines(language, name) if _is_for_reviews(line.text)]
        line = scene.choose([line for line in lines if not line.slots & {"city", "order"}], is_opening=True)
        text = _body(scene, line, stars) if line else ""
    author = stage.people.somebody(language, again=0.08)
    review = say(scene, author, private_moment(rng, day), text, f"review_place_{stars}", None)
    if review is None:
        return
    review.rating = float(stars)
    review.details = {"location": location.name} | ({"anonymous": "true"} if rng.random() < 0.05 else {})
    if rng.random() < ({1: 0.7, 2: 0.6, 3: 0.3}.get(stars, 0.3) if text else 0.12):
        company_reply(scene, review, "thanks" if stars >= 4 else "apology")
    later = answered_at(rng, review.created_at) + timedelta(hours=20 * rng.random())
    if text and rng.random() < 0.09 and later < last_moment():
        review.old_text, review.edited_at = review.text, later
        if stars <= 2:
            review.details["old_rating"], review.rating = str(stars), float(stars + 2)
        suffixes = phrases.lines(language, "edit_suffix")
        suffix = scene.choose(line for line in suffixes if "photo" not in line.text and "Foto" not in line.text)
        review.text += scene.words(suffix.text) if suffix else " Update."


def employer_reviews(stage: Stage, per_day: float) -> None:
    """Fill `stage` with reviews by employees, former employees and applicants, mostly German."""
    rng = stage.rng
    for day in range(DAYS):
        storm = employer_heat(day)
        for _ in range(poisson(rng, per_day * (1 + 9 * storm))):
            weights = {"good": 0.5, "mixed": 0.4, "storm": 6 * storm + (0.1 if day >= STORIES["employer"].onset else 0)}
            _employer_review(stage, day, weighted(rng, weights))


def _employer_review(stage: Stage, day: int, mood: str) -> None:
    rng = stage.rng
    language = "de" if rng.random() < 0.88 else "en"
    scene = Scene(stage, language)
    lines = stage.phrases.lines(language, f"review_employer_{mood}")
    title, pros, cons = (deal(rng, lines).fields[n] for n in range(3))
    plant = "Fulda" if mood == "storm" else pick(rng, PLANTS)
    slots_from = scene.words
    author = stage.people.somebody(language, again=0.0)
    review = scene.say(author, private_moment(rng, day), "", f"review_employer_{mood}")
    if review is None:
        return
    centre = {"good": 4.3, "mixed": 3.1, "storm": 1.6}[mood]
    review.title = slots_from(title)
    review.rating = min(5.0, max(1.0, round(rng.gauss(centre, 0.45), 1)))
    review.details = {
        "pros": slots_from(pros) if rng.random() < 0.94 else "",
        "cons": slots_from(cons) if rng.random() < 0.96 else "",
        "status": _STATUS[0] if rng.random() < 0.6 else pick(rng, _STATUS),
        "place": plant,
        "job": pick(rng, JOBS["de"]) if rng.random() < 0.6 else "",
        "recommends": "" if rng.random() < 0.1 else "Ja" if review.rating >= 3.2 else "Nein",
    }
    review.text = "\n".join(part for part in (review.details["pros"], review.details["cons"]) if part)


def finish_reviews(stage: Stage, prefix: str) -> list[Message]:
    """Number the reviews and answers of a stage in the order of time; returns them in that order."""
    stage.messages.sort(key=lambda message: message.created_at)
    reviews = [message for message in stage.messages if message.parent is None]
    for number, review in enumerate(reviews, start=1):
        review.native_id = f"{prefix}-{number:05d}"
        for count, answer in enumerate(review.replies, start=1):
            answer.native_id = f"{review.native_id}-A{count}"
    return stage.messages


@cache
def _is_for_reviews(text: str) -> bool:
    return not _SOCIAL.search(text)
