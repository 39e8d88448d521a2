"""Refusals of chat."""

from apps.chat.contracts import WordsFound
from apps.kernel.errors import DomainError, ErrorKind, _


class ConversationNotFound(DomainError):
    """No such conversation, or somebody else's; the two are not told apart."""

    kind = ErrorKind.NOT_FOUND
    code = "conversation_not_found"
    title = _("There is no such conversation.")


class MessageNotFound(DomainError):
    """No such message, or somebody else's, or not one that can be answered."""

    kind = ErrorKind.NOT_FOUND
    code = "message_not_found"
    title = _("There is no such message.")


class GenerationNotFound(DomainError):
    """No such generation, or somebody else's."""

    kind = ErrorKind.NOT_FOUND
    code = "generation_not_found"
    title = _("There is no such answer.")


class ModelNotFound(DomainError):
    """A model that does not exist or is switched off."""

    kind = ErrorKind.NOT_FOUND
    code = "model_not_found"
    title = _("This model is not available.")


class ChannelNotTried(DomainError):
    """A channel without a key, or without a route to a model of texts, cannot be tried; `channel` is in the context."""

    kind = ErrorKind.CONFLICT
    code = "channel_not_tried"
    title = _("It cannot be tested: it has no key, or no route to a text model.")


class TriedTogether(DomainError):
    """Several were chosen to be tried, and an operator waits for each."""

    code = "tried_together"
    title = _("Test one at a time: each takes up to twelve seconds.")


class ModelWritesNoText(DomainError):
    """A model of images or embeddings was asked for an answer."""

    kind = ErrorKind.UNPROCESSABLE
    code = "model_writes_no_text"
    title = _("This model does not write answers. Choose another one. Nothing was charged.")


class ModelNotEntitled(DomainError):
    """The user has no entitlement for this model."""

    kind = ErrorKind.FORBIDDEN
    code = "model_not_entitled"
    title = _("This model is not part of your plan.")


class QuotaExhausted(DomainError):
    """Neither a free use nor enough quota; `price_milli`, `available_milli` and `free_left` are in the context."""

    kind = ErrorKind.CONFLICT
    code = "quota_exhausted"
    title = _("Your chat quota is used up.")


class TooManyRunning(DomainError):
    """The user has as many answers in the making as allowed; `limit` is in the context."""

    kind = ErrorKind.RATE_LIMITED
    code = "too_many_running"
    title = _("Too many answers are being written at once. Wait for one to finish.")


class TooManyAnswers(DomainError):
    """More answers than ever run at once, or may be asked for in a minute; `limit` is in the context."""

    code = "too_many_answers"
    title = _("So many answers cannot be written at once. Ask for fewer.")


class AskedTooOften(DomainError):
    """As many questions within a minute as allowed; `limit` and `retry_after` are in the context."""

    kind = ErrorKind.RATE_LIMITED
    code = "asked_too_often"
    title = _("You are sending messages very quickly. Wait a moment, then send this one again.")


class KeyAskedTooOften(DomainError):
    """As many questions within a minute as the API key allows; `limit` and `retry_after` are in the context."""

    kind = ErrorKind.RATE_LIMITED
    code = "key_asked_too_often"
    title = _("This API key has used up its requests of the minute. Wait a moment.")


class KeyTokensUsedUp(DomainError):
    """The API key's tokens of the minute do not reach; `limit`, `remaining` and `retry_after` are in the context."""

    kind = ErrorKind.RATE_LIMITED
    code = "key_tokens_used_up"
    title = _("This API key has used up its tokens of the minute. Wait a moment.")


class RequestBeyondKeyTokens(DomainError):
    """The request may take more `tokens` than the API key's whole minute has, `limit`; both are in the context."""

    code = "request_beyond_key_tokens"
    title = _("This request may take more tokens than its API key has in a minute. Say less, or want a shorter answer.")


class NetworkBlocked(DomainError):
    """The question comes from a network that operators hold back."""

    kind = ErrorKind.FORBIDDEN
    code = "network_blocked"
    title = _("Chat is not open to your network at the moment. Please contact support.")


class SystemPromptRefused(DomainError):
    """A request speaks as the system, which operators have not allowed."""

    kind = ErrorKind.FORBIDDEN
    code = "system_prompt_refused"
    title = _("Requests may not speak as the system here.")


class TooManyUnpaid(DomainError):
    """Too many answers of the day cost nothing; `limit` and `retry_after`, until midnight, are in the context."""

    kind = ErrorKind.RATE_LIMITED
    code = "too_many_unpaid"
    title = _(
        "Too many of your answers today were stopped before their first word or came to nothing. Ask again tomorrow."
    )


class MessageEmpty(DomainError):
    """Nothing but white space."""

    code = "message_empty"
    title = _("A message needs some text.")


class MessageTooLong(DomainError):
    """More characters than allowed; `limit` is in the context."""

    code = "message_too_long"
    title = _("This message is too long.")


class WordsRefused(DomainError):
    """A question with words of a list that refuses; which, nobody is told. `found` is what was found of all lists."""

    code = "words_refused"
    title = _("This message has words that cannot be sent here. Nothing was charged.")

    def __init__(self, *, found: tuple[WordsFound, ...] = ()) -> None:
        super().__init__()
        self.found = found


class RequestNotValid(DomainError):
    """A request that is not turns of known parts, or of too many; `at` is the place, as "2.parts.0"."""

    code = "request_not_valid"
    title = _("This request cannot be read.")


class RequestTooLong(DomainError):
    """A request says more than its model takes in; `limit`, in tokens as we count them, is in the context."""

    code = "request_too_long"
    title = _("This request is longer than the model can read.")


class ParameterMissing(DomainError):
    """A request of a program lacks what it cannot do without; `param` names it."""

    code = "parameter_missing"
    title = _("This parameter is needed.")


class ParameterUnknown(DomainError):
    """A request of a program says something that nobody knows; `param` is its name."""

    code = "parameter_unknown"
    title = _("There is no such parameter.")


class ParameterNotValid(DomainError):
    """A value of the wrong kind, or out of its range; `param` says where, nowhere is the whole body."""

    code = "parameter_not_valid"
    title = _("This value cannot be used.")


class ParameterNotOffered(DomainError):
    """A value that is right and would change the answer, which is not done here; `param` says where."""

    code = "parameter_not_offered"
    title = _("This is not offered here. Leave it out.")


class ImagesNotUnderstood(DomainError):
    """The request shows an image to a model that reads only text."""

    kind = ErrorKind.UNPROCESSABLE
    code = "images_not_understood"
    title = _("This model does not understand images.")


class PictureNotFound(DomainError):
    """No such picture, or somebody else's, or one that is erased; the three are not told apart."""

    kind = ErrorKind.NOT_FOUND
    code = "picture_not_found"
    title = _("There is no such picture.")


class PictureNotUnderstood(DomainError):
    """A file that is no picture, of a type that is not taken, or broken."""

    code = "picture_not_understood"
    title = _("This picture cannot be read. PNG, JPEG, WebP and GIF can.")


class PictureTooLarge(DomainError):
    """More bytes, or more pixels, than a picture may have; where it is the bytes, their `limit` is in the context."""

    code = "picture_too_large"
    title = _("This picture is too large. Make it smaller, then send it again.")


class PicturesFull(DomainError):
    """The member keeps as many pictures, or as much of them, as anybody may; `limit` and `unit` are in the context."""

    kind = ErrorKind.CONFLICT
    code = "pictures_full"
    title = _("You keep as many pictures as you may. Delete conversations that have some, then try again.")


class TooManyPictures(DomainError):
    """More pictures than one message, or one request, may have; `limit` is in the context."""

    code = "too_many_pictures"
    title = _("These are too many pictures at once.")


class PictureInUse(DomainError):
    """A picture that another conversation shows, or that is asked with, cannot be sent or removed."""

    kind = ErrorKind.CONFLICT
    code = "picture_in_use"
    title = _("This picture belongs to another message. Choose it again.")


class ClientIdReused(DomainError):
    """The client_id was used before with another message."""

    kind = ErrorKind.UNPROCESSABLE
    code = "client_id_reused"
    title = _("This client_id was already used for a different message.")


class ConversationBusy(DomainError):
    """An answer in this conversation is still being written."""

    kind = ErrorKind.CONFLICT
    code = "conversation_busy"
    title = _("An answer is still being written here. Stop it first.")


class AnswerUnderWay(DomainError):
    """Somebody wants to leave while an answer of theirs is being written."""

    kind = ErrorKind.CONFLICT
    code = "answer_under_way"
    title = _("An answer is still being written. Wait for it or stop it first.")


class TitleNotValid(DomainError):
    """A title is one line of 1 to 80 characters."""

    code = "title_not_valid"
    title = _("A title is 1 to 80 characters on one line.")


class ChatSwitchedOff(DomainError):
    """Operators have switched chat off."""

    kind = ErrorKind.UNAVAILABLE
    code = "chat_switched_off"
    title = _("Chat is paused for the moment. Nothing was charged.")


class IllegalTransition(DomainError):
    """A generation cannot go from its state to that one."""

    kind = ErrorKind.CONFLICT
    code = "illegal_transition"
    title = _("This step is not possible from the present state.")


class ChannelKeyNeeded(DomainError):
    """A channel would send the key that it has to another place than the one that it was entered for."""

    code = "channel_key_needed"
    title = _("Calls would go to another address or proxy: enter the key again.")


class ConfigurationNotValid(DomainError):
    """A channel, model or policy that could not work; `field` is in the context."""

    code = "configuration_not_valid"
    title = _("This configuration is not valid.")


class AnswerNotFinished(DomainError):
    """An answer that is still being written, of something that only finished ones have."""

    kind = ErrorKind.CONFLICT
    code = "answer_not_finished"
    title = _("This answer is still being written. Wait for its end.")


class AlreadyReported(DomainError):
    """The member has said something else about this answer before."""

    kind = ErrorKind.CONFLICT
    code = "already_reported"
    title = _("You have already reported this answer.")


class ReportNotFound(DomainError):
    """No such report."""

    kind = ErrorKind.NOT_FOUND
    code = "report_not_found"
    title = _("There is no such report.")


class ReportDecided(DomainError):
    """Somebody has decided the report before."""

    kind = ErrorKind.CONFLICT
    code = "report_decided"
    title = _("This report is already decided.")


class ReportNotDecided(DomainError):
    """A decision that decides nothing, or tells the member nothing, or more than `limit` characters."""

    code = "report_not_decided"
    title = _("A decision says whether the report is upheld, and tells its member why.")


class RuleFixed(DomainError):
    """A rule of the chain that operators can neither switch off nor move; `field` is in the context."""

    kind = ErrorKind.CONFLICT
    code = "rule_fixed"
    title = _("This rule stays where it is, and on.")


class WordsNotValid(DomainError):
    """Lines that are no words, of a list or a file; `lines` are the numbers of the first ones, in the context."""

    code = "words_not_valid"
    title = _("Some lines are no words that can be found.")


class WordFileNotValid(DomainError):
    """A file that is no UTF-8 text, or too big."""

    code = "word_file_not_valid"
    title = _("The file has to be UTF-8 text of at most 2 MB: a word on each line, or CSV.")


class TooManyWords(DomainError):
    """More words than lists may have; `limit`, of one list or of all, is in the context."""

    code = "too_many_words"
    title = _("There are more words than the lists may hold.")
