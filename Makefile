# SPDX-License-Identifier: GPL-2.0
#
# dm-replica: a kernel module and its tools.  "make help" lists the targets.

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
prefix ?= /usr/local
DESTDIR ?=
export prefix DESTDIR
# Where a distribution has it elsewhere than in prefix/lib.
ifdef LIBDIR
export LIBDIR
endif

# What "make check" runs; see "make help".
KERNELS ?= um 6.1 6.12
TESTS ?=
SHARE ?=
PARTS ?=
JOBS ?=
SEED ?=
PLANS ?=
export KERNELS TESTS SHARE PARTS JOBS SEED PLANS

series := 6.1 6.12

all: module tools

help:
	@echo 'Build:'
	@echo '  all             the module for the running kernel and the tools (default)'
	@echo '  module          the module; KVER=VERSION or KDIR=DIRECTORY for another kernel'
	@echo '  modules-6.1     the module for the installed headers of Debian kernel 6.1'
	@echo '  modules-6.12    the same for 6.12; both with W=1 C=1, where a warning fails'
	@echo '  tools           replicactl, in build/userspace'
	@echo 'Install (as root; DESTDIR= and prefix=$(prefix) are honoured):'
	@echo '  install         module and tools; install-module, install-tools for one'
	@echo '  uninstall       remove them again'
	@echo '  deb             Debian packages of both, in build/deb; see scripts/deb'
	@echo '  dist            the release as build/dist/dm-replica-VERSION.tar.xz'
	@echo 'In throwaway virtual machines:'
	@echo '  demo            the main job, told step by step (KERNEL=6.1 or 6.12)'
	@echo '  check           all tests, each on the cheapest kernel that can show what it is'
	@echo '                  about (um: in user mode; 6.1, 6.12: emulated); may be narrowed:'
	@echo '                    KERNELS=6.12        on one kernel'
	@echo "                    TESTS='10-budget'   selftests whose name contains a word"
	@echo '                    PARTS="style build tools unit spec vm host"'
	@echo '                    JOBS=1              virtual machines at a time'
	@echo '                    EVERY_KERNEL=1      each test on all of KERNELS'
	@echo '                    LONG=1              more of what can be done at any length'
	@echo '                    TEST_TIMEOUT=3600   seconds for one selftest (900)'
	@echo '  check-tcg       all tests on emulated kernels with two CPUs, on one of 6.1 and 6.12'
	@echo '                  each; EVERY_KERNEL=1 for both'
	@echo '  check-bench, check-host, check-libvirt, check-replication'
	@echo '                  the long form of what has a share of "make check"'
	@echo '  bench           dm-replica beside what users would take instead, on a user-mode and an'
	@echo '                  emulated kernel, into build/bench.json; OPTIONS= of scripts/bench.'
	@echo '                  "make bench-page" makes Documentation/performance.md from it'
	@echo '  guest-figures   figures of guests in Documentation/libvirt.md, from the last run of'
	@echo '                  selftests/run --kernels um --tests 94-libvirt'
	@echo '  check-crash     the crash replay at length (SEED=, PLANS=, KERNELS=)'
	@echo '  check-rules     break each safety rule on purpose and see that a test fails (long);'
	@echo "                    ONLY='R5. 03-'       patches of these rules, or with a word in the name"
	@echo '                    LEVELS=unit         those that need no virtual machine'
	@echo '  check-debug     selftests on a user-mode kernel with KASAN, lockdep, kmemleak and more,'
	@echo '                    which is built first (once, about 13 minutes of CPU time); TESTS=,'
	@echo '                    JOBS=; KERNELS=debug for an emulated one with two CPUs, KERNELS=kcsan'
	@echo '                    for one that finds data races (22 minutes each)'
	@echo '  deps            install what all of it needs (check and demo do so themselves)'
	@echo 'Other:'
	@echo '  clean           remove what was built; keeps the kernels downloaded'
	@echo '  distclean       remove build/ altogether'

# --- module ---------------------------------------------------------------

# Sources are linked into a directory of their own for each kernel, because
# kbuild puts objects next to them.
module:
	@scripts/build-module --dir build/$(KVER) --kdir '$(KDIR)' $(if $(W),W=$(W)) $(if $(C),C=$(C)) $(if $(V),V=$(V))

modules-%:
	@case '$*' in 6.1|6.12) ;; *) echo 'no kernel series $*; there are: $(series)' >&2; exit 1 ;; esac
	@scripts/build-module --strict --dir build/$* --series $* W=$(or $(W),1) C=$(or $(C),1) $(if $(V),V=$(V))

# For the kernels of scripts/test-kernel: their own headers are not free of warnings.
modules-um modules-um-debug modules-debug modules-kcsan modules-arm64: modules-%:
	@scripts/test-kernel $*
	@scripts/build-module --strict --dir build/$* --series $* $(if $(V),V=$(V))

modules: $(addprefix modules-,$(series))

# --- tools ----------------------------------------------------------------

tools:
	@if [ -e userspace/Makefile ]; then $(MAKE) --no-print-directory -C userspace; \
	else echo 'userspace/Makefile does not exist yet: no tools'; fi

# --- installation ---------------------------------------------------------

install: install-module install-tools

install-module: module
	install -D -m 644 build/$(KVER)/dm-replica.ko '$(DESTDIR)/lib/modules/$(KVER)/updates/dm-replica.ko'
	$(if $(DESTDIR),,PATH=$$PATH:/sbin:/usr/sbin depmod -a '$(KVER)')

install-tools: tools
	@if [ -e userspace/Makefile ]; then $(MAKE) --no-print-directory -C userspace install; fi

uninstall:
	find '$(DESTDIR)/lib/modules/$(KVER)' -name 'dm-replica.ko*' -delete
	$(if $(DESTDIR),,PATH=$$PATH:/sbin:/usr/sbin depmod -a '$(KVER)')
	@if [ -e userspace/Makefile ]; then $(MAKE) --no-print-directory -C userspace uninstall; fi

deb:
	@scripts/deps build deb
	@scripts/deb

dist:
	@scripts/deb --dist build/dist

# --- demo and tests -------------------------------------------------------

deps:
	@scripts/deps build vm demo test kernel deb

KERNEL ?= 6.1
demo:
	@scripts/deps build vm demo
	@$(MAKE) --no-print-directory modules-$(KERNEL) tools
	@KERNEL=$(KERNEL) scripts/demo

# Without the tools for packages their test is skipped.
deps_deb = @scripts/deps deb || echo 'deps: the packages will not be tested' >&2

check:
	@scripts/deps
	$(deps_deb)
	+@MAKEFLAGS= scripts/check

# Cheapest levels aside: what needs two CPUs, an older kernel, or Debian's own.
check-tcg:
	@scripts/deps
	+@MAKEFLAGS= KERNELS='$(or $(filter 6.1 6.12,$(KERNELS)),6.1 6.12)' PARTS='$(or $(PARTS),build tools vm host)' \
		scripts/check

check-bench check-host check-libvirt check-replication: check-%:
	@scripts/deps
	$(if $(filter host,$*),$(deps_deb))
	+@MAKEFLAGS= LONG=1 TEST_TIMEOUT=$(or $(TEST_TIMEOUT),3600) HOST_TIMEOUT=$(or $(HOST_TIMEOUT),7200) \
		SHARE=$* scripts/check

# Compares speeds: nothing else should run meanwhile.
bench:
	@scripts/deps
	@scripts/bench $(OPTIONS)

bench-page:
	@scripts/bench-page build/bench.json

# From the last run of the test that measures them.
guest-figures:
	@scripts/guest-figures

# Takes long: every plan is lived, replayed and lived on, on each kernel.
check-crash:
	@scripts/deps
	+@MAKEFLAGS= CRASH=all HOST_TIMEOUT=7200 PARTS='build tools host' TESTS=60-crash-replay \
		scripts/check

# What does not run there is counted as skipped, with its reason.
check-debug: debug := $(or $(filter debug kcsan,$(KERNELS)),um-debug)
check-debug:
	@scripts/deps
	@scripts/test-kernel $(debug)
	+@MAKEFLAGS= KERNELS=$(debug) PARTS='$(or $(PARTS),build tools vm host)' scripts/check

check-rules:
	@scripts/deps
	@selftests/run --prepare
	@MAKEFLAGS= selftests/rules/run --only '$(ONLY)' --levels '$(LEVELS)' $(OPTIONS)

clean:
	@for d in build/*; do case $$d in build/vm|build/kselftest|build/test-kernel|build/promtool|build/sshd|build/host-root) ;; *) rm -rf "$$d" ;; esac; done
	@for d in userspace selftests/unit; do \
		if [ -e $$d/Makefile ]; then $(MAKE) --no-print-directory -C $$d clean; fi; done

distclean: clean
	rm -rf build

.PHONY: all help module modules tools install install-module install-tools uninstall deb dist deps demo check \
	check-tcg check-bench check-host check-libvirt check-replication check-crash check-debug \
	check-rules bench bench-page guest-figures clean distclean
