"""Every refusal and fault the product can answer with: code -> HTTP status, sentence, whether to retry.

Rule 1: a code is never reused for another meaning and never renamed once released.
Rule 2: the sentence tells a person what happened and what to do; the code is for programs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

Retry = Literal["never", "later", "after_pull", "ask_person"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of refusal. Sentences may name facts in braces, such as ``{limit}``."""

    code: str
    status: int
    retry: Retry
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One refusal with its facts: a value, so that it can be stored in a receipt and shown anywhere."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def problem(self) -> Problem:
        """The catalogue's entry."""
        return PROBLEMS[self.code]

    def sentence(self, language: str = "en") -> str:
        """Return the sentence in Chinese (``zh``) or English, with the facts filled in."""
        is_chinese = language.startswith("zh")
        template = self.problem.zh if is_chinese else self.problem.en
        facts = _Facts(self.facts)
        if isinstance(what := facts.get("what"), str):
            noun, *rest = what.split(" ", 1)
            facts["what"] = " ".join([NOUNS[noun][0 if is_chinese else 1], *rest]) if noun in NOUNS else what
        return template.format_map(facts)


NOUNS: Final[dict[str, tuple[str, str]]] = {
    "calendar": ("这份日历", "This calendar"),
    "clock_pause": ("暂停", "Pause"),
    "file": ("这个文件", "This file"),
    "link": ("这个链接", "This link"),
    "person": ("人员", "Person"),
    "photo": ("照片", "Photo"),
    "photo_remark": ("照片标注", "Marks of the photo"),
    "recall": ("召回", "Recall"),
    "recalled_part": ("召回范围", "Named part"),
    "request": ("请求", "Request"),
    "work_order": ("工单", "Order"),
}
"""What a sentence calls the things that were looked for in vain: the first word of its fact `what`."""


class Refused(Exception):
    """Carries a fault up to the edge that answers it."""

    def __init__(self, code: str, **facts: Any) -> None:
        """Make the fault `code` of the catalogue with its facts."""
        self.fault = Fault(code, facts)
        super().__init__(f"{code}: {self.fault.sentence()}")

    @property
    def code(self) -> str:
        """The code of the catalogue."""
        return self.fault.code


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def _catalogue(*problems: Problem) -> dict[str, Problem]:
    table = {problem.code: problem for problem in problems}
    assert len(table) == len(problems), "a problem code is declared twice"
    return table


PROBLEMS: Final[dict[str, Problem]] = _catalogue(
    # What the bytes are.
    Problem("malformed", 400, "never", "收到的数据无法读懂：{detail}。", "The data cannot be read: {detail}."),
    Problem("not_canonical", 400, "never", "变更集不是规范写法，签名无法长期核验。", "The change-set is not in canonical form, so its signature could not be checked for ever."),
    Problem("bad_signature", 400, "never", "签名与内容不符，内容可能被改动。", "The signature does not match the content; it may have been altered."),
    Problem("openings_differ", 400, "never", "个人信息的明文与签名内容中的承诺不一致（缺少、多余或不符）。", "What opens the personal values does not fit the commitments that were signed: missing, superfluous or different."),
    Problem("personal_in_plain", 400, "never", "字段“{field}”是个人信息，签名内容中只能写它的承诺。", "'{field}' tells of a person: what is signed holds a commitment to it, not the value."),
    Problem("commitment_misplaced", 400, "never", "字段“{field}”不是个人信息，不能写成承诺。", "'{field}' does not tell of a person, so it holds its value and no commitment."),
    Problem("change_set_too_large", 413, "never", "变更集超过 {limit} 字节。", "The change-set is larger than {limit} bytes."),
    Problem("too_many_changes", 413, "never", "一个变更集最多 {limit} 项变更。", "A change-set holds at most {limit} changes."),
    Problem("body_too_large", 413, "later", "请求超过 {limit} 字节，请分批发送。", "The request is larger than {limit} bytes; send it in smaller parts."),
    Problem("decompression_bomb", 413, "never", "压缩数据解开后超过 {limit} 字节。", "The compressed data would unpack to more than {limit} bytes."),
    Problem("schema_unknown", 422, "later", "变更集的版本 {version} 比服务器新，请等服务器升级。", "Schema version {version} is newer than this server; it is kept until the server is upgraded."),
    # Whose chain it is.
    Problem("device_unknown", 401, "ask_person", "服务器不认识这台终端，请重新登记。", "The server does not know this device; enrol it again."),
    Problem("device_revoked", 403, "ask_person", "这台终端已被停用，请联系派工台。", "This device was revoked; ask the dispatcher."),
    Problem("device_frozen", 409, "ask_person", "这台终端的记录链出现分叉，已暂停接收，内容已保全，请联系派工台。", "This device's chain has forked; it is on hold, its data is kept, ask the dispatcher."),
    Problem("wrong_organisation", 403, "never", "终端不属于该组织。", "The device does not belong to this organisation."),
    Problem("wrong_actor", 403, "never", "变更集的作者不是这台终端的使用人。", "The author of the change-set is not the person this device belongs to."),
    Problem("gap_in_sequence", 202, "later", "前面的变更集还没有到，已保留等候。", "An earlier change-set has not arrived yet; this one is kept until it does."),
    Problem("too_many_held", 429, "later", "等候前序的变更集太多（上限 {limit}），请先补发缺少的。", "More than {limit} change-sets wait for an earlier one; send the missing one first."),
    Problem("sequence_reused", 409, "ask_person", "同一序号收到了不同内容，终端已被冻结，两份内容都已保全。", "The same sequence number came with other content; the device is frozen and both are kept."),
    Problem("chain_broken", 409, "ask_person", "变更集没有接上该终端的上一份，终端已被冻结，内容已保全。", "The change-set does not follow this device's previous one; the device is frozen and the data kept."),
    Problem("set_given_up", 409, "ask_person", "服务器恢复后，变更集 {seq} 已被放弃；内容已保全，请联系派工台。", "Change-set {seq} was given up after the server was restored; its data is kept, ask the dispatcher."),
    Problem("nothing_missing", 409, "never", "这台终端没有缺失的变更集。", "No change-set of this device is missing."),
    # What a change says.
    Problem("kind_unknown", 422, "never", "没有“{kind}”这种记录。", "There is no record kind '{kind}'."),
    Problem("value_invalid", 422, "never", "字段“{field}”的值不合要求：{detail}", "The value of '{field}' is not acceptable: {detail}"),
    Problem("field_missing", 422, "never", "缺少必填字段“{field}”。", "The required field '{field}' is missing."),
    Problem("record_missing", 422, "after_pull", "引用的记录不存在：{kind} {id}。", "The record does not exist: {kind} {id}."),
    Problem("record_exists", 409, "never", "记录 {id} 已经存在。", "The record {id} exists already."),
    Problem("kind_mismatch", 409, "never", "记录 {id} 是另一种记录。", "The record {id} is of another kind."),
    Problem("never_deleted", 409, "never", "“{kind}”不能删除，签名与来历都要用到它；请改“{field}”使其停用。", "A record of kind '{kind}' is not deleted, since signatures and provenance name it; end it by '{field}'."),
    Problem("fact_is_final", 409, "never", "事实记录不能修改或删除，请另记一条更正。", "A fact is not edited or deleted; record a correction that points at it."),
    Problem("not_withdrawable", 422, "never", "“{kind}”不能撤回。", "A record of kind '{kind}' cannot be withdrawn."),
    Problem("already_withdrawn", 409, "never", "这条记录已经撤回。", "This record is withdrawn already."),
    Problem("already_signed", 409, "never", "{name} 已经签过字。", "{name} has signed already."),
    Problem("nothing_to_undo", 409, "never", "最近一步已经不能撤销（已签字、已被他人改动或没有可撤销的内容）。", "The last step cannot be taken back: it was signed for, somebody has changed it since, or there is none."),
    Problem("move_not_allowed", 422, "after_pull", "工单不能从“{before}”变为“{after}”。", "A work order cannot go from '{before}' to '{after}'."),
    Problem("order_under_way", 409, "ask_person", "工单处于“{status}”，不能改派或改期；已开工的请先暂停。", "The order is '{status}': it cannot be given to somebody else or moved. Put work that has begun on hold first."),
    Problem("engineer_unsuitable", 409, "ask_person", "不宜派{name}去：{reason}", "{name} should not be sent: {reason}"),
    Problem("plan_moved", 409, "after_pull", "{number} 的排程已被他人改动，请看过后再排。", "Somebody else has moved {number} in the schedule; look again, then decide."),
    Problem("writer_not_allowed", 403, "never", "您的角色不能填写“{field}”。", "Your role may not write '{field}'."),
    Problem("out_of_scope", 403, "after_pull", "这台终端不持有记录 {id}。", "This device does not hold the record {id}."),
    Problem("set_refused", 422, "never", "同一变更集中的另一项被拒绝，因此整组未生效，内容已保全。", "Another change of the same set was refused, so none took effect; the data is kept."),
    Problem("conflict_settled", 409, "after_pull", "该冲突已由他人裁定。", "This conflict was already settled by somebody else."),
    Problem("conflict_moved", 409, "after_pull", "该冲突又收到了新的提交值，请重新查看后裁定。", "Another value has come in for this conflict since; look again before you settle it."),
    Problem("standing_moved", 409, "after_pull", "“{field}”的现值已经变为“{value}”（{who}，{at}），请重新查看后裁定。", "'{field}' has become '{value}' meanwhile ({who}, {at}); look again before you decide."),
    Problem("note_missing", 422, "ask_person", "这是真正的分歧，请写明裁定理由。", "This is a real disagreement: say why you decide so."),
    Problem("decision_overtaken", 409, "after_pull", "裁定之后“{field}”又有改动，现在是“{value}”，不能撤销；请另作修改。", "'{field}' was changed after the decision and is '{value}' now, so the decision cannot be undone; change it instead."),
    Problem("decision_final", 409, "never", "这个决定不能撤销：已删除或撤回的内容不能恢复。", "This decision cannot be undone: what was deleted or withdrawn stays so."),
    Problem("not_settled", 409, "after_pull", "这一项还没有裁定，或已由他人撤销裁定。", "This is not settled, or somebody has undone the decision already."),
    Problem("nobody_to_ask", 422, "ask_person", "没有可以询问的工程师：{name} 没有在用的终端。", "There is nobody to ask: {name} has no device in use."),
    Problem("remedy_unfit", 422, "after_pull", "这种处理方式不适用于此异常，或情况已变，请重新查看。", "This way of settling does not fit the exception, or things have changed; look again."),
    # Erasing.
    Problem("erasure_empty", 422, "ask_person", "没有找到可以删除的个人信息。", "Nothing personal was found that can be erased."),
    Problem("erasure_word_short", 422, "ask_person", "搜索词至少 {least} 个字；太短的词会在无关的内容里找到。", "A word to search has {least} letters at least; a shorter one is in too much that has nothing to do with it."),
    Problem("erasure_too_wide", 422, "ask_person", "找到的内容太多（超过 {limit} 处），请说得更准确。", "More than {limit} places were found; say more precisely whom you mean."),
    Problem("erased_meanwhile", 409, "after_pull", "这一栏里的个人信息在您打开页面之后已按要求删除，请刷新页面后再写。", "What this field said of a person was erased after your page was opened; load the page again, then write."),
    Problem("erasure_moved", 409, "after_pull", "您看过之后内容有变，请重新查看再删除。", "What would be erased has changed since you looked; look again, then erase."),
    # Master data.
    Problem("changed_meanwhile", 409, "ask_person", "您填写期间，他人改了：{fields}。请看两边的值后再保存。", "Somebody changed {fields} while the form was open; look at both values, then save."),
    Problem("set_once", 409, "never", "“{field}”填写后不能再改。", "'{field}' is set once and does not change."),
    Problem("already_there", 409, "ask_person", "已有同样的记录：{what}。", "There is such a record already: {what}."),
    Problem("still_in_use", 409, "ask_person", "还有记录用到它（{by}），不能撤下。", "Other records refer to it ({by}), so it stays."),
    Problem("version_published", 409, "ask_person", "已发布的版本不再修改，请另出新版本。", "A published version is not edited; make the next one."),
    Problem("name_ambiguous", 422, "ask_person", "“{text}”对应 {count} 条记录，请改填编号（ID）。", "'{text}' names {count} records; give the id instead."),
    Problem("name_unknown", 422, "ask_person", "没有叫“{text}”的{kind}。", "There is no {kind} called '{text}'."),
    Problem("row_repeated", 422, "ask_person", "与第 {row} 行是同一条记录。", "It is the same record as row {row}."),
    Problem("table_unreadable", 422, "ask_person", "表格无法读取：{detail}。", "The table cannot be read: {detail}."),
    Problem("table_too_large", 413, "ask_person", "表格太大：最多 {limit}。", "The table is too large: {limit} at most."),
    Problem("column_unknown", 422, "ask_person", "不认识表头“{column}”。", "The column '{column}' is not known."),
    Problem("column_repeated", 422, "ask_person", "表头“{column}”出现了两次。", "The column '{column}' is there twice."),
    Problem("cell_not_a_value", 422, "ask_person", "单元格里是公式或错误，请粘贴为数值。", "The cell holds a formula or an error; paste it as a value."),
    Problem("cell_lost_digits", 422, "ask_person", "这个号码被存成了数字，位数已丢失；请把该列设为文本后重填。", "This number was stored as a number and has lost digits; make the column text and fill it again."),
    Problem("table_has_faults", 409, "ask_person", "还有 {count} 行有错，改好后再导入。", "{count} rows have faults; mend them first."),
    # Recalls.
    Problem("serial_range_invalid", 422, "ask_person", "“{first}”至“{last}”不是一段序列号：两端须等长、开头相同、以数字结尾且先小后大。", "'{first}' to '{last}' is no range of serial numbers: both ends have one length and one beginning, end in digits, and the smaller comes first."),
    Problem("recall_ended", 409, "after_pull", "召回 {number} 的状态已是“{state}”，请重新查看。", "The recall {number} is '{state}' already; look again."),
    Problem("purchase_settled", 409, "after_pull", "采购申请的状态已是“{state}”，请重新查看。", "The purchase is '{state}' already; look again."),
    Problem("purchase_own", 403, "never", "自己提出的采购申请须由他人审批。", "Somebody else approves what you asked for."),
    Problem("recall_names_it", 409, "never", "召回 {number} 已包含所填的全部范围。", "The recall {number} names all of that already."),
    Problem("recall_names_nothing", 409, "never", "这是该召回仅剩的范围；如整个召回都是误开，请撤销召回。", "This is all that the recall still names; where all of it was a mistake, withdraw the recall."),
    # Files.
    Problem("blob_hash_differs", 460, "later", "文件内容与其摘要不符，请重新上传。", "The file's bytes do not match its hash; upload it again."),
    Problem("blob_too_large", 413, "never", "文件超过 {limit} 字节。", "The file is larger than {limit} bytes."),
    Problem("blob_unknown", 404, "later", "没有这个文件。", "There is no such file."),
    Problem("file_erased", 410, "never", "这个文件已于 {at} 按个人信息删除要求删除，不能取得，也不再接收。", "This file was erased on {at} because it told of a person; it cannot be had, and is not taken again."),
    Problem("upload_unknown", 404, "later", "没有这次上传，或已过期，请重新开始。", "There is no such upload, or it has expired; start again."),
    Problem("upload_offset_differs", 409, "later", "上传位置不一致，服务器已有 {offset} 字节。", "The offset differs; the server has {offset} bytes."),
    Problem("upload_quota_reached", 429, "later", "该终端未完成的上传已到上限（{limit}），文件留在终端，稍后再传。", "This device has reached its limit of unfinished uploads ({limit}); the file stays on the device and will go later."),
    Problem("organisation_quota_reached", 429, "later", "本组织未完成的上传已到上限（{limit}），文件留在终端，稍后再传。", "The organisation has reached its limit of unfinished uploads ({limit}); the file stays on the device and will go later."),
    Problem("photo_not_an_image", 422, "never", "这不是可识别的照片（支持 JPEG、PNG、WebP）。", "This is not a photo that can be read (JPEG, PNG and WebP can)."),
    Problem("photo_heic", 422, "ask_person", "这是 HEIC 照片，这里读不了：请在手机的相机设置里选“兼容性最佳”（JPEG）后重拍，或截屏后再选。", "This is a HEIC photo, which cannot be read here: choose 'Most compatible' (JPEG) in the camera's settings and take it again, or pick a screenshot of it."),
    Problem("photo_truncated", 422, "never", "照片文件不完整。", "The photo file is incomplete."),
    Problem("photo_too_large", 413, "never", "照片太大（上限 {limit}）。", "The photo is too large (the limit is {limit})."),
    Problem("evidence_damaged", 422, "ask_person", "本机保存的文件 {sha256} 已损坏。", "The file {sha256} kept on this device is damaged."),
    Problem("sheet_missing", 404, "later", "工单 {order} 还没有服务报告。", "Order {order} has no job sheet yet."),
    Problem("sheet_changed", 409, "ask_person", "服务报告在客户阅读之后有变化，请再看一遍后签字；已写的内容都还在。", "The job sheet changed after it was read; read it again, then sign. What was written is still there."),
    Problem("sheet_incomplete", 409, "later", "服务报告的 {count} 个文件（笔迹、照片）还没有到，到齐后才能打印。", "{count} files of the job sheet (signature, photos) are not here yet; it can be printed when they are."),
    Problem("sheet_erased", 410, "never", "工单 {order} 的服务报告含有个人信息，已按要求删除；签名和摘要仍可核验。", "The job sheet of order {order} told of a person and was erased; its signature and hash can still be verified."),
    Problem("sheet_unreadable", 422, "never", "服务报告的内容无法读懂，原文已保全。", "The job sheet's content cannot be read; it is kept as it came."),
    # Codes and labels.
    Problem("code_not_found", 422, "ask_person", "图中没有读到条码。请靠近、保持平正，或手工输入。", "No code could be read in the picture. Come closer, hold level, or type it."),
    Problem("code_invalid", 422, "ask_person", "条码内容不合规范：{detail}。", "The code is not valid: {detail}."),
    Problem("code_ambiguous", 409, "ask_person", "这个标签有多种读法，请选择：{choices}", "This label can be read in several ways, choose one: {choices}"),
    Problem("machine_unknown", 404, "ask_person", "本机没有编号为 {serial} 的设备。", "No machine with serial number {serial} is known here."),
    Problem("part_not_known", 404, "ask_person", "目录里没有这个备件：{what}。", "The catalogue has no such part: {what}."),
    Problem("van_missing", 409, "ask_person", "办公室还没有给您登记车载库。", "The office has not given you a van yet."),
    # Access.
    Problem("not_signed_in", 401, "ask_person", "请先登录。", "Sign in first."),
    Problem("sign_in_failed", 401, "ask_person", "用户名或密码不对。", "The name or the password is wrong."),
    Problem("second_factor_needed", 401, "ask_person", "请输入验证器上的六位数字，或一个恢复码。", "Type the six digits of your code generator, or a recovery code."),
    Problem("second_factor_wrong", 401, "ask_person", "验证码不对，或已经用过，请等下一个。", "The code is wrong or was used before; wait for the next one."),
    Problem("second_factor_required", 403, "ask_person", "您的角色须用两步验证登录，请先设置验证器。", "Your role signs in with two factors: set up a code generator first."),
    Problem("second_factor_set", 409, "ask_person", "已经设置过验证器，要换一个请先取消。", "A code generator is set up already; remove it to set up another."),
    Problem("second_factor_missing", 409, "ask_person", "还没有设置验证器。", "No code generator is set up."),
    Problem("proof_needed", 403, "ask_person", "做这件事请再输入一次密码或验证码。", "This needs your password, or the code of your generator, once more."),
    Problem("password_link_invalid", 403, "ask_person", "链接无效、已用过或已过期，请向管理员要新的。", "The link is invalid, used or expired; ask an administrator for another."),
    Problem("account_disabled", 409, "ask_person", "这个账号已停用，请先恢复。", "This account is disabled; enable it first."),
    Problem("own_roles", 403, "never", "不能更改自己的角色或账号，请另一位管理员来改。", "Nobody changes his own roles or account; ask another administrator."),
    Problem("admins_too_few", 409, "ask_person", "至少要留 {least} 名能登录的管理员。", "At least {least} administrators who can sign in must remain."),
    Problem("provider_unknown", 404, "never", "没有这个登录服务：{name}。", "There is no sign-in provider '{name}'."),
    Problem("provider_away", 503, "later", "登录服务暂时不可用，请稍后再试，或用密码登录。", "The sign-in provider is away for the moment; try again later, or sign in with a password."),
    Problem("provider_refused", 401, "ask_person", "登录服务的答复不能接受（{detail}），请重新登录。", "The sign-in provider's answer is not acceptable ({detail}); sign in again."),
    Problem("identity_unknown", 403, "ask_person", "这个登录身份还没有对应的账号，请联系管理员。", "No account belongs to this identity; ask an administrator."),
    Problem("role_not_allowed", 403, "ask_person", "您的角色不能做这件事。", "Your role may not do this."),
    Problem("request_not_signed", 401, "later", "请求没有有效的终端签名。", "The request carries no valid device signature."),
    Problem("request_expired", 401, "later", "请求签名已过期，服务器时间 {server_time}。", "The request's signature has expired; server time {server_time}."),
    Problem("token_invalid", 401, "later", "令牌无效或已过期。", "The token is invalid or has expired."),
    Problem("enrolment_code_invalid", 403, "ask_person", "登记码无效、已用过或已过期，请向派工台要新的。", "The enrolment code is invalid, used or expired; ask the dispatcher for another."),
    Problem("certificate_differs", 403, "ask_person", "登记码不是给这台终端的使用人的，或终端的登记证明不是本服务器签发的。请向派工台要给本人的登记码。", "The code is not for the person of this device, or its certificate is not this server's. Ask the dispatcher for a code for yourself."),
    Problem("too_many_attempts", 429, "later", "尝试太多，请 {seconds} 秒后再试。", "Too many attempts; try again in {seconds} seconds."),
    Problem("pin_wrong", 401, "ask_person", "PIN 不正确。", "The PIN is wrong."),
    Problem("keyring_damaged", 422, "ask_person", "终端的钥匙文件已损坏，请联系派工台。", "This device's key file is damaged; ask the dispatcher."),
    Problem("not_enrolled", 409, "ask_person", "这台终端尚未登记，请先运行 gongdan-field enrol。", "This device is not enrolled; run gongdan-field enrol first."),
    Problem("already_enrolled", 409, "ask_person", "这台终端已经登记。", "This device is already enrolled."),
    Problem("device_not_revoked", 409, "never", "这台终端没有被停用。", "This device is not revoked."),
    Problem("escrow_missing", 409, "later", "终端最后的变更集还没有交到服务器。", "The device's last change-set has not been handed in yet."),
    Problem("device_wiped", 410, "ask_person", "派工台已停用这台终端，并下令销毁本机数据。钥匙和数据都已销毁；此前的变更集已全部交给服务器保全。", "The office revoked this device and ordered its data destroyed. Key and data are gone; every change-set was handed in to the server before."),
    # Machinery.
    Problem("feed_epoch_changed", 409, "after_pull", "服务器数据已从备份恢复，需要重新核对。", "The server was restored from a backup; what the device holds is checked again."),
    Problem("not_found", 404, "never", "没有找到 {what}。", "{what} was not found."),
    Problem("method_not_allowed", 405, "never", "此地址不支持该操作。", "This address does not take that method."),
    Problem("database_busy", 503, "later", "数据库暂时忙或不可用，请稍后再试，内容没有丢失。", "The database is busy or away for the moment; try again later, nothing is lost."),
    Problem("disk_full", 507, "later", "磁盘已满，内容未能保存。", "The disk is full; this could not be stored."),
    Problem("file_storage_away", 503, "later", "文件存储暂时不可用，请稍后再试，内容没有丢失。", "The file storage is away for the moment; try again later, nothing is lost."),
    Problem("file_storage_refused", 503, "later", "文件存储拒绝了服务器（密钥、存储桶或权限不对），请联系管理员；内容没有丢失。", "The file storage refuses the server (key, bucket or rights); tell the administrator. Nothing is lost."),
    Problem("server_unreachable", 503, "later", "连不上服务器，内容都在本机，稍后会继续。", "The server cannot be reached; everything is kept here and will go later."),
    Problem("server_busy", 503, "later", "服务器或途中的网关正忙，请 {seconds} 秒后再试，内容都在本机。", "The server, or a gateway on the way, is busy; try again in {seconds} seconds, everything is kept here."),
    Problem("server_not_trusted", 495, "ask_person", "对方的证书不是服务器的（{detail}），没有发送任何内容。请核对本机日期，换一个网络再试；仍不行请联系派工台。", "The certificate is not the server's ({detail}), so nothing was sent. Check this device's date, try another network, or tell the dispatcher."),
    Problem("network_sign_in", 511, "ask_person", "这个网络要先登录才能上网：请用浏览器打开任意网页登录，再同步。内容都在本机。", "This network wants a sign-in first: open any page in a browser, sign in, then sync again. Everything is kept here."),
    Problem("answer_not_understood", 502, "later", "收到的不是服务器的回答（可能是上网登录页），请换一个网络再试，内容都在本机。", "The answer is not from the server (perhaps a network's sign-in page); try another network, everything is kept here."),
    Problem("bundle_invalid", 400, "never", "文件不是有效的变更包：{detail}。", "The file is not a valid bundle: {detail}."),
    Problem("draft_too_large", 413, "never", "表单内容太长（上限 {limit} 字节），最后的改动没有保存。", "What stands in the form is too long ({limit} bytes at most); the last change was not kept."),
    Problem("device_locked", 423, "ask_person", "终端已锁定，请输入 PIN。", "The device is locked; enter the PIN."),
    Problem("page_not_yours", 403, "never", "此页面只供本机使用。请用 gongdan-field ui 打开。", "These pages are for the person at this device only. Open them with gongdan-field ui."),
    Problem("port_in_use", 409, "ask_person", "端口 {port} 已被占用：页面可能已经打开；否则请用 --port 另选。", "Port {port} is in use: the pages may be open already; otherwise choose another with --port."),
    Problem("sync_running", 409, "later", "正在同步，请稍候。", "A sync is running; wait for it."),
    Problem("order_not_open", 409, "ask_person", "请先打开一张工单（scan 或 start）。", "Open a work order first (scan or start)."),
    Problem("limit_exceeded", 422, "ask_person", "“{item}”超出允许范围 {low} 至 {high} {unit}，不能继续。", "'{item}' is outside its limits {low} to {high} {unit} and blocks the work."),
    # Requests of customers.
    Problem("request_empty", 422, "ask_person", "请写下故障现象，或附上照片。", "Say what is wrong, or add a photo."),
    Problem("request_decided", 409, "after_pull", "请求 {number} 已由他人处理，请重新查看。", "Request {number} was decided by somebody else; look again."),
    Problem("too_many_notes", 409, "ask_person", "这个请求的补充已到上限（{limit}），请打电话给我们。", "This request has reached its limit of additions ({limit}); please telephone us."),
    Problem("file_not_accepted", 422, "ask_person", "“{name}”不是可接收的照片（支持 JPEG、PNG、WebP，每张不超过 {limit} MB）。", "'{name}' is not a photo that can be taken (JPEG, PNG, WebP, {limit} MB each at most)."),
    Problem("order_not_solved", 409, "later", "工单 {number} 还没有写明处理措施并完工。", "Order {number} is not finished with a remedy yet."),
    Problem("not_rateable", 409, "later", "服务完成后才能评价，每次服务评价一次。", "A service is rated once, after it is done."),
    Problem("log_damaged", 500, "later", "日志缺少第 {position} 条，请运行 gongdan-server verify-log。", "The log lacks entry {position}; run gongdan-server verify-log."),
    # The stock.
    Problem("lines_missing", 422, "ask_person", "还没有任何一行，请先扫描或输入备件。", "There is no line yet; scan or type a part first."),
    Problem("too_many_lines", 422, "ask_person", "一次最多登记 {limit} 行，请分几次。", "At most {limit} lines are booked at once; book the rest separately."),
    Problem("same_place", 422, "ask_person", "移出和移入是同一处，请改正。", "It would go to where it comes from; choose another place."),
    Problem("serial_there", 409, "ask_person", "序列号 {serial} 已在库存中，请核对标签。", "Serial number {serial} is in stock already; look at the label again."),
    Problem("batch_differs", 409, "ask_person", "批次 {number} 已登记，“{field}”是“{value}”，与输入不同。请核对单据，或在主数据中更正。", "Batch {number} is on file with another '{field}': {value}. Look at the papers again, or correct it in the master data."),
    Problem("move_reversed", 409, "never", "这条移动已经冲销过，或它本身就是冲销。", "This move was put right already, or puts another one right itself."),
    Problem("level_upside_down", 422, "ask_person", "标准数量 {standard} 小于最低数量 {minimum}，请改正。", "The standard {standard} is less than the minimum {minimum}; correct one of them."),
    Problem("sheet_too_long", 422, "ask_person", "一张盘点单最多 {limit} 行，请用名称或备件号限定范围，分几张盘点。", "A count sheet has {limit} lines at most; narrow it by the parts' names or numbers and count on several."),
    Problem("paper_not_accepted", 422, "ask_person", "“{name}”不是可接收的文件（支持 PDF、JPEG、PNG、WebP，不超过 {limit} MB）。", "'{name}' is not a paper that can be filed (PDF, JPEG, PNG, WebP, {limit} MB at most)."),
    Problem("reason_missing", 422, "ask_person", "有差异，请写明原因。", "There are differences; say why."),
    Problem("log_forked", 409, "ask_person", "服务器的日志不是以本机见过的 {size} 条开头，可能被改动。本机的记录都在，请告知稽核人员。", "The server's log does not begin with the {size} entries that this device has seen; it may have been altered. What is recorded here is safe; tell an auditor."),
    Problem("internal", 500, "later", "服务器内部错误，已记录，编号 {trace}。", "The server failed; it is recorded under {trace}."),
)  # fmt: skip
