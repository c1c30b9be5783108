"""The company's service centres and people."""

from __future__ import annotations

from typing import Any, Final

from server.demo.records import DemoRecord, refer

COMPANY: Final = "衡远仪器服务有限公司"
COMPANY_EN: Final = "Hengyuan Instrument Service Co., Ltd."

_CENTRES: Final = (
    # name, tier, parent, Chinese, English, city, address, telephone, stars
    (
        "national",
        "national",
        None,
        "全国服务中心",
        "National service centre",
        "北京",
        "海淀区衡远路 1 号",
        "400-555-0100",
        "5",
    ),
    ("north", "region", "national", "华北大区", "Northern region", "天津", "南开区津河道 12 号", "022-5555-0110", "5"),
    (
        "east",
        "region",
        "national",
        "华东大区",
        "Eastern region",
        "上海",
        "浦东新区张衡支路 88 号",
        "021-5555-0120",
        "5",
    ),
    ("south", "region", "national", "华南大区", "Southern region", "广州", "黄埔区开泰路 6 号", "020-5555-0130", "5"),
    (
        "tianjin",
        "outlet",
        "north",
        "天津服务站",
        "Tianjin outlet",
        "天津",
        "滨海新区第二街 30 号",
        "022-5555-0111",
        "4",
    ),
    ("jinan", "outlet", "north", "济南服务站", "Jinan outlet", "济南", "历下区泉城东路 9 号", "0531-5555-0112", "3"),
    ("pudong", "outlet", "east", "浦东服务站", "Pudong outlet", "上海", "浦东新区金科支路 20 号", "021-5555-0121", "5"),
    ("suzhou", "outlet", "east", "苏州服务站", "Suzhou outlet", "苏州", "工业园区星汉东街 5 号", "0512-5555-0122", "4"),
    (
        "hangzhou",
        "outlet",
        "east",
        "杭州服务站",
        "Hangzhou outlet",
        "杭州",
        "滨江区江晖北路 40 号",
        "0571-5555-0123",
        "4",
    ),
    (
        "shenzhen",
        "outlet",
        "south",
        "深圳服务站",
        "Shenzhen outlet",
        "深圳",
        "南山区科苑西路 17 号",
        "0755-5555-0131",
        "5",
    ),
    (
        "dongguan",
        "outlet",
        "south",
        "东莞服务站",
        "Dongguan outlet",
        "东莞",
        "松山湖工业北路 3 号",
        "0769-5555-0132",
        "3",
    ),
)

_PEOPLE: Final = (
    # name, Chinese, English, roles, centre, level, skills as family:level
    ("gao", "高雅", "Gao Ya", "admin", "national", None, ""),
    ("ma", "马文博", "Ma Wenbo", "manager", "national", None, ""),
    ("dana", "戴娜", "Dana Dai", "dispatcher", "national", None, ""),
    ("he", "何静", "He Jing", "dispatcher", "east", None, ""),
    ("xu", "许平", "Xu Ping", "stock_keeper", "national", None, ""),
    ("aud", "敖德", "Aud Ao", "auditor", "national", None, ""),
    ("wei", "卫东明", "Wei Dongming", "engineer", "pudong", "senior",
     "mini_centrifuge:senior refrigerated_centrifuge:senior biochemical_analyser:intermediate"),
    ("lin", "林小雨", "Lin Xiaoyu", "engineer", "pudong", "intermediate",
     "mini_centrifuge:intermediate biochemical_analyser:senior"),
    ("zhao", "赵建国", "Zhao Jianguo", "engineer", "suzhou", "senior", "machining_centre:senior lathe:senior"),
    ("qian", "钱立", "Qian Li", "engineer", "hangzhou", "intermediate",
     "atomic_absorption:intermediate liquid_chromatograph:intermediate"),
    ("sun", "孙萌", "Sun Meng", "engineer", "tianjin", "senior",
     "atomic_absorption:senior liquid_chromatograph:senior"),
    ("zhou", "周海", "Zhou Hai", "engineer", "jinan", "junior", "mini_centrifuge:junior"),
    ("wu", "吴迪", "Wu Di", "engineer", "shenzhen", "senior",
     "machining_centre:senior biochemical_analyser:intermediate"),
    ("zheng", "郑凯", "Zheng Kai", "engineer", "dongguan", "intermediate",
     "lathe:intermediate machining_centre:junior"),
    ("feng", "冯涛", "Feng Tao", "engineer", "pudong", "junior", "mini_centrifuge:junior biochemical_analyser:junior"),
    ("chu", "褚航", "Chu Hang", "engineer", "hangzhou", "senior",
     "biochemical_analyser:senior atomic_absorption:senior"),
    ("jiang", "蒋帆", "Jiang Fan", "engineer", "tianjin", "intermediate",
     "liquid_chromatograph:intermediate mini_centrifuge:intermediate"),
    ("shen", "沈一诺", "Shen Yinuo", "engineer", "shenzhen", "intermediate",
     "biochemical_analyser:senior atomic_absorption:intermediate liquid_chromatograph:junior"),
    ("han", "韩磊", "Han Lei", "engineer", "suzhou", "intermediate",
     "machining_centre:intermediate lathe:intermediate"),
)  # fmt: skip

_PLACES: Final = {
    "national": ("39.95", "116.30"), "north": ("39.10", "117.16"), "east": ("31.21", "121.59"),
    "south": ("23.17", "113.46"), "tianjin": ("39.03", "117.70"), "jinan": ("36.67", "117.08"),
    "pudong": ("31.20", "121.60"), "suzhou": ("31.32", "120.72"), "hangzhou": ("30.20", "120.21"),
    "shenzhen": ("22.54", "113.94"), "dongguan": ("22.92", "113.89"),
}  # fmt: skip
"""Latitude and longitude of each centre."""

_LIVING_ELSEWHERE: Final = {"lin": ("31.13", "121.40"), "zheng": ("22.84", "113.79"), "sun": ("39.08", "117.20")}
"""Where an engineer sets out from who does not begin at his service point: the middle of his district."""

_LAPSED: Final = {"jiang": "2026-10-31"}
"""The last day of a certificate that has run out; the others hold for years."""

_NEW: Final = {"feng": {"finished_before": 12, "master": "wei"}}
"""Who is new goes with a master. Source: handbook H2."""

_EARLY: Final = ("zhao", "han")
"""Engineers of workshops that begin at seven, and work on Saturdays."""

LOGINS: Final = ("gao", "ma", "dana", "he", "xu", "aud")
"""The people who sign in at the office; an engineer enrols a device instead."""


def centres() -> list[DemoRecord]:
    """Return the service centres, each after the one it belongs to."""
    return [
        DemoRecord(
            "service_centre",
            name,
            {
                "name": chinese,
                "name_en": english,
                "tier": tier,
                "parent_id": refer("service_centre", parent) if parent else None,
                "city": city,
                "address": address,
                "phone": phone,
                "stars": stars,
                "latitude": _PLACES[name][0],
                "longitude": _PLACES[name][1],
            },
        )
        for name, tier, parent, chinese, english, city, address, phone, stars in _CENTRES
    ]


def people() -> list[DemoRecord]:
    """Return the people."""
    return [_person(number, *row) for number, row in enumerate(_PEOPLE, start=1)]


def _person(
    number: int, name: str, chinese: str, english: str, roles: str, centre: str, level: str | None, skills: str
) -> DemoRecord:
    values: dict[str, Any] = {
        "name": chinese,
        "name_en": english,
        "roles": roles.split(),
        "centre_id": refer("service_centre", centre),
        "level": level,
        "skills": [_skill(number, name, *skill.split(":")) for skill in skills.split()],
        "phone": f"139-0055-{number:04d}",
        "active": True,
        "email": f"{name}@hengyuan.example",
    }
    values |= dict(zip(("latitude", "longitude"), _LIVING_ELSEWHERE.get(name, ()), strict=False))
    if name in _NEW:
        values |= {"finished_before": _NEW[name]["finished_before"], "master_id": refer("person", _NEW[name]["master"])}
    if name in _EARLY:
        values["working_hours"] = [{"weekdays": [1, 2, 3, 4, 5, 6], "from_time": "07:00", "until_time": "16:00"}]
    return DemoRecord("person", name, values)


def _skill(number: int, name: str, family: str, level: str) -> dict[str, str]:
    letters = "".join(word[0] for word in family.split("_")).upper()
    certificate = {"certificate": f"{letters}-{2400 + number}", "certificate_until": _LAPSED.get(name, "2029-12-31")}
    return {"family": family, "level": level} | certificate
