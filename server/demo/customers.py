"""Customers and the sites where their machines stand."""

from __future__ import annotations

from typing import Final

from server.demo.records import DemoRecord, refer

_CUSTOMERS: Final = (
    # name, code, Chinese, English, contact, telephone, address
    ("renhe", "C-1001", "仁禾医院检验科", "Renhe Hospital Laboratory", "陈敏", "021-5556-0201",
     "上海市浦东新区仁禾路 66 号"),
    ("puyuan", "C-1002", "浦源生物技术有限公司", "Puyuan Biotech", "沈倩", "021-5556-0202",
     "上海市浦东新区蔡伦北路 10 号"),
    ("xingchen", "C-1003", "星辰精密机械有限公司", "Xingchen Precision", "顾强", "0512-5556-0203",
     "苏州市工业园区东宏路 8 号"),
    ("huace", "C-1004", "华策环境检测中心", "Huace Environmental Testing", "方圆", "0571-5556-0204",
     "杭州市滨江区西兴北路 21 号"),
    ("jinshan", "C-1005", "津山制药股份有限公司", "Jinshan Pharmaceutical", "田野", "022-5556-0205",
     "天津市滨海新区药谷路 15 号"),
    ("luhe", "C-1006", "鲁禾农业科学研究所", "Luhe Agricultural Institute", "孔秀", "0531-5556-0206",
     "济南市历城区农科路 2 号"),
    ("nanzhi", "C-1007", "南智电子科技有限公司", "Nanzhi Electronics", "黄俊", "0755-5556-0207",
     "深圳市南山区高新南环路 30 号"),
    ("dongyi", "C-1008", "东益模具制造厂", "Dongyi Mould Works", "梁叔", "0769-5556-0208", "东莞市长安镇模具路 77 号"),
    ("linan", "C-1009", "临安县人民医院", "Lin'an County Hospital", "潘丽", "0571-5556-0209",
     "杭州市临安区锦溪街 5 号"),
    ("tiangong", "C-1010", "天工大学分析测试中心", "Tiangong University Analysis Centre", "白教授",
     "022-5556-0210", "天津市西青区学府道 100 号"),
    ("yuehua", "C-1011", "粤华食品有限公司", "Yuehua Foods", "欧阳宁", "020-5556-0211", "广州市黄埔区食品园路 9 号"),
    ("huadong", "C-1012", "华东第三方医学检验所", "Huadong Medical Testing", "蒋悦", "021-5556-0212",
     "上海市闵行区检测路 18 号"),
)  # fmt: skip

_SITES: Final = (
    # name, customer, Chinese, English, city, remote, conditions, safety
    ("renhe-lab", "renhe", "门诊楼三层检验科", "Outpatient building, floor 3", "上海", False,
     "恒温 22 ℃，三相五线供电，独立接地。", "进入实验区须穿隔离衣、戴手套。"),
    ("renhe-cellar", "renhe", "地下一层血库", "Blood bank, basement 1", "上海", False, "地下室无手机信号。",
     "进出登记。"),
    ("puyuan-lab", "puyuan", "研发中心二层", "R&D centre, floor 2", "上海", False, "洁净度万级。",
     "更衣、风淋后进入。"),
    ("xingchen-a", "xingchen", "一号车间", "Workshop 1", "苏州", False, "有 5 吨行车，地面油污。",
     "戴安全帽，穿防滑鞋。"),
    ("xingchen-b", "xingchen", "二号车间", "Workshop 2", "苏州", False, "粉尘较大。", "戴口罩和护目镜。"),
    ("huace-lab", "huace", "无机分析室", "Inorganic analysis room", "杭州", False, "配乙炔气路和排风罩。",
     "动火前检查气路。"),
    ("jinshan-qc", "jinshan", "质量控制部", "Quality control", "天津", False, "恒温恒湿。", "GMP 区域，工具须清点。"),
    ("luhe-lab", "luhe", "土壤实验室", "Soil laboratory", "济南", False, "电压波动较大，建议加稳压器。", ""),
    ("nanzhi-fab", "nanzhi", "精加工车间", "Finishing workshop", "深圳", False, "车间屏蔽，无网络。", "静电防护。"),
    ("dongyi-shop", "dongyi", "模具车间", "Mould workshop", "东莞", False, "高温，噪声 85 dB。", "戴耳塞。"),
    ("linan-lab", "linan", "检验科", "Laboratory", "杭州", True, "山区，路程约 2 小时。", "穿隔离衣。"),
    ("tiangong-lab", "tiangong", "光谱室", "Spectroscopy room", "天津", False, "配循环水冷却。", "激光区域禁入。"),
    ("yuehua-qc", "yuehua", "食品检测室", "Food testing room", "广州", False, "湿度偏高。", "健康证备查。"),
    ("huadong-lab", "huadong", "生化大厅", "Biochemistry hall", "上海", False, "24 小时运行，停机须预约。",
     "穿隔离衣、戴护目镜。"),
)  # fmt: skip

_PLACES: Final = {
    "renhe": ("31.22", "121.54", "pudong"), "puyuan": ("31.19", "121.60", "pudong"),
    "xingchen": ("31.31", "120.76", "suzhou"), "huace": ("30.19", "120.19", "hangzhou"),
    "jinshan": ("39.05", "117.68", "tianjin"), "luhe": ("36.72", "117.09", "jinan"),
    "nanzhi": ("22.55", "113.93", "shenzhen"), "dongyi": ("22.81", "113.80", "dongguan"),
    "linan": ("30.23", "119.72", "hangzhou"), "tiangong": ("39.07", "117.13", "tianjin"),
    "yuehua": ("23.18", "113.48", "shenzhen"), "huadong": ("31.11", "121.38", "pudong"),
}  # fmt: skip
"""Latitude and longitude of each customer, and the service centre that serves him."""


def customers() -> list[DemoRecord]:
    """Return the customers."""
    fields = ("code", "name", "name_en", "contact", "phone", "address")
    return [
        DemoRecord("customer", name, dict(zip(fields, row, strict=True)) | {"email": f"{name}@example.com"})
        for name, *row in _CUSTOMERS
    ]


def sites() -> list[DemoRecord]:
    """Return the sites; contact and telephone are their customer's."""
    by_name = {record.name: record.values for record in customers()}
    return [
        DemoRecord(
            "site",
            name,
            {
                "customer_id": refer("customer", customer),
                "name": chinese,
                "name_en": english,
                "city": city,
                "address": by_name[customer]["address"],
                "contact": by_name[customer]["contact"],
                "phone": by_name[customer]["phone"],
                "remote": remote,
                "conditions": conditions,
                "safety": safety,
                "latitude": _PLACES[customer][0],
                "longitude": _PLACES[customer][1],
                "centre_id": refer("service_centre", _PLACES[customer][2]),
            },
        )
        for name, customer, chinese, english, city, remote, conditions, safety in _SITES
    ]


def customer_of(site: str) -> str:
    """Return the short name of the customer of a site."""
    return next(customer for name, customer, *_ in _SITES if name == site)
