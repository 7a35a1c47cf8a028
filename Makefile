# SPDX-License-Identifier: GPL-2.0
# For people. The kernel build reads Kbuild; set-up lives in scripts/.

.DEFAULT_GOAL := modules
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

# KDIR=PATH builds for another prepared kernel tree, with this host's toolchain.
KDIR ?=
# CASE=NAME runs one test, or a cell of make hostile.
CASE ?=
# DRIVER=c: make hostile on Linux's drivers; KERNEL=stock or KERNEL=debug: on one of the two kernels.
DRIVER ?= rust
KERNEL ?=
# INSTALL_MOD_PATH=PATH installs under another root.
INSTALL_MOD_PATH ?=

.PHONY: modules modules_install deb test test-long hostile fuzz bench run clippy fmt fmt-check shellcheck how-it-works doc rust-analyzer check clean distclean help

modules: ## build the modules: for the stock Debian kernel, or for KDIR=PATH
	@$(if $(KDIR),scripts/setup tree:'$(KDIR)',scripts/setup modules)

modules_install: ## install them under INSTALL_MOD_PATH (default /), for KDIR=PATH if given
	@$(if $(KDIR),scripts/setup tree:'$(KDIR)',scripts/setup modules)
	@scripts/setup install:'$(KDIR)' '$(INSTALL_MOD_PATH)'

deb: ## a Debian package of the modules for the stock kernel, in build/deb
	@scripts/setup deb

run: ## boot a guest on the drivers; ./qemu-run.sh --help has the options
	@./qemu-run.sh

test: ## run every test, or CASE=NAME
	@tests/run $(CASE)

test-long: ## the cases that take long, at full length: many power cuts, failing allocations on the debug kernel, ten minutes of 64 flows, lies on the host
	@RVIRTIO_LONG=1 tests/run $(or $(CASE),power-cut failslab soak host fuzz)

hostile: ## drivers on devices that misbehave: all cells on both kernels, or CASE=CELL, DRIVER=c, KERNEL=stock, KERNEL=debug
	@scripts/hostile --driver $(DRIVER) $(if $(KERNEL),--kernel $(KERNEL)) $(if $(CASE),'$(CASE)')

fuzz: ## a fuzzer over the shared code, a minute for each part; scripts/fuzz --help has the options
	@scripts/fuzz

bench: ## what the drivers cost beside Linux's own; scripts/bench --help has the options
	@scripts/bench

clippy: ## clippy over the modules and the host tests, warnings are errors
	@scripts/setup clippy

fmt-check: ## is every Rust file formatted?
	@scripts/setup fmt-check

fmt: ## format every Rust file
	@scripts/setup fmt

shellcheck: ## shellcheck over every shell script
	@scripts/setup shellcheck

check: fmt-check shellcheck clippy ## all of the above

how-it-works: ## the excerpts and pictures of docs/how-it-works.md anew, from real boots
	@scripts/how-it-works

doc: ## documentation of the modules, in build/doc
	@scripts/setup doc

rust-analyzer: ## rust-project.json for editors
	@scripts/setup rust-analyzer

clean: ## remove what was built from our sources; set-up stays
	@rm -rf build/modules build/clippy build/doc build/run build/tests build/guest build/disks build/logs build/deb rust-project.json

distclean: ## remove all of build/
	@scripts/remove-build

help: ## this list
	@echo 'Targets:'
	@sed -n 's/^\([a-z_-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '  %-16s %s\n' "$$name" "$$text"; done
	@echo 'Variables: KDIR, CASE, DRIVER, KERNEL, INSTALL_MOD_PATH, RVIRTIO_CACHE, RVIRTIO_MIRROR, QEMU (see README.md)'
