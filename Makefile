# The commands of daily work. CMake and ninja do the building; this file only names things.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

JOBS ?= $(shell nproc)
ALLOCATOR ?= jemalloc
SEEDS ?= 5000
FUZZ_SECONDS ?= 60
KILLS ?= 200
MINUTES ?= 30
SIZE ?= small
RELEASE := build/release
FILTER ?= .

export CTEST_OUTPUT_ON_FAILURE := 1

# $(call configure,<folder>,<options>): once; ninja re-runs cmake itself when a CMake file changes.
define configure
	@test -f $(1)/build.ninja || { echo "configure $(1)"; \
	  cmake -S . -B $(1) -G Ninja -DCMAKE_CXX_COMPILER_LAUNCHER=ccache $(2) >$(1).log 2>&1 \
	  || { cat $(1).log; exit 1; }; }
endef

# $(call ninja,<folder>,<targets>)
ninja = @scripts/run_ninja $(1) -j $(JOBS) $(2)

# $(call check,<name>,<sanitizer>): build and run the tests under a sanitizer.
define check
	$(call configure,build/$(1),-DCMAKE_BUILD_TYPE=RelWithDebInfo -DSANITIZE=$(2))
	$(call ninja,build/$(1),all)
	@scripts/run_ctest build/$(1) -j $(JOBS) -R '$(FILTER)'
endef

.PHONY: help
help:  ## this list
	@echo "Shoal: make <target>"
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 18
	@echo "Options: JOBS=$(JOBS) ALLOCATOR=jemalloc|mimalloc|system FILTER=<ctest regex> SEED= SEEDS= FUZZ_SECONDS= MINUTES="

.PHONY: bootstrap bootstrap-dev
bootstrap:  ## install missing Debian packages (the others call it; BOOTSTRAP=no forbids it)
	@mkdir -p build
ifneq ($(BOOTSTRAP),no)
	@scripts/bootstrap --quiet
endif

bootstrap-dev:
	@mkdir -p build
ifneq ($(BOOTSTRAP),no)
	@scripts/bootstrap --quiet --dev
endif

.PHONY: configure build
configure: bootstrap
	$(call configure,$(RELEASE),-DCMAKE_BUILD_TYPE=Release)
	@grep -qx 'ALLOCATOR:STRING=$(ALLOCATOR)' $(RELEASE)/CMakeCache.txt \
	  || cmake -DALLOCATOR=$(ALLOCATOR) $(RELEASE) >$(RELEASE).log 2>&1 || { cat $(RELEASE).log; exit 1; }
	@ln -sfn $(RELEASE)/compile_commands.json compile_commands.json

build: configure  ## the release build: build/release/shoal
	$(call ninja,$(RELEASE),shoal examples)

.PHONY: man
man: build  ## the manual: build/release/man/*.1
	@scripts/make_man $(RELEASE)/shoal $(RELEASE)/man

.PHONY: run
run: build  ## build, start a cluster of one master and three agents, run a real job on it
	@scripts/demo_job

.PHONY: test asan ubsan tsan
test: configure  ## build and run all tests
	$(call ninja,$(RELEASE),all)
	@scripts/run_ctest $(RELEASE) -j $(JOBS) -R '$(FILTER)'

asan: bootstrap  ## the tests under AddressSanitizer and LeakSanitizer
	$(call check,asan,address)

ubsan: bootstrap  ## the tests under UndefinedBehaviorSanitizer
	$(call check,ubsan,undefined)

tsan: bootstrap  ## the tests under ThreadSanitizer
	$(call check,tsan,thread)

.PHONY: sim
sim: configure  ## the simulator: SEEDS=5000 seeds, or SEED=n to replay one
	$(call ninja,$(RELEASE),shoal_sim)
	@$(RELEASE)/tests/shoal_sim $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

.PHONY: chaos
chaos: build  ## 200 random kills of agents and frameworks of a dev cluster; nothing may be left
	@scripts/chaos_dev --kills $(KILLS)

.PHONY: soak
soak: build  ## MINUTES=30 of faults for a whole cluster, SEED=n to repeat; then every promise is checked
	@scripts/soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) --shoal $(RELEASE)/shoal $(SOAK)

.PHONY: partitions
partitions: configure  ## all tests with cut networks, also those that take long (as root)
	$(call ninja,$(RELEASE),integration_test)
	@SHOAL_PARTITIONS=all $(RELEASE)/tests/integration_test --gtest_filter='PartitionTest.*'

.PHONY: fuzz fuzz-smoke
fuzz: bootstrap-dev  ## every fuzz target for FUZZ_SECONDS=60 each (FILTER=name for some)
	$(call configure,build/fuzz,-DCMAKE_BUILD_TYPE=RelWithDebInfo -DFUZZ=ON -DSANITIZE=address \
	  -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++)
	$(call ninja,build/fuzz,fuzzers)
	@scripts/run_fuzzers build/fuzz $(FUZZ_SECONDS) '$(FILTER)'

fuzz-smoke:  ## the same for 5 seconds each
	@$(MAKE) fuzz FUZZ_SECONDS=5

.PHONY: bench-build bench bench-alloc bench-smoke
bench-build: configure  ## the benchmarks: build/release/bench/*_bench
	$(call ninja,$(RELEASE),benches)

bench: bench-build  ## run them, one after the other
	@scripts/run_benches $(RELEASE)/bench '$(FILTER)'

bench-alloc: bootstrap  ## launches under jemalloc, mimalloc and the system's malloc, as ratios
	$(call configure,build/system,-DCMAKE_BUILD_TYPE=Release -DALLOCATOR=system)
	$(call ninja,build/system,shoal)
	@build/system/shoal bench alloc --runs 5 -- launch --agents 1000 --duration 5s

.PHONY: baseline
baseline: build  ## the end-to-end benches, kept in bench/baselines (SIZE=small|full)
	@scripts/record_baseline --shoal $(RELEASE)/shoal --size $(SIZE)

bench-smoke: build  ## a minute of end-to-end benches; fails on errors and losses, never on a time
	@$(RELEASE)/shoal bench agents --agents 5000 --duration 10s
	@$(RELEASE)/shoal bench launch --agents 1000 --duration 8s --warm-up 2s
	@$(RELEASE)/shoal bench launch --agents 1000 --duration 4s --warm-up 2s --batch 16
	@$(RELEASE)/shoal bench offer-latency --agents 2000 --duration 8s --warm-up 2s --frameworks 20
	@$(RELEASE)/shoal bench churn --agents 1000 --duration 8s --warm-up 2s --rate 500

.PHONY: lint format
lint: bootstrap-dev configure  ## layers, sizes, documents, format, clang-tidy
	@scripts/lint $(JOBS)

format: bootstrap-dev  ## reformat the C++ sources in place
	@scripts/check_format --fix

.PHONY: clean
clean:  ## remove build/
	rm -rf build compile_commands.json
