# Everything a person types. A bare machine needs Python 3.11 or newer, and make; PORT=… moves the site.
PYTHON = $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Two more than two cores have: journeys and browsers mostly wait.
WORKERS = -n 4 --dist loadgroup
TEXTS := locale/zh_Hans/LC_MESSAGES/django.mo
# uv when it is there and can, else pip; both refuse a file whose hash is not in the lock. A new pip cannot speak SOCKS.
PROXIES = $(strip $(foreach name,http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY,$(if $($(name)),$(name))))
SOCKS = $(foreach name,$(PROXIES),$(if $(filter socks%,$($(name))),$(name)))
install = (uv pip install -q --require-hashes -p $(or $(2),$(BIN))/python -r $(1) 2>/dev/null || \
	env $(SOCKS:%=-u %) $(or $(2),$(BIN))/pip install -q --disable-pip-version-check --require-hashes -r $(1) || \
	{ echo "The packages could not be fetched$(if $(PROXIES),; this shell sets $(PROXIES))."; exit 2; }) && touch $@

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##/make \1\t/p' Makefile | expand -t 22
run: .venv/runtime $(TEXTS)  ## the site on http://127.0.0.1:8000 (PORT=…), until Ctrl-C
	@exec $(BIN)/python manage.py up
test: .venv/dev  ## the whole suite on SQLite and an embedded Valkey
	$(BIN)/pytest $(WORKERS) $(ARGS)
check: .venv/dev lint test  ## what has to be green: lint, types, arrows, migrations, tests
lint: .venv/dev
	$(BIN)/ruff format --check && $(BIN)/ruff check && $(BIN)/mypy && $(BIN)/lint-imports
	$(BIN)/python manage.py check && $(BIN)/python manage.py makemigrations --check --dry-run
test-services: .venv/dev  ## the suite on PostgreSQL and Redis (DATABASE_URL, REDIS_URL, or their default local ports)
	DATABASE_URL=$${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/chatloop} \
	REDIS_URL=$${REDIS_URL:-redis://127.0.0.1:6379/5} $(BIN)/pytest $(WORKERS) $(ARGS)
schema: .venv/dev  ## write down the schema that the migrations make, for the audit (SQLite and PostgreSQL)
	RENEW_SCHEMA=1 $(BIN)/pytest -q tests/integration/ops/test_schema.py
	RENEW_SCHEMA=1 DATABASE_URL=$${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/chatloop} \
	REDIS_URL=$${REDIS_URL:-redis://127.0.0.1:6379/5} $(BIN)/pytest -q tests/integration/ops/test_schema.py
browser: .venv/dev  ## only the tests in a real Chromium
	$(BIN)/pytest -m browser $(ARGS)
fuzz: .venv/dev  ## ask for what the API's descriptions say, and do not say, for half an hour (FUZZ_EXAMPLES=…)
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-200} $(BIN)/pytest --timeout=7200 tests/fuzzing $(ARGS)
clients: .clients/node  ## fetch the clients of tests/clients (in .clients), which are skipped without
fix: .venv/dev  ## format, and repair what ruff can
	$(BIN)/ruff format && $(BIN)/ruff check --fix
messages: .venv/dev  ## join and compile the Chinese texts, list the missing ones
	$(BIN)/python -m config.translations --missing
audit: .venv/runtime  ## check every invariant of the data in var/
	$(BIN)/python manage.py audit
lock:  ## renew the lock files from pyproject.toml, and that of the tested clients (needs uv)
	uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header --upgrade pyproject.toml -o requirements.txt
	uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header --upgrade tests/clients/requirements.in -o tests/clients/requirements.txt
clean:  ## forget the virtual environment and all caches; var/ stays
	rm -rf .venv .clients .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache staticfiles $(TEXTS)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Chatloop needs Python 3.11 or newer with its venv module; found: $$(python3 -V 2>&1)."; exit 2; }
	@echo "Making .venv with $$($(PYTHON) -V) …" && $(PYTHON) -m venv .venv
.venv/runtime: requirements.txt | $(BIN)/python
	@echo "Installing the locked dependencies (once) …"; $(call install,requirements.txt)
.venv/dev: requirements-dev.txt | $(BIN)/python
	@echo "Installing the locked dependencies with the test tools (once) …"; $(call install,requirements-dev.txt) && touch .venv/runtime
.clients/python: tests/clients/requirements.txt | $(BIN)/python
	@echo "Installing the locked clients (once) …"; rm -rf .clients && $(PYTHON) -m venv .clients && $(call install,$<,.clients/bin)
.clients/node: $(wildcard tests/clients/node/*.json) .clients/python
	@cp tests/clients/node/*.json .clients && cd .clients && PATH="$$PWD/bin:$$PATH" npm ci --silent --ignore-scripts && touch node
$(TEXTS): $(wildcard locale/zh_Hans/LC_MESSAGES/parts/*.po) | .venv/runtime
	@$(BIN)/python -m config.translations

.PHONY: help run test check lint test-services schema browser fuzz clients fix messages audit lock clean
