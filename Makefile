# SPDX-License-Identifier: GPL-2.0-or-later
# The door. Everything behind it is meson's: build/release, build/test (sanitizers), build/fuzz.

PREFIX ?= /usr
DESTDIR ?=
FUZZ_SECONDS ?= 60
KERNEL_SECONDS ?= 3600
SOAK_MINUTES ?= 10
SUITES ?=

# Needs no root. What the suites hold is listed in CONTRIBUTING.md.
ROOTLESS_SUITES = unit golden fuzz house lint
is_root = [ "$$(id -u)" = 0 ]
jobs := $(shell nproc)

# sudo must not leave files in the tree that its owner cannot change. The last command's status stays.
own = status=$$?; ! $(is_root) || chown -R -h --reference=. build; exit $$status

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: all help deps check test demo bench lint format fuzz fuzz-kernel soak install deb clean need-root need-tools

all: build/release/build.ninja ## build build/portwall
	@ninja -C build/release -j$(jobs) portwall portwall.1 portwall.bash serve.conf; $(own)
	@ln -sfn release/portwall build/portwall

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 16

build/release/build.ninja: | need-tools
	@meson setup build/release --optimization=3 --prefix=$(PREFIX) >/dev/null || { tools/install-deps --check; exit 1; }

# Compiles in three fifths of the time of -O2 -g, and runs as fast: what takes long are the sanitizers. Their
# reports need no more than lines. Warnings that only -O2 gives are those of build/release and of the package.
build/test/build.ninja: | need-tools
	@meson setup build/test -Db_sanitize=address,undefined --optimization=1 -Dc_args=-g1 >/dev/null || { tools/install-deps --check; exit 1; }

build/fuzz/build.ninja: | need-tools
	@CC=clang meson setup build/fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
		>/dev/null || { tools/install-deps --check; exit 1; }

need-tools:
	@command -v meson ninja cc >/dev/null || { tools/install-deps --check; exit 1; }

need-root:
	@$(is_root) || { echo "This needs root: sudo make $(MAKECMDGOALS). Without root: make check" >&2; exit 1; }

deps: ## install what is missing of debian/control (root)
	@tools/install-deps

check: build/test/build.ninja ## all tests that need no root
	@ninja -C build/test -j$(jobs) --quiet; $(own)
	@tools/run-tests build/test $(or $(SUITES),$(ROOTLESS_SUITES)); $(own)

test: need-root deps ## install what is missing and run every test (root); SUITES="unit netns" for some
	@$(MAKE) --no-print-directory build/test/build.ninja
	@ninja -C build/test -j$(jobs) --quiet; $(own)
	@tools/run-tests build/test $(SUITES); $(own)

demo: need-root deps ## two incidents: IPIP that does not arrive, Docker that rewrites a source (root)
	@$(MAKE) --no-print-directory all
	@examples/demo; $(own)

bench: need-root ## measure: apply and API beside Neutron's own, explain and parsing beside the tools, the doctor, proofs (root)
	@tools/install-deps --bench
	@$(MAKE) --no-print-directory all
	@ninja -C build/release --quiet bench/explain_bench bench/bench_prove bench/bench_verify bench/api_load bench/flood; $(own)
	@bench/explain; $(own)
	@bench/doctor; $(own)
	@bench/prove; $(own)
	@bench/run; $(own)
	@bench/api --quick; $(own)
	@bench/watch; $(own)

lint: build/test/build.ninja ## format, static analysis, layers, shell scripts
	@ninja -C build/test -j$(jobs) --quiet; $(own)
	@tools/run-tests build/test lint; $(own)

format: ## let clang-format write every C file
	@git ls-files -z -co --exclude-standard '*.c' '*.h' | xargs -0 clang-format -i

fuzz: build/fuzz/build.ninja ## fuzz every parser for FUZZ_SECONDS (60)
	@ninja -C build/fuzz -j$(jobs) --quiet; $(own)
	@tools/run-fuzz build/fuzz $(FUZZ_SECONDS); $(own)

fuzz-kernel: need-root build/test/build.ninja ## hold the walk and the evaluator against the kernel for KERNEL_SECONDS (3600), root
	@ninja -C build/test -j$(jobs) --quiet; $(own)
	@tools/fuzz-kernel build/test $(KERNEL_SECONDS); $(own)

soak: need-root deps ## the service with 500 ports under load for SOAK_MINUTES (10), Docker restarting: no drift, no growth (root)
	@$(MAKE) --no-print-directory all
	@bench/soak --docker --minutes $(SOAK_MINUTES); $(own)

install: build/release/build.ninja ## DESTDIR= PREFIX=
	@meson configure build/release -Dprefix=$(PREFIX)
	@$(MAKE) --no-print-directory all
	@DESTDIR=$(DESTDIR) meson install -C build/release --no-rebuild --quiet; $(own)

deb: ## a Debian package of what is committed or changed, in build/deb/
	@tools/make-deb; $(own)

clean: ## remove build/
	@rm -rf build
