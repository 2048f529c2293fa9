# Every target works alone on a fresh clone. `make` without a target lists them.
.DEFAULT_GOAL := help
.PHONY: help book test serve look notebooks results bench slides clean

PYTHON ?= python3
PORT   ?= 8000
BIN    := $(CURDIR)/.venv/bin
STAMP  := .venv/installed

# The classic data sets: a folder that is given (a relative one counts from here), or the one beside the repository.
ifneq ($(strip $(LMCORE_DATA)),)
  override LMCORE_DATA := $(abspath $(LMCORE_DATA))
  export LMCORE_DATA
else ifneq ($(wildcard ../shared/data),)
  export LMCORE_DATA := $(abspath ../shared/data)
endif

# One thread per process, so that outputs are the same everywhere and two processes do not fight for two cores.
export OMP_NUM_THREADS := 1
# Only the two targets that say so below may write results.
unexport LMCORE_RECORD

BOOK    := $(BIN)/jupyter-book build . --all -n -W --keep-going
NBVAL   := $(BIN)/pytest --nbval-lax --nbval-current-env --nbval-cell-timeout=300 -n 2 --dist loadfile -q notebooks
# No data, no network, nothing kept from before: proxies at a closed port, an empty cache.
OFFLINE := env -u LMCORE_DATA LMCORE_CACHE=$(CURDIR)/_build/empty-cache \
           http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 \
           HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 no_proxy= NO_PROXY=

help:
	@echo "make book       install into .venv, build the book strictly, say where it is"
	@echo "make test       ruff, unit tests, every notebook with and without data, the strict build"
	@echo "make serve      show the book at http://localhost:$(PORT)"
	@echo "make look       open every page in headless Chromium, light and dark, wide and narrow"
	@echo "make notebooks  run every notebook in place and record its results"
	@echo "make results    compute what takes long, and refresh the numbers in the prose"
	@echo "make bench      measure against peers, as ratios"
	@echo "make slides     write the slides of each chapter, to be shown without a network"
	@echo "make clean      remove what was built (.venv too)"

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make book PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

book: $(STAMP)
	$(BOOK)
	@echo "The book is $(CURDIR)/_build/html/index.html (make serve shows it in a browser)."

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/pytest -n 2 -q
	$(NBVAL)
	rm -rf _build/empty-cache
	$(OFFLINE) $(NBVAL)
	$(BOOK)

serve: $(STAMP)
	@test -f _build/html/index.html || $(BOOK)
	$(BIN)/python -m http.server --directory _build/html --bind 127.0.0.1 $(PORT)

look: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "playwright==1.65.2"
	$(BOOK)
	$(BIN)/python tools/look.py

notebooks: $(STAMP)
	LMCORE_RECORD=1 $(BIN)/python tools/notebooks.py run
	$(BIN)/python -m lmcore.results refresh

# Some two hours of one core, more than half of them the long runs on Tiny Shakespeare.
results: export LMCORE_RECORD := 1
results: $(STAMP)
	for script in ladder shakespeare lstm_ablations gru_forms bottleneck transformer_ablations; do $(BIN)/python tools/$$script.py || exit 1; done
	$(BIN)/python -m lmcore.results refresh

bench: $(STAMP)
	for script in benchmarks/[!_]*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

slides: $(STAMP)
	$(BIN)/python tools/slides.py

clean:
	rm -rf .venv _build .ruff_cache .hypothesis build *.egg-info
	find lmcore tests tools notebooks -name __pycache__ -prune -exec rm -rf {} +
