"""What the journal tells of people at the office: what they did, and to what; words in two languages.

Rule 1: a word is never reused for another meaning and never renamed once released: rows are kept for years.
"""

from __future__ import annotations

from typing import Final

ACTS: Final[dict[str, tuple[str, str]]] = {
    "read": ("查看", "Looked at"),
    "search": ("查询", "Searched"),
    "export": ("导出", "Exported"),
    "download": ("下载文件", "Downloaded"),
    "journal": ("查阅访问记录", "Read the journal"),
    "sign_in": ("登录", "Signed in"),
    "sign_in_failed": ("登录失败", "Failed to sign in"),
    "sign_out": ("退出", "Signed out"),
    "sign_out_everywhere": ("结束全部登录", "Ended all sessions of"),
    "prove": ("再次验证身份", "Showed again who he is"),
    "prove_failed": ("再次验证失败", "Failed to show who he is"),
    "invite": ("邀请设置密码", "Invited to set a password"),
    "password": ("设置密码", "Set a password"),
    "roles": ("更改角色", "Changed the roles of"),
    "disable": ("停用账号", "Disabled the account of"),
    "enable": ("恢复账号", "Enabled the account of"),
    "factor_set": ("启用两步验证", "Set up a second factor"),
    "factor_removed": ("取消两步验证", "Removed the second factor of"),
    "recovery_codes": ("重新生成恢复码", "Made recovery codes"),
    "identity": ("关联登录身份", "Linked an identity"),
    "policy": ("更改访问规则", "Changed a rule of access"),
    "enrol_code": ("签发登记码", "Issued an enrolment code"),
    "revoke": ("停用终端并下令销毁", "Revoked a device and ordered its wipe"),
    "freeze": ("暂停终端", "Froze a device"),
    "thaw": ("解冻终端", "Thawed a device"),
    "erase": ("删除个人信息", "Erased personal data"),
}
"""What was done -> its words. Those of a person done to name him as the subject."""

KINDS: Final[dict[str, tuple[str, str]]] = {
    "accounts": ("账号", "Account"),
    "blobs": ("文件", "File"),
    "checklists": ("检查表草稿", "Checklist draft"),
    "counts": ("盘点", "Stock count"),
    "customer": ("客户", "Customer"),
    "customers": ("客户", "Customer"),
    "device": ("终端", "Device"),
    "erasures": ("个人信息删除", "Erasure"),
    "enrolments": ("登记码", "Enrolment code"),
    "fleet": ("终端", "Device"),
    "journal": ("访问记录", "Journal"),
    "machines": ("设备", "Machine"),
    "orders": ("工单", "Order"),
    "people": ("人员", "Person"),
    "parts": ("备件", "Part"),
    "person": ("人员", "Person"),
    "recalls": ("召回", "Recall"),
    "reconcile": ("裁定", "Review"),
    "requests": ("请求", "Request"),
    "reviews": ("裁定", "Review"),
    "trace": ("追溯", "Trace"),
    "vans": ("车载库", "Van"),
}
"""What was looked at, as addresses name it -> its words; another is shown as it is."""

LOOKS: Final = frozenset({"read", "search", "download"})
"""Acts that a page repeats by itself: the same look within some minutes is one look."""

SUBJECT_CHARACTERS_MAX: Final = 80
DETAIL_CHARACTERS_MAX: Final = 400
"""Longer than any search box takes."""
