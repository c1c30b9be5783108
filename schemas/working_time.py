"""When the organisation works: the working week, public holidays and make-up working days. Source: handbook G2, G3.

What the State Council announces late each year is a table that an admin edits; a year that is not among the announced
ones is counted by the working week alone, and whatever is worked out from it says so.
"""

from typing import Final

from schemas.base import Audience, Part, RecordSchema, choice, day, group, many, pattern, text, whole

ZONES: Final = (
    "Asia/Shanghai", "Asia/Urumqi", "Asia/Hong_Kong", "Asia/Macau", "Asia/Taipei", "Asia/Tokyo", "Asia/Seoul",
    "Asia/Singapore", "Asia/Kuala_Lumpur", "Asia/Bangkok", "Asia/Ho_Chi_Minh", "Asia/Jakarta", "Asia/Manila",
    "Asia/Kolkata", "Asia/Karachi", "Asia/Dubai", "Asia/Riyadh", "Asia/Almaty", "Asia/Tashkent", "Europe/Istanbul",
    "Europe/Moscow", "Europe/Berlin", "Europe/Paris", "Europe/London", "Africa/Cairo", "Africa/Johannesburg",
    "America/New_York", "America/Chicago", "America/Los_Angeles", "America/Mexico_City", "America/Sao_Paulo",
    "Australia/Sydney", "UTC",
)  # fmt: skip
"""Time zones of the IANA database where machines stand."""

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

WEEKDAY_LABELS: Final = dict(
    zip(
        WEEKDAYS,
        (("周一", "Monday"), ("周二", "Tuesday"), ("周三", "Wednesday"), ("周四", "Thursday"), ("周五", "Friday"),
         ("周六", "Saturday"), ("周日", "Sunday")),
        strict=True,
    )
)  # fmt: skip

DAY_TYPES: Final = ("holiday", "working_day")
DAY_TYPE_LABELS: Final = {"holiday": ("放假", "Holiday"), "working_day": ("调休上班", "Make-up working day")}

TIME_PATTERN: Final = r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z"
SPANS_MAX: Final = 28
"""Four spans of hours on each day of the week."""


class WorkingHours(Part):
    """A span of hours on one day of the week; a day may have several, such as before and after noon."""

    weekday = choice("星期", "Day of the week", WEEKDAYS, required=True)
    opens = pattern("开始", "From", TIME_PATTERN, required=True)
    closes = pattern("结束", "To", TIME_PATTERN, required=True)


class SpecialDays(Part):
    """A holiday, or weekend days that are worked to make up for one; one day or several in a row."""

    type = choice("类型", "Kind", DAY_TYPES, required=True)
    first_on = day("第一天", "First day", required=True)
    last_on = day("最后一天", "Last day")
    name = text("名称", "Name", most=80)
    name_en = text("英文名称", "Name in English", most=80)


class AnnouncedYear(Part):
    """A year whose holidays and make-up days have been announced and are in the table."""

    year = whole("年份", "Year", least=2000, most=2199, required=True)
    source = text("依据", "Announced in")


class WorkingCalendar(RecordSchema):
    """When working hours and working days count."""

    kind = "working_calendar"
    label = ("工作日历", "Working calendar")
    audience = Audience.OFFICE
    writers = frozenset({"admin", "manager"})

    name = text("名称", "Name", least=1, required=True)
    name_en = text("英文名称", "Name in English")
    zone = choice("时区", "Time zone", ZONES)
    hours = many(
        "工作时间", "Working hours", group("时段", "Hours", WorkingHours, required=True), most=SPANS_MAX, required=True
    )
    special_days = many("节假日与调休", "Holidays and make-up days", group("日期", "Days", SpecialDays, required=True))
    announced_years = many(
        "已公布年份", "Announced years", group("年份", "Year", AnnouncedYear, required=True), most=200
    )
