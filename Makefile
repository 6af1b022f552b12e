# leat: one Makefile for everything, not recursive over folders. `make help` lists the targets.
#
# Sources are found by their place: a new file in engine/<layer>/, plugins/<name>/ or tests/ needs
# no change here. BUILD is where results go; VARIANT is one of
#
#   release   optimised, hardened: build/leat and build/plugins/*.so
#   fault     release with fault points; unit and crash tests use it beside the release build
#   debug     -O0, fault points
#   asan      address and undefined behaviour sanitizers, fault points
#   tsan      thread sanitizer, fault points
#   coverage  counts lines
#   fuzz      clang with coverage feedback and sanitizers
#
# All but release live in build/<variant>/. Nothing here runs a compiler while the Makefile is
# read: on a bare machine `make test` and `make demo` install the compiler first.

BUILD ?= build
VARIANT ?= release
PREFIX ?= /usr/local
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
FUZZ_SECONDS ?= 20
T ?=

VARIANTS := release fault debug asan tsan coverage fuzz
ifeq ($(filter $(VARIANT),$(VARIANTS)),)
$(error VARIANT is "$(VARIANT)"; it must be one of: $(VARIANTS))
endif
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(JOBS)
endif
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

# V=1 shows whole commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')

# --- flags --------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wpedantic -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef \
    -Wformat=2 -Wvla -Wdouble-promotion -Wswitch -Wconversion -Wsign-conversion -Wshadow -Werror
C_WARNINGS := $(WARNINGS) -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
HARDENING := -fstack-protector-strong -fno-strict-aliasing -fno-common
INCLUDES := -Iengine -Isdk/include
ENGINE_LIBS := -luv -llmdb -lmsgpackc -lmicrohttpd -lyaml -ljansson -ljq -lsodium -lxxhash \
    -lpthread -ldl -lm
EXE_LINK := -pie -Wl,--as-needed -Wl,-z,relro,-z,now -Wl,-z,noexecstack
SO_LINK := -shared -Wl,--as-needed -Wl,-z,defs -Wl,-z,relro,-z,now -Wl,-z,noexecstack \
    -Wl,--build-id

OPT_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
OPT_fault := $(OPT_release) -DLEAT_FAULTS
OPT_debug := -O0 -g3 -DLEAT_FAULTS
OPT_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
    -fno-omit-frame-pointer -DLEAT_FAULTS
OPT_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer -DLEAT_FAULTS
OPT_coverage := -O0 -g --coverage -DLEAT_FAULTS
OPT_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
    -fno-omit-frame-pointer -DLEAT_FAULTS
SANITIZE_asan := -fsanitize=address,undefined
SANITIZE_tsan := -fsanitize=thread
SANITIZE_coverage := --coverage
SANITIZE_fuzz := -fsanitize=fuzzer,address,undefined

CC_COMMON = -std=gnu11 -D_GNU_SOURCE $(C_WARNINGS) $(HARDENING) -MMD -MP
CXX_COMMON = -std=c++17 -D_GNU_SOURCE $(WARNINGS) $(HARDENING) -MMD -MP
PLUGIN_FLAGS := -Isdk/include -fPIC -fvisibility=hidden

# --- sources ------------------------------------------------------------------------------------

LAYERS := main api drive work plug core store model value base
ENGINE_SRC := $(foreach layer,$(LAYERS),$(wildcard engine/$(layer)/*.c))
MAIN_SRC := $(filter engine/main/main.c,$(ENGINE_SRC))
LIB_SRC := $(filter-out $(MAIN_SRC),$(ENGINE_SRC))

# What the unit tests of a layer are linked with: itself and what it may see, highest first.
BELOW_base := base
BELOW_value := value base
BELOW_model := model value base
BELOW_store := store value base
BELOW_core := core store model value base
BELOW_plug := plug store model value base
BELOW_work := work plug core store model value base
BELOW_drive := drive $(BELOW_work)
BELOW_api := api $(BELOW_drive)
BELOW_main := main $(BELOW_api)

# A plugin is a folder with a source of the same name: $(call plugins_in,plugins,c)
dir_name = $(notdir $(patsubst %/,%,$(dir $(1))))
plugins_in = $(sort $(foreach file,$(wildcard $(1)/*/*.$(2)),$(if \
    $(filter $(call dir_name,$(file)),$(basename $(notdir $(file)))),$(call dir_name,$(file)))))
PLUGINS := $(call plugins_in,plugins,c)
EXAMPLES_C := $(call plugins_in,examples/plugins,c)
EXAMPLES_CXX := $(call plugins_in,examples/plugins,cpp)
# Examples in other languages are built where their compiler happens to be there.
EXAMPLES_RUST := $(if $(shell command -v rustc),$(call plugins_in,examples/plugins,rs))
EXAMPLES_ZIG := $(if $(shell command -v zig),$(call plugins_in,examples/plugins,zig))
HOSTILE := $(sort $(patsubst tests/hostile/%.c,%,\
    $(filter-out tests/hostile/test_%,$(wildcard tests/hostile/*.c))))

# T picks tests by a part of their names; with it, only what they need is built.
picked = $(if $(T),$(foreach name,$(1),$(if $(findstring $(T),$(name)),$(name))),$(1))
UNIT_TESTS := $(wildcard tests/unit/*/test_*.c)
PLUGIN_TESTS := $(wildcard plugins/*/test_*.c)
WHOLE_DIRS := e2e abi hostile sim crash
WHOLE_TESTS := $(foreach dir,$(WHOLE_DIRS),$(wildcard tests/$(dir)/test_*.c))
# Programs of their own that print TAP: threads at work, for the thread sanitizer above all.
RACE_TESTS := $(wildcard tests/race/race_*.c)
# Criterion and the thread sanitizer want the same addresses. So with VARIANT=tsan no unit test
# runs, and the other tests, built without it, drive a program that was built with it.
CASE_TESTS := $(call picked,$(sort $(if $(filter tsan,$(VARIANT)),,$(UNIT_TESTS) $(PLUGIN_TESTS)) \
    $(WHOLE_TESTS)))
RACE_SRC := $(call picked,$(RACE_TESTS))
TEST_SRC := $(CASE_TESTS) $(RACE_SRC)
SHELL_TESTS := $(call picked,$(sort $(foreach dir,$(WHOLE_DIRS),\
    $(filter-out tests/$(dir)/lib%,$(wildcard tests/$(dir)/*.sh))) tests/style/test_check.sh))
FUZZERS := $(wildcard tests/fuzz/fuzz_*.c)

# One-line conventions of single parts: PLUGIN_LIBS_<name>, PLUGIN_CFLAGS_<name>,
# HOSTILE_CFLAGS_<name>, HOSTILE_LIBS_<name>; rules for generated sources of a layer.
-include $(wildcard plugins/*/flags.mk examples/plugins/*/flags.mk tests/hostile/flags.mk)
-include $(wildcard engine/*/rules.mk)

# --- rules, once for every variant --------------------------------------------------------------

# Where the results of a variant go: $(call out,<variant>)
out = $(BUILD)$(if $(filter release,$(1)),,/$(1))
obj = $(BUILD)/$(1)/obj

# The other sources in a test's folder that are linked with it.
# A plugin's test includes the plugin's source itself and runs it in the test host, without engine.
test_helpers = $(if $(filter tests/hostile/% tests/race/%,$(1)),,$(filter-out \
    $(dir $(1))test_% $(if $(filter plugins/%,$(1)),$(dir $(1))$(call dir_name,$(1)).c),\
    $(wildcard $(dir $(1))*.c))) $(wildcard $(if $(filter plugins/%,$(1)),plugins,tests/support)/*.c)
# The engine's part of a test: $(call test_libs,<variant>,<source without .c>)
test_libs = $(if $(filter plugins/%,$(2)),,$(if $(filter tests/unit/%,$(2)),\
    $(patsubst %,$(BUILD)/$(1)/lib/%.a,$(strip $(or $(BELOW_$(call dir_name,$(2))),\
    $(error $(2).c is not in a folder named after a layer)))),$(BUILD)/$(1)/libleat.a))
# Tests of a release are linked with the fault build of the library, so that they reach error paths.
lib_variant = $(if $(filter release tsan,$(1)),fault,$(1))

define variant_rules
# Other flags or another compiler: everything is compiled again.
$(BUILD)/$(1)/flags: force
	@mkdir -p $$(@D)
	@echo '$$(CC) $$(CXX) $$(CC_COMMON) $$(CXX_COMMON) $$(OPT_$(1)) $$(CFLAGS) $$(CXXFLAGS)' >$$@.new
	@if cmp -s $$@.new $$@; then rm $$@.new; else mv $$@.new $$@; fi

$(call obj,$(1))/engine/%.o: engine/%.c $(BUILD)/$(1)/flags | deps
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CC_COMMON) -fPIE $$(OPT_$(1)) $$(INCLUDES) $$(CFLAGS) -c $$< -o $$@

$(call obj,$(1))/plugins/%.o: plugins/%.c $(BUILD)/$(1)/flags | deps
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CC_COMMON) $$(PLUGIN_FLAGS) $$(OPT_$(1)) \
	    $$(if $$(findstring /test_,$$<),$$(TEST_FLAGS)) \
	    $$(PLUGIN_CFLAGS_$$(call dir_name,$$<)) $$(CFLAGS) -c $$< -o $$@

$(call obj,$(1))/examples/%.o: examples/%.c $(BUILD)/$(1)/flags | deps
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CC_COMMON) $$(PLUGIN_FLAGS) $$(OPT_$(1)) \
	    $$(PLUGIN_CFLAGS_$$(call dir_name,$$<)) $$(CFLAGS) -c $$< -o $$@

$(call obj,$(1))/examples/%.o: examples/%.cpp $(BUILD)/$(1)/flags | deps
	$$(call say,CXX,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CXX) $$(CXX_COMMON) $$(PLUGIN_FLAGS) $$(OPT_$(1)) \
	    $$(PLUGIN_CFLAGS_$$(call dir_name,$$<)) $$(CXXFLAGS) -c $$< -o $$@

$(BUILD)/$(1)/bin/tests/fuzz/%: $(call obj,$(1))/tests/fuzz/%.o $(BUILD)/$(1)/libleat.a
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(SANITIZE_$(1)) $$(EXE_LINK) $$^ $$(LDFLAGS) $$(ENGINE_LIBS) -o $$@

$(call obj,$(1))/tests/hostile/%.o: tests/hostile/%.c $(BUILD)/$(1)/flags | deps
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CC_COMMON) $$(PLUGIN_FLAGS) $$(OPT_$(1)) \
	    $$(if $$(findstring /test_,$$<),$$(TEST_FLAGS)) $$(HOSTILE_CFLAGS_$$*) $$(CFLAGS) \
	    -c $$< -o $$@

$(call obj,$(1))/tests/%.o: tests/%.c $(BUILD)/$(1)/flags | deps
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CC_COMMON) -fPIE $$(OPT_$(1)) $$(TEST_FLAGS) $$(CFLAGS) -c $$< -o $$@

$(BUILD)/$(1)/libleat.a: $(LIB_SRC:%.c=$(call obj,$(1))/%.o)
	$$(archive)

$(call out,$(1))/leat: $(MAIN_SRC:%.c=$(call obj,$(1))/%.o) $(BUILD)/$(1)/libleat.a
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(SANITIZE_$(1)) $$(EXE_LINK) $$^ $$(LDFLAGS) $$(ENGINE_LIBS) -o $$@
endef

define archive
	$(call say,AR,$@)
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $^
endef

# $(call layer_rule,<variant>,<layer>)
define layer_rule
$(BUILD)/$(1)/lib/$(2).a: $(patsubst %.c,$(call obj,$(1))/%.o,$(filter engine/$(2)/%,$(LIB_SRC)))
	$$(archive)
endef

# $(call plugin_rule,<variant>,<folder>,<name>,<extension>,<linker>)
define plugin_rule
$(call out,$(1))/$(2)/$(3).so: $(patsubst %.$(4),$(call obj,$(1))/%.o,\
    $(filter-out $(2)/$(3)/test_%,$(wildcard $(2)/$(3)/*.$(4))))
	$$(call say,PLUGIN,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$($(5)) $$(SANITIZE_$(1)) $$(SO_LINK) $$^ $$(LDFLAGS) $$(PLUGIN_LIBS_$(3)) -o $$@
endef

# $(call hostile_rule,<variant>,<name>): these plugins break rules on purpose.
define hostile_rule
$(call out,$(1))/hostile/$(2).so: $(call obj,$(1))/tests/hostile/$(2).o
	$$(call say,PLUGIN,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(SANITIZE_$(1)) -shared -Wl,--build-id $$^ $$(LDFLAGS) \
	    $$(HOSTILE_LIBS_$(2)) -o $$@
endef

# $(call rust_rule,<variant>,<name>) and the same for Zig
define rust_rule
$(call out,$(1))/examples/plugins/$(2).so: examples/plugins/$(2)/$(2).rs
	$$(call say,RUSTC,$$@)
	@mkdir -p $$(@D)
	$$(Q)rustc --edition 2021 --crate-type cdylib -O -C panic=abort $$< -o $$@
endef
define zig_rule
$(call out,$(1))/examples/plugins/$(2).so: examples/plugins/$(2)/$(2).zig
	$$(call say,ZIG,$$@)
	@mkdir -p $$(@D)
	$$(Q)zig build-lib -dynamic -lc -O ReleaseSafe -Isdk/include $$< -femit-bin=$$@
endef

# $(call test_rule,<variant>,<source without .c>)
define test_rule
$(BUILD)/$(1)/bin/$(2): $(patsubst %.c,$(call obj,$(1))/%.o,$(2).c \
    $(call test_helpers,$(2).c)) $(call test_libs,$(1),$(2))
	$$(call say,TEST,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(SANITIZE_$(1)) $$(EXE_LINK) $$^ $$(LDFLAGS) \
	    $$(if $$(filter plugins/%,$(2)),$$(PLUGIN_LIBS_$(call dir_name,$(2)))) \
	    -lcriterion $$(ENGINE_LIBS) -o $$@
endef

TEST_FLAGS := $(INCLUDES) -I. -Wno-pedantic

NEEDED_VARIANTS := $(sort $(VARIANT) $(call lib_variant,$(VARIANT)))
LIB_VARIANT := $(call lib_variant,$(VARIANT))
OUT := $(call out,$(VARIANT))

$(foreach v,$(NEEDED_VARIANTS),$(eval $(call variant_rules,$(v))))
$(foreach v,$(NEEDED_VARIANTS),$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(v),$(l)))))
$(foreach p,$(PLUGINS),$(eval $(call plugin_rule,$(VARIANT),plugins,$(p),c,CC)))
$(foreach p,$(EXAMPLES_C),$(eval $(call plugin_rule,$(VARIANT),examples/plugins,$(p),c,CC)))
$(foreach p,$(EXAMPLES_CXX),$(eval $(call plugin_rule,$(VARIANT),examples/plugins,$(p),cpp,CXX)))
$(foreach p,$(HOSTILE),$(eval $(call hostile_rule,$(VARIANT),$(p))))
$(foreach p,$(EXAMPLES_RUST),$(eval $(call rust_rule,$(VARIANT),$(p))))
$(foreach p,$(EXAMPLES_ZIG),$(eval $(call zig_rule,$(VARIANT),$(p))))
$(foreach t,$(CASE_TESTS:.c=),$(eval $(call test_rule,$(LIB_VARIANT),$(t))))
$(foreach t,$(RACE_SRC:.c=),$(eval $(call test_rule,$(VARIANT),$(t))))

-include $(foreach v,$(NEEDED_VARIANTS),$(shell find $(call obj,$(v)) -name '*.d' 2>/dev/null))

LIB := $(BUILD)/$(VARIANT)/libleat.a
# No main file yet, no program: the library and its tests are built all the same.
PROGRAM := $(if $(MAIN_SRC),$(OUT)/leat)
FAULT_PROGRAM := $(if $(MAIN_SRC),$(call out,$(LIB_VARIANT))/leat)
PLUGIN_FILES := $(PLUGINS:%=$(OUT)/plugins/%.so)
EXAMPLE_FILES := $(patsubst %,$(OUT)/examples/plugins/%.so,\
    $(EXAMPLES_C) $(EXAMPLES_CXX) $(EXAMPLES_RUST) $(EXAMPLES_ZIG))
HOSTILE_FILES := $(HOSTILE:%=$(OUT)/hostile/%.so)
TEST_FILES := $(CASE_TESTS:%.c=$(BUILD)/$(LIB_VARIANT)/bin/%) \
    $(RACE_SRC:%.c=$(BUILD)/$(VARIANT)/bin/%)
FUZZ_FILES := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/bin/tests/fuzz/%,$(call picked,$(FUZZERS)))
SOURCES = $(sort $(shell find engine sdk plugins tests examples \
    \( -name node_modules -o -name target \) -prune -o -name '*.[ch]' -print \
    -o -name '*.[ch]pp' -print))

# Plugin tests and the unit tests of the lower layers need no program and no plugin file.
SMALL_TESTS := $(foreach layer,base value model store core plug,tests/unit/$(layer)/%) \
    plugins/% tests/style/%
WHOLE := $(if $(filter-out $(SMALL_TESTS),$(TEST_SRC) $(SHELL_TESTS)),\
    all $(EXAMPLE_FILES) $(HOSTILE_FILES) $(FAULT_PROGRAM))

TEST_ENV = LEAT_ROOT="$(CURDIR)" LEAT_BUILD="$(abspath $(OUT))" LEAT_BIN="$(abspath $(PROGRAM))" \
    LEAT_FAULT_BIN="$(abspath $(FAULT_PROGRAM))" LEAT_VARIANT="$(VARIANT)"

# --- targets ------------------------------------------------------------------------------------

.PHONY: all test tests asan-test tsan-test coverage check-style format demo bench fuzz fuzz-run \
    clang install setup deps force clean help

all: $(LIB) $(PROGRAM) $(PLUGIN_FILES) ## Build the program and its plugins (the default)

# Goals that promise to set up what they need install packages; the others only say what is missing.
INSTALLING := $(filter test demo setup asan-test tsan-test coverage,$(MAKECMDGOALS))
deps:
	@tests/setup $(if $(INSTALLING),install,check) $(if $(filter demo,$(MAKECMDGOALS)),demo)

force:

setup: deps ## Install the Debian packages that building and testing need
	@echo "setup: everything needed is installed"

tests: $(WHOLE) $(TEST_FILES) ## Build all test programs

test: tests ## Set up, build and run the whole test suite; T=<part of a name> picks tests
	@$(TEST_ENV) tests/run $(TEST_FILES) $(SHELL_TESTS)

demo: all ## Set up, build and show the whole pipeline of the demo at work
	@$(TEST_ENV) examples/demo/run.sh

asan-test: ## Run the suite under the address and undefined behaviour sanitizers
	@+$(MAKE) --no-print-directory VARIANT=asan test

tsan-test: ## Run the tests of the whole program under the thread sanitizer
	@+$(MAKE) --no-print-directory VARIANT=tsan test

coverage: ## Run the suite and say how many lines of each folder it reaches
	@+$(MAKE) --no-print-directory VARIANT=coverage test
	@tests/coverage $(call obj,coverage)/engine $(call obj,coverage)/plugins

fuzz: ## Run every fuzzer for FUZZ_SECONDS (needs clang)
	@+$(MAKE) --no-print-directory VARIANT=fuzz CC=clang fuzz-run

fuzz-run: $(FUZZ_FILES)
	@tests/fuzz-run "$(BUILD)/fuzz/corpus" "$(FUZZ_SECONDS)" $(FUZZ_FILES)

# The benchmark has its own copies of the plugins it calls beside its own.
BENCH_SRC := $(filter-out tests/bench/bench_plugin.c tests/bench/bench_store.c,\
    $(wildcard tests/bench/*.c))
BENCH_OBJ := $(BENCH_SRC:%.c=$(call obj,$(VARIANT))/%.o)
$(OUT)/bench/bench: $(BENCH_OBJ) $(LIB)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE_$(VARIANT)) $(EXE_LINK) $^ $(LDFLAGS) $(ENGINE_LIBS) -o $@

$(OUT)/bench/bench.so: $(call obj,$(VARIANT))/tests/bench/bench_plugin.o
	$(call say,PLUGIN,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE_$(VARIANT)) $(SO_LINK) $^ $(LDFLAGS) -o $@

$(OUT)/bench/%.so: $(OUT)/plugins/%.so
	@mkdir -p $(@D)
	@cp $< $@

bench: all $(OUT)/bench/bench $(OUT)/bench/bench.so $(OUT)/bench/exec.so ## Measure throughput and latency beside floors and peers
	@$(TEST_ENV) tests/bench/run

clang: ## Build everything with clang as well, warnings being errors
	@+$(MAKE) --no-print-directory BUILD=$(BUILD)/clang CC=clang CXX=clang++ tests

check-style: all $(EXAMPLE_FILES) ## Check the rules of the house that a machine can check
	@CC="$(CC)" CXX="$(CXX)" tests/style/check "$(OUT)"

format: ## Lay out all sources with clang-format
	clang-format -i $(SOURCES)

install: all ## Install into DESTDIR and PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/leat/plugins \
	    $(DESTDIR)$(PREFIX)/include/leat
	install -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/leat
	install -m 644 $(PLUGIN_FILES) $(DESTDIR)$(PREFIX)/lib/leat/plugins
	cd sdk/include && find leat -name '*.h*' -exec \
	    install -D -m 644 {} $(abspath $(DESTDIR)$(PREFIX))/include/{} \;

clean: ## Remove everything that was built
	rm -rf $(BUILD)

help: ## Show this list
	@echo "leat: make targets"; echo
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  VARIANT=$(VARIANT) BUILD=$(BUILD) PREFIX=$(PREFIX) T=$(T); V=1 shows whole commands"
