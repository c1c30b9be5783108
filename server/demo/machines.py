"""The machines, each at a site."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from server.demo.customers import customer_of
from server.demo.records import DemoRecord, refer
from server.demo.service import BY_MODEL, KEY_EQUIPMENT

_MACHINES: Final = {
    # site: model, serial, place, accepted on, firmware, state
    "renhe-lab": (
        ("mc12", "MC12-2403-0017", "前处理台", "2026-02-18", "2.4.1", "down"),
        ("mc12", "MC12-2403-0018", "前处理台", "2026-02-18", "2.4.1", "running"),
        ("ba400", "BA400-23-0101", "生化区 1 号位", "2023-09-05", "5.1.0", "limited"),
        ("ba400", "BA400-25-0214", "生化区 2 号位", "2025-11-20", "5.2.3", "running"),
    ),
    "renhe-cellar": (
        ("hc20r", "HC20R-22-0045", "血库离心间", "2022-06-30", "1.9.0", "running"),
        ("hc20r", "HC20R-25-0101", "血库离心间", "2025-08-12", "2.0.2", "running"),
    ),
    "puyuan-lab": (
        ("mc12", "MC12-2501-0102", "分子实验室 A", "2025-03-03", "2.5.0", "running"),
        ("mc12", "MC12-2501-0103", "分子实验室 B", "2025-03-03", "2.5.0", "running"),
        ("hc20r", "HC20R-24-0077", "细胞间", "2024-12-01", "2.0.1", "down"),
        ("lc30", "LC30-25-0031", "分析间", "2025-06-15", "3.3.0", "running"),
    ),
    "xingchen-a": (
        ("vm850", "VM850-24-0006", "一线 1 号", "2024-05-20", "B18.2", "down"),
        ("vm850", "VM850-24-0007", "一线 2 号", "2024-05-20", "B18.2", "running"),
        ("vm850", "VM850-25-0019", "一线 3 号", "2025-10-09", "B19.0", "running"),
    ),
    "xingchen-b": (
        ("tl360", "TL360-23-0052", "二线 1 号", "2023-04-11", "A07.5", "limited"),
        ("tl360", "TL360-26-0003", "二线 2 号", None, "A08.1", None),
    ),
    "huace-lab": (
        ("as900", "AS900-24-0012", "光谱台 1", "2024-09-28", "4.0.2", "running"),
        ("as900", "AS900-22-0005", "光谱台 2", "2022-10-10", "3.8.9", "limited"),
        ("lc30", "LC30-24-0018", "液相间", "2024-09-28", "3.2.1", "running"),
    ),
    "jinshan-qc": (
        ("lc30", "LC30-23-0009", "液相一室", "2023-07-07", "3.1.4", "down"),
        ("lc30", "LC30-23-0010", "液相一室", "2023-07-07", "3.1.4", "running"),
        ("lc30", "LC30-26-0040", "液相二室", "2026-01-15", "3.4.0", "running"),
        ("as900", "AS900-25-0021", "元素分析室", "2025-12-12", "4.1.0", "running"),
    ),
    "luhe-lab": (
        ("mc12", "MC12-2311-0440", "样品室", "2023-12-20", "2.3.8", "running"),
        ("as900", "AS900-23-0008", "重金属室", "2023-12-20", "3.9.5", "running"),
    ),
    "nanzhi-fab": (
        ("vm850", "VM850-25-0022", "A 区 1 号", "2025-11-30", "B19.0", "running"),
        ("vm850", "VM850-25-0023", "A 区 2 号", "2025-11-30", "B19.0", "down"),
        ("vm850", "VM850-26-0001", "A 区 3 号", "2026-03-26", "B19.1", "running"),
    ),
    "dongyi-shop": (
        ("tl360", "TL360-24-0060", "车床区 1", "2024-08-08", "A07.9", "running"),
        ("tl360", "TL360-24-0061", "车床区 2", "2024-08-08", "A07.9", "running"),
        ("vm850", "VM850-23-0002", "铣床区", "2023-02-14", "B17.6", "limited"),
    ),
    "linan-lab": (
        ("mc12", "MC12-2208-0009", "检验台", "2022-09-01", "2.1.0", "running"),
        ("ba400", "BA400-22-0066", "生化室", "2022-09-01", "4.9.9", "down"),
    ),
    "tiangong-lab": (
        ("as900", "AS900-24-0015", "教学光谱台", "2024-03-18", "4.0.0", "running"),
        ("lc30", "LC30-25-0028", "色谱室", "2025-04-22", "3.3.0", "running"),
    ),
    "yuehua-qc": (
        ("as900", "AS900-25-0017", "元素室", "2025-05-19", "4.1.0", "running"),
        ("mc12", "MC12-2505-0230", "前处理室", "2025-05-19", "2.5.0", "running"),
    ),
    "huadong-lab": (
        ("ba400", "BA400-24-0150", "流水线 1", "2024-01-10", "5.1.6", "running"),
        ("ba400", "BA400-24-0151", "流水线 2", "2024-01-10", "5.1.6", "running"),
        ("ba400", "BA400-26-0260", "流水线 3", "2026-04-01", "5.3.0", "running"),
        ("hc20r", "HC20R-26-0120", "离心间", "2026-04-01", "2.1.0", "running"),
    ),
}


WRITTEN_ON: Final = date(2026, 11, 21)
"""The day for which the days above were chosen: on it some warranties run, some end soon and some are over."""


def machines(now: datetime) -> list[DemoRecord]:
    """Return the machines; the short name of a machine is its serial number.

    They are as old as they were on the day they were written for, so that the same warranties run.
    """
    moved_on = now.date() - WRITTEN_ON
    return [
        DemoRecord(
            "machine",
            serial,
            {
                "model_id": refer("model", model),
                "serial": serial,
                "customer_id": refer("customer", customer_of(site)),
                "site_id": refer("site", site),
                "place": place,
                "accepted_on": accepted_on and (date.fromisoformat(accepted_on) + moved_on).isoformat(),
                "firmware": firmware,
                "state": state,
                "service_terms_id": refer("service_terms", BY_MODEL[model]) if model in BY_MODEL else None,
                "key_equipment": serial in KEY_EQUIPMENT or None,
            },
        )
        for site, rows in _MACHINES.items()
        for model, serial, place, accepted_on, firmware, state in rows
    ]


def site_of(serial: str) -> str:
    """Return the short name of the site where a machine stands."""
    return next(site for site, rows in _MACHINES.items() if any(row[1] == serial for row in rows))
