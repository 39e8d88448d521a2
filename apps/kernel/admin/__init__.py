"""The admin's bones, one home for what every page of operators is made of: apps write columns and actions on them."""

from apps.kernel.admin import system
from apps.kernel.admin.alarms import Alarm, register_alarms
from apps.kernel.admin.bases import OperatorAdmin, ReadOnlyAdmin
from apps.kernel.admin.columns import Column, badge, link_to
from apps.kernel.admin.configuration import ConfigurationAdmin, ReasonedForm
from apps.kernel.admin.navigation import Task
from apps.kernel.admin.people import name_people
from apps.kernel.admin.reasons import ReasonForm, SeenForm, actor, may_offer, reason_action
from apps.kernel.admin.timelines import ANYTHING, SHOWN, Happening, tell
from apps.kernel.admin.words import (
    ACT,
    MOVEMENT,
    Codes,
    amount_in_words,
    asset_in_words,
    name_asset,
    name_codes,
)

__all__ = [
    "ACT",
    "MOVEMENT",
    "Alarm",
    "Codes",
    "Column",
    "name_codes",
    "ANYTHING",
    "SHOWN",
    "ConfigurationAdmin",
    "Happening",
    "OperatorAdmin",
    "ReadOnlyAdmin",
    "ReasonForm",
    "ReasonedForm",
    "SeenForm",
    "Task",
    "actor",
    "amount_in_words",
    "badge",
    "may_offer",
    "register_alarms",
    "asset_in_words",
    "name_asset",
    "name_people",
    "link_to",
    "reason_action",
    "system",
    "tell",
]
