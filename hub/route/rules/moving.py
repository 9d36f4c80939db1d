"""When a decision may be changed by itself: never for little, never for a worse promise."""

from typing import Final

from hub.route.rules.instance import Objective

LEAST_GAIN_MINOR: Final = 100
LEAST_GAIN_PERCENT: Final = 3
"""Of what it costs now. Below either, moving to and fro would cost more attention than it saves."""


def is_worth_moving(now: Objective, then: Objective) -> bool:
    """Tell whether what was decided may give way to something else.

    A promise is never made worse to save money: nothing more may stay unserved and nothing may be later.
    """
    if (then.unserved, then.late) != (now.unserved, now.late):
        return (then.unserved, then.late) < (now.unserved, now.late)
    gain = now.minor - then.minor
    return gain > LEAST_GAIN_MINOR and gain * 100 > LEAST_GAIN_PERCENT * now.minor
