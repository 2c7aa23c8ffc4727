.DEFAULT_GOAL := help
.PHONY: help packages build dev demo test sanitize fmt lint bench clean

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

packages:  ## install the Debian packages that are missing
	@tools/install_packages

build: packages  ## build the executables into dist/
	@tools/build_dist

dev: build  ## run Orch on this machine (ARGS="--ephemeral …")
	dist/orch dev $(ARGS)

demo:  ## start Orch, run example flows, show what happened
	@tools/demo

test: packages  ## run every test; the last line counts the cases (TARGETS=//base/...)
	@tools/run_tests $(TARGETS)

SANITIZE ?= //base/... //expression/... //controlplane/... //worker/...
sanitize: packages  ## run the tests under the thread, address and undefined-behaviour sanitizers
	@tools/run_tests --call "--config=tsan $(SANITIZE)" --call "--config=asan $(SANITIZE)"

fmt: packages  ## lay out the C++
	@tools/lint --fix

lint: packages  ## check layout and house rules
	@tools/lint

bench: build  ## measure, beside the floors of this machine
	@tests/load/run

clean:  ## remove what was built; the shared disk cache stays
	@tools/bazel_call clean
	@rm -rf dist
