"""What an engineer takes along or does before he leaves for an order. Source: handbook D2, P4."""

from schemas.base import Part, choice, text, whole

PREPARATIONS = ("call", "manual", "history", "tool", "part", "paper", "safety")
PREPARATION_LABELS = {
    "call": ("电话确认", "Call"),
    "manual": ("手册", "Manual"),
    "history": ("维修履历", "Service history"),
    "tool": ("工具", "Tool"),
    "part": ("备件", "Part"),
    "paper": ("单据", "Paper"),
    "safety": ("安全用品", "Safety gear"),
}

PREPARATION_MOST = 60
"""Three times what the fullest visit of the handbooks takes along."""


class PreparationItem(Part):
    """One thing, with its quantity where it is counted; of a model, for one kind of service or for all."""

    what = choice("类别", "What", PREPARATIONS, required=True)
    label = text("内容", "Text", most=200, least=1, required=True)
    label_en = text("英文内容", "Text in English", most=200)
    quantity = whole("数量", "Quantity", least=1, most=10_000)
    service = text("服务类型", "Kind of service", most=40)
