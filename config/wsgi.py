"""The WSGI entry point."""

from django.core.wsgi import get_wsgi_application

from config import env

with env.starting(exit_code=env.SERVER_CANNOT_START):
    application = get_wsgi_application()
