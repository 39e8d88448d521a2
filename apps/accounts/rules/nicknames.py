"""What members are called."""

import unicodedata

from apps.accounts.errors import NicknameNotValid, NicknameReserved
from apps.kernel.characters import INVISIBLE, JOINER, category, show_something

NICKNAME_LENGTH = 24
# What newcomers are called: somewhere's somebody.
NICKNAME_PLACES = (
    "云上", "山间", "林间", "溪边", "月下", "海边", "松下", "雪里", "花间", "雨后",
    "湖畔", "屋檐下", "晨光里", "稻田里", "小岛上", "麦浪里", "灯塔下", "巷口", "桥头", "竹林里",
)  # fmt: skip
NICKNAME_CREATURES = (
    "鹿", "鹤", "猫", "鲸", "狐狸", "麻雀", "兔子", "熊猫", "刺猬", "松鼠",
    "海豚", "燕子", "水獭", "白鹭", "蜻蜓", "企鹅", "山羊", "萤火虫", "海龟", "小马",
)  # fmt: skip

# Who has one of these in the name, or is called one of those, speaks for us.
_OURS = ("圈聊", "官方", "客服", "管理员", "工作人员", "系统消息", "chatloop", "official", "administrator")
_OURS_ALONE = ("系统", "运营", "admin", "system", "support")
# Signs that pass for others once width, case and accents are gone; i, l and 1 are one sign.
_LOOKALIKES = str.maketrans(
    "асеорхіѕтнмкв" "οαιρτκενυ" "ıɑ" "01|!i34$57@" "圏員統運",
    "aceopxlsthmkb" "oalptkevu" "la" "ollll" "eassta" "圈员统运",
)  # fmt: skip


def clean_nickname(text: str) -> str:
    """A nickname in composed form, single-spaced.

    Raises NicknameNotValid unless 1 to 24 characters remain and all of them can be seen, NicknameReserved for a name
    that sounds like ours.
    """
    nickname = _composed(text)
    # The joiner hides nothing: emoji are built with it.
    has_hidden = any(category(sign) in INVISIBLE for sign in nickname if sign != JOINER)
    if len(nickname) > NICKNAME_LENGTH or has_hidden or not show_something(nickname):
        raise NicknameNotValid()
    skeleton = _skeleton(nickname)
    if any(_skeleton(word) in skeleton for word in _OURS) or skeleton in map(_skeleton, _OURS_ALONE):
        raise NicknameReserved()
    return nickname


def is_nickname(text: str, nickname: str) -> bool:
    """Whether somebody typed this nickname; spaces and ways of composing a sign do not matter."""
    return _composed(text) == nickname


def _skeleton(text: str) -> str:
    """What somebody reads at a glance: without width, case, accents, spaces and marks, look-alikes made one."""
    folded = unicodedata.normalize("NFKD", text).casefold().translate(_LOOKALIKES)
    return "".join(sign for sign in folded if sign.isalnum())


def _composed(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
