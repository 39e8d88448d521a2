"""The ASGI entry point."""

import gc
import sys

import django
from django.conf import settings
from django.urls import get_resolver
from django.utils.module_loading import import_string

from config import env

# More than the database's pool has connections: some wait for others, such as WeChat Pay.
MOST_THREADS = 32
# Of these, callbacks that hang hold MOST_UNFINISHED.
MOST_URGENT_THREADS = 24
# For what requests of this process ask of it by HTTP: all of the others may be waiting for just that.
MOST_OWN_THREADS = 12
# The loop, which streams, waits so long for a thread that computes: at most 5 ms by default, for each of them in turn.
SWITCH_SECONDS = 0.0005

with env.starting(exit_code=env.SERVER_CANNOT_START):
    django.setup(set_prefix=False)

    from config.body_limit import BodyLimit
    from config.deadline import Deadline, Late
    from config.dispatcher import Dispatcher
    from config.on_loop import OnLoop
    from config.threads import Synchronous, Threads

    late = {
        path: Late(seconds, *(import_string(view) for view in views))
        for path, (seconds, *views) in settings.LATE_ANSWERS.items()
    }
    synchronous = Synchronous()
    dispatcher = Dispatcher(
        streams=OnLoop(),
        threads=Threads(synchronous, most=MOST_THREADS),
        apart=dict.fromkeys(("/readyz", *late), Threads(synchronous, most=MOST_URGENT_THREADS))
        | dict.fromkeys(settings.ASKED_BY_ITSELF, Threads(synchronous, most=MOST_OWN_THREADS)),
    )
    application = BodyLimit(
        Deadline(dispatcher, late=late),
        max_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        larger=settings.LARGER_BODIES,
    )
    # What every page needs is here before the first request, and stays: a full run of the garbage collector would hold
    # all streams for a tenth of a second while it looks through it.
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)
