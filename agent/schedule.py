"""When a machine offers: days and hours, by the clock on the wall of a time zone."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK = tuple(Day)


class Hours(BaseModel):
    """One `[[schedule]]`: on these days from `opens` until `closes`, local time of `time_zone`.

    Where `closes` is not after `opens` it is meant of the next day: 22:00 to 06:00 is a night, 00:00 to 00:00 a day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: tuple[Day, ...] = Field(default=WEEK, min_length=1)
    opens: time = time(0)
    closes: time = time(0)
    time_zone: str
    """A name of the IANA database, such as `Europe/Paris`."""

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
            raise ValueError(f"{name!r} is no time zone such as Europe/Paris") from error
        except KeyError as error:
            raise ValueError(f"{name!r} is no time zone that this machine knows, such as Europe/Paris") from error
        return name

    @field_validator("opens", "closes")
    @classmethod
    def _local(cls, given: time) -> time:
        if given.tzinfo is not None:
            raise ValueError("is local time; say the zone as time_zone")
        return given

    def holds(self, now: float) -> bool:
        """Whether it is open at the unix time `now`."""
        local = datetime.fromtimestamp(now, ZoneInfo(self.time_zone))
        today, yesterday = WEEK[local.weekday()], WEEK[(local - timedelta(days=1)).weekday()]
        clock = local.time()
        if self.opens < self.closes:
            return today in self.days and self.opens <= clock < self.closes
        return (today in self.days and clock >= self.opens) or (yesterday in self.days and clock < self.closes)


def is_open(schedule: Sequence[Hours], now: float) -> bool:
    """Whether the machine offers at the unix time `now`. Without any hours it always does."""
    return not schedule or any(hours.holds(now) for hours in schedule)
