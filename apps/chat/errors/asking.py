"""Refusals to those who ask, and to those who configure what is asked."""

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


class ModelWritesNoText(DomainError):
    """A model of images or embeddings was asked for an answer."""

    kind = ErrorKind.UNPROCESSABLE
    code = "model_writes_no_text"
    title = _("This model does not write answers. Choose another one. Nothing was charged.")


class ModelEmbedsNothing(DomainError):
    """A model of texts or images was asked for embeddings."""

    kind = ErrorKind.UNPROCESSABLE
    code = "model_embeds_nothing"
    title = _("This model does not make embeddings. Choose another one. Nothing was charged.")


class ModelDrawsNothing(DomainError):
    """A model of texts or embeddings was asked for images."""

    kind = ErrorKind.UNPROCESSABLE
    code = "model_draws_nothing"
    title = _("This model does not draw. Choose another one. Nothing was charged.")


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


class BodyNotRead(ParameterNotValid):
    """A request of a program is no JSON that can be read."""

    code = "body_not_read"
    title = _("The body is not valid JSON.")


class ParameterNotOffered(DomainError):
    """A value that is right and would change the answer, which is not done here; `param` says where."""

    code = "parameter_not_offered"
    title = _("This is not offered here. Leave it out.")


class TokensNotTaken(DomainError):
    """A prompt in tokens of some model's vocabulary, which is not ours; `param` says where."""

    code = "tokens_not_taken"
    title = _("Prompts are texts here: numbers of tokens are not taken.")


class ImagesNotUnderstood(DomainError):
    """The request shows an image to a model that reads only text."""

    kind = ErrorKind.UNPROCESSABLE
    code = "images_not_understood"
    title = _("This model does not understand images.")


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


class ConfigurationNotValid(DomainError):
    """A channel, model or policy that could not work; `field` is in the context."""

    code = "configuration_not_valid"
    title = _("This configuration is not valid.")


class RuleFixed(DomainError):
    """A rule of the chain that operators can neither switch off nor move; `field` is in the context."""

    kind = ErrorKind.CONFLICT
    code = "rule_fixed"
    title = _("This rule stays where it is, and on.")
