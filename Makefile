# Short names for what the scripts do.
.PHONY: serve test bench bench-short lint

serve:
	scripts/serve

test:
	scripts/test

bench:
	scripts/setup bench
	.venv/bin/python -m benchmarks

bench-short:
	scripts/setup bench
	.venv/bin/python -m benchmarks --short --output build/benchmarks

lint:
	scripts/setup test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
