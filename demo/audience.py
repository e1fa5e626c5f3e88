"""What a platform would report about one of the company's accounts for one day, from what happens in the world."""

from demo.company import DAYS
from demo.world import World


def followers(world: World, channel: str, day: int) -> int:
    """How many follow the account at the end of `day`; the last day's number is the account's own."""
    return world.company(channel).followers - 4 * (DAYS - 1 - day) - (DAYS - 1 - day) ** 2 // 40


def daily(world: World, channel: str, day: int) -> dict[str, int]:
    """Counts for `day` (0 is the first): views, impressions, reach, clicks, profile_views, engagements, new_followers.

    A message's views come half on its own day and fade over four days; rounding makes no two days equal by accident.
    """
    totals = dict.fromkeys(("views", "impressions", "reach", "clicks", "engagements"), 0.0)
    for age, share in ((3, 0.1), (2, 0.15), (1, 0.25), (0, 0.5)):
        for message in world.own_by_day[channel].get(day - age, ()):
            for name in ("views", "impressions", "reach", "clicks"):
                totals[name] += share * (getattr(message, name) or 0)
            totals["engagements"] += share * (message.favourites + message.shares + len(message.replies))
    counts = {name: int(value) for name, value in totals.items()}
    counts["profile_views"] = 20 + counts["engagements"] // 3 + day * 37 % 11
    counts["new_followers"] = max(0, followers(world, channel, day) - followers(world, channel, day - 1))
    return counts
