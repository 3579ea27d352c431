"""What error pages say: for each named fact its status, what happened and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain import errors as facts
from app.web.language import lazy_gettext as _l


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What happened, and what to do about it; with the wrong account, to sign in with another."""

    title: str
    what_to_do: str
    is_about_account: bool = False


TEXTS = {
    400: ErrorText(_l("请求无法识别"), _l("请返回上一页，刷新后重试。")),
    403: ErrorText(_l("没有权限查看此页"), _l("请确认登录的是本人账号。"), is_about_account=True),
    404: ErrorText(_l("页面不存在"), _l("请检查地址，或从服务首页重新进入。")),
    405: ErrorText(_l("不支持这样的操作"), _l("请从服务首页重新进入。")),
    410: ErrorText(_l("链接已过期"), _l("请回到离校单页面，重新获取链接。")),
    413: ErrorText(_l("提交的内容太大"), _l("请选择较小的文件后重试。")),
    422: ErrorText(_l("提交未被接受"), _l("请按提示处理后再提交。")),
    429: ErrorText(_l("操作过于频繁"), _l("请稍等一分钟后再试。")),
    500: ErrorText(
        _l("系统出现故障"), _l("您的数据没有丢失。请稍后重试；如仍有问题，请把下面的请求编号告诉技术支持。")
    ),
    503: ErrorText(_l("系统暂时繁忙"), _l("您的数据没有丢失。请等待十几秒后重试。")),
}

STAFF_TEXT = ErrorText(
    _l("您登录的是工作人员账号"),
    _l("毕业生办理离校，要用本人的学生账号登录。核验离校单请从这里进入："),
    is_about_account=True,
)
"""Of who is no student and has pages of their own."""
STAFF_ELSEWHERE = _l("您登录的是工作人员账号。办理离校，要用办理对象本人的账号登录。核验离校单请从这里进入：")
OTHER_ROLE = _l("您登录的身份不在其中。在学校有几种身份的，请退出后换一种身份登录。")
FIELDS = {
    "q": _l("查找的内容"),
    "reason": _l("原因"),
    "note": _l("备注"),
    "text": _l("说明"),
    "answer": _l("答复"),
    "number": _l("同事的工号"),
    "until": _l("最后一天"),
}
"""What people type into forms of staff, by the fields' names."""
RETRIED = frozenset({429, 500, 503})
"""Errors after which the same may work a moment later."""

FACTS: dict[type[facts.DomainError], tuple[int, ErrorText]] = {
    facts.UnknownMiniApp: (404, TEXTS[404]),
    facts.UnknownStep: (404, TEXTS[404]),
    facts.UnknownSlip: (
        404,
        ErrorText(_l("没有找到这张离校单"), _l("请从“已完成事项”进入查看本人的离校单。")),
    ),
    facts.LinkExpired: (
        410,
        ErrorText(
            _l("链接已过期"),
            _l(
                "下载链接十五分钟内有效，退出登录后也不再有效。请打开离校单页面，登录后从那里重新下载或查看。"
            ),
        ),
    ),
    facts.SlipRevoked: (
        410,
        ErrorText(
            _l("离校单已撤销"),
            _l(
                "学校已撤销这张离校单，不再提供它的 PDF 和图片；以前保存、打印的也都作废。有疑问请联系下面的技术支持。"
            ),
        ),
    ),
    facts.NotAStudent: (
        403,
        ErrorText(
            _l("本服务面向毕业生"),
            _l("您登录的不是学生账号。如需核验离校单，请扫描单上的二维码。"),
            is_about_account=True,
        ),
    ),
    facts.NotGraduating: (
        403,
        ErrorText(
            _l("您不在本批次离校名单中"),
            _l("请在服务指南页核对办理对象和批次。如果您应在本批次毕业，请联系所在学院。"),
            is_about_account=True,
        ),
    ),
    facts.OutsidePeriod: (403, ErrorText(_l("现在不是办理时间"), _l("请在服务指南页查看办理时间。"))),
    facts.ActionNotOffered: (
        409,
        ErrorText(_l("现在不能办理此操作"), _l("信息可能已经变化，请回到离校信息查询页查看最新状态。")),
    ),
    facts.NothingRequired: (
        422,
        ErrorText(
            _l("没有需要您办理的事项"),
            _l(
                "按统一身份认证提供的信息，各项都不需要您办理，提交后没有可以证明的内容，所以不签发离校单。"
                "如果信息有误，请联系所在学院更正后重新登录；确实需要凭证的，请联系下面的技术支持。"
            ),
        ),
    ),
    facts.AskedTooOften: (429, TEXTS[429]),
    facts.SigningUnavailable: (
        503,
        ErrorText(
            _l("现在不能签发离校单"),
            _l(
                "离校单还没有提交，您办理的各项都没有丢失。请过几分钟回到离校信息查询页重新提交；"
                "如仍不能提交，请把下面的请求编号告诉技术支持。"
            ),
        ),
    ),
    facts.BelowCheckpoint: (
        503,
        ErrorText(
            _l("系统正在恢复数据"),
            _l("现在不能提交或更改。请过一段时间再来；如仍不能办理，请把下面的请求编号告诉技术支持。"),
        ),
    ),
    facts.NoGrant: (
        403,
        ErrorText(
            _l("您还没有工作台的权限"),
            _l(
                "请把下面的工号告诉本部门负责人或系统管理员，由其在“授权”页面为您授权；授权后刷新本页即可，不用重新登录。"
            ),
            is_about_account=True,
        ),
    ),
    facts.NotFound: (404, TEXTS[404]),
    facts.GrantEnded: (
        403,
        ErrorText(
            _l("您在这里的授权已经结束"),
            _l(
                "刚才的操作没有执行，没有更改任何记录。下面是您填写的内容，可以复制保存。如需继续办理，请联系本部门负责人或系统管理员重新授权。"
            ),
        ),
    ),
    facts.Conflict: (
        409,
        ErrorText(
            _l("刚刚有人更改了同一条记录"),
            _l("您的操作没有执行，没有更改任何记录。请返回查看现在的情况，再决定是否继续。"),
        ),
    ),
    facts.OwnDecision: (
        403,
        ErrorText(_l("这是您本人的事项"), _l("本人的事项不能由本人办理，没有更改任何记录。请由同事办理。")),
    ),
    facts.UndoTooLate: (
        409,
        ErrorText(
            _l("已不能撤销"),
            _l(
                "没有更改任何记录。超过撤销时限的，或者由他人办理的，请部门负责人在该生的办理页面填写原因后撤回。"
            ),
        ),
    ),
    facts.NeedsSecondPerson: (
        409,
        ErrorText(
            _l("须由另一人复核"),
            _l("申请人本人不能复核自己的申请，也不能由其委托的人复核。请由另一位有复核权限的同事处理。"),
        ),
    ),
    facts.ChangedSinceAsked: (
        409,
        ErrorText(
            _l("情况已经变化"),
            _l("提出申请之后，情况已经变化，不能再按原申请执行，没有更改任何记录。请核对现状后重新申请。"),
        ),
    ),
    facts.FieldRefused: (
        422,
        ErrorText(_l("填写的内容不能记录"), _l("没有更改任何记录。请返回核对各栏内容，改正后再提交。")),
    ),
    facts.DesksBusy: (
        503,
        ErrorText(
            _l("办理部门正在更新您的记录"),
            _l("离校单还没有提交，您办理的各项都没有丢失。请稍等一分钟，重新查询后再提交。"),
        ),
    ),
    facts.ReasonMissing: (422, ErrorText(_l("请填写原因"), _l("没有更改任何记录。请返回填写原因后再提交。"))),
    facts.AlreadySubmitted: (
        409,
        ErrorText(
            _l("该生已提交离校"),
            _l(
                "离校单已经签发，各环节的记录不能再改，没有更改任何记录。确有问题的，请研究生院在该生页面申请撤销离校单。"
            ),
        ),
    ),
    facts.SlipNotPrintable: (
        422,
        ErrorText(
            _l("离校单放不下全部内容"),
            _l("离校单还没有提交，数据没有丢失。请把下面的请求编号告诉技术支持。"),
        ),
    ),
    facts.CharacterMissing: (
        422,
        ErrorText(
            _l("有暂时无法打印的字"),
            _l(
                "离校单还没有提交，数据没有丢失。如果下面的字写错了，请联系所在学院更正；如果没有写错，请把它和请求编号告诉技术支持，补充字库后即可提交。"
            ),
        ),
    ),
}
