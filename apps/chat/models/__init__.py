"""The rows of chat, by noun."""

from apps.chat.models.attempts import Attempt
from apps.chat.models.catalogue import ChatModel, ChatPolicy, ImageRate, ModelPrice, price_of
from apps.chat.models.chain import BlockedNetwork, ChatRule, RefusalCount
from apps.chat.models.channels import Channel, ChannelHealth, ChannelKey
from apps.chat.models.conversations import SHOWN_TEXT, Conversation, Message
from apps.chat.models.entitlements import Entitlement, FreeUse, LiveEntitlements
from apps.chat.models.generations import FOR_PROGRAMS, UNSETTLED, Generation
from apps.chat.models.own_keys import OwnKey
from apps.chat.models.pictures import Picture
from apps.chat.models.prompt_library import OwnPrompt, Starter
from apps.chat.models.reports import Report, Reveal
from apps.chat.models.routes import Route
from apps.chat.models.usages import AnswerUsage, RouteCost
from apps.chat.models.vectors import AnswerVectors
from apps.chat.models.word_lists import WordHit, WordList, WordSheet

__all__ = [
    "FOR_PROGRAMS",
    "SHOWN_TEXT",
    "UNSETTLED",
    "Attempt",
    "BlockedNetwork",
    "AnswerUsage",
    "AnswerVectors",
    "Channel",
    "ChannelHealth",
    "ChannelKey",
    "ChatModel",
    "ChatPolicy",
    "ChatRule",
    "Conversation",
    "Entitlement",
    "FreeUse",
    "Generation",
    "ImageRate",
    "LiveEntitlements",
    "Message",
    "ModelPrice",
    "Picture",
    "OwnKey",
    "OwnPrompt",
    "RefusalCount",
    "Report",
    "Reveal",
    "Route",
    "RouteCost",
    "Starter",
    "WordHit",
    "WordList",
    "WordSheet",
    "price_of",
]
