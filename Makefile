# make              builds .build/release/oncilla
# make install      installs it, its manual pages and an example under DESTDIR and PREFIX (/usr/local)
# make nss          builds the module that gives the C library names of peers, .build/libnss_oncilla.so.2
# make deb          builds the Debian packages, in .build/deb
# make clean        removes what was built
# sudo make demo    two hosts on one machine reach each other through a private Tor network
# make test         formatting, layout and the unit tests that need neither root nor a network
# sudo make check   that and every other test there is, real Tor included
# sudo make picture draws README's picture of `oncilla` and `oncilla top` from a run over a private Tor network
# make fuzz         attacks core and shell: TARGET=decoders|segments|order|link|host|torcontrol|files|clients SECONDS=60
#                   RUNS=number-of-inputs PLAIN=yes (no AddressSanitizer, for millions) INPUT=file-to-run-again
# make check-sanitized  the unit tests with AddressSanitizer, and with ThreadSanitizer
# sudo make faults  lets every system call of a daemon's life and of its helpers' fail in each way: 40 minutes
# sudo make soak    a daemon for SECONDS=900 among 100 peers that come and go: nothing may stay behind
# sudo make bench    how fast and how calm the build is on this machine (bench-tor: through a private Tor network)
#
# deb, demo, check, faults, soak and bench install the Debian packages that they lack, where root calls them.
# SWIFT=/path/to/swift names a compiler that contrib/find-swift does not find by itself.
SWIFT := $(shell contrib/find-swift)
PREFIX ?= /usr/local
# Debian's zsh looks for what packages bring here, and for what the administrator brings under /usr/local.
ZSH_FUNCTIONS = $(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)

BUILD = $(SWIFT) build -c release --static-swift-stdlib --product oncilla
BINARY = .build/release/oncilla
# What root builds is given to the owner of the source, so that the owner's next `make` may write there.
GIVE_BACK = [ "$$(id -u)" != 0 ] || [ ! -e .build ] || chown -R --reference=Package.swift .build
STRICT = -Xswiftc -warnings-as-errors -Xcc -Werror
# Debian's, not one that a version manager has put first: that one lacks python3-pytest.
PYTHON = PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3

all: swift
	$(BUILD)

# Builds what is older than its sources first.
install: $(BINARY)
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/oncilla
	for page in man/*.[1-8]; do \
	  install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit; done
	install -D -m 644 contrib/oncilla.conf.sample $(DESTDIR)$(PREFIX)/share/doc/oncilla/examples/oncilla.conf
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(ZSH_FUNCTIONS) \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(BINARY) completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/oncilla
	$(BINARY) completion zsh > $(DESTDIR)$(ZSH_FUNCTIONS)/_oncilla
	$(BINARY) completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/oncilla.fish

# No Swift in it: it is loaded into every program that looks for a host.
NSS = .build/libnss_oncilla.so.2
NSS_FLAGS = -std=gnu11 -O2 -g -fPIC -fvisibility=hidden -Wall -Wextra -Wpedantic -Wconversion -Werror

nss: $(NSS)

$(NSS): Sources/NSSOncilla/nss_oncilla.c
	@mkdir -p .build
	$(CC) $(CPPFLAGS) $(NSS_FLAGS) $(CFLAGS) -shared -Wl,-soname,libnss_oncilla.so.2 -Wl,-z,defs -Wl,-z,now $(LDFLAGS) \
	  -o $@ $<
	@$(GIVE_BACK)

# Builds what is older than its sources, and nothing else.
binary: $(BINARY)

deb: swift
	contrib/install-dependencies deb
	@status=0; mkdir -p .build/deb && rm -f .build/deb/* && debian/rules clean && dpkg-checkbuilddeps && \
	  DEB_DIRECTORY=$(CURDIR)/.build/deb DEB_BUILD_OPTIONS=noautodbgsym debian/rules binary || status=$$?; \
	  dh_clean && ls .build/deb/*.deb || status=$$?; $(GIVE_BACK); exit $$status

$(BINARY): Package.swift $(shell find Sources -type f)
	@$(MAKE) --no-print-directory all; status=$$?; $(GIVE_BACK); exit $$status

clean:
	rm -rf .build

demo check faults soak bench bench-tor picture: root
	contrib/install-dependencies $@
	@$(MAKE) --no-print-directory $@-as-root; status=$$?; \
	  $(GIVE_BACK); exit $$status

picture-as-root: all
	@$(PYTHON) Tests/EndToEnd/picture.py man/oncilla.svg

demo-as-root: all
	@$(PYTHON) Tests/EndToEnd/demo.py

# Formatting, layout, and the unit tests built without a warning; nothing of it needs root.
test-build:
	$(SWIFT) format lint -s -r Package.swift Sources Tests
	@# The linter lets comments pass that are too long.
	! LC_ALL=C.UTF-8 grep -rnE --include='*.swift' '^.{121,}$$' Package.swift Sources Tests | grep -E ':[0-9]+: *//'
	$(PYTHON) Tests/Layout/check_layout_test.py
	$(PYTHON) contrib/check-layout OverlayCore
	$(PYTHON) contrib/check-layout OverlayIO
	$(SWIFT) build --build-tests $(STRICT)

test: swift
	@$(MAKE) --no-print-directory test-unprivileged; status=$$?; $(GIVE_BACK); exit $$status

test-unprivileged: test-build
	$(SWIFT) test $(STRICT) --skip '^NamespaceTests\.'

check-as-root: test-build
	$(SWIFT) test $(STRICT)
	@# The compiler of a whole module has one thread for most of its time: two of them share the time well.
	SWIFT=$(SWIFT) Tests/Fuzz/run build & fuzzers=$$!; $(BUILD) $(STRICT) || { kill $$fuzzers; exit 1; }; wait $$fuzzers
	SWIFT=$(SWIFT) Tests/Fuzz/run all 10
	@# Most tests wait for most of their time.
	$(PYTHON) -m pytest Tests/EndToEnd -v -n 4 --dist loadfile -m 'not alone'
	$(PYTHON) -m pytest Tests/EndToEnd -v -m alone

# Unit tests alone: what needs root is in NamespaceTests, and runs in `make check`. What a name takes is measured of the
# allocator, which a sanitizer replaces. Nothing is of XCTest, whose run of no test loses two objects of its own.
SANITIZED = --disable-xctest --skip '^NamespaceTests\.' --skip 'LearnedNamesTests/memory'

check-sanitized: swift
	$(SWIFT) test --sanitize=address --scratch-path .build/address $(SANITIZED)
	$(SWIFT) test --sanitize=thread --scratch-path .build/thread $(SANITIZED)
	@$(GIVE_BACK)

TARGET ?= all

fuzz: swift
	@SWIFT=$(SWIFT) RUNS=$(RUNS) PLAIN=$(PLAIN) Tests/Fuzz/run $(TARGET) $(or $(SECONDS),60) $(INPUT)

faults-as-root:
	$(SWIFT) build --build-tests $(STRICT)
	ONCILLA_FAULTS=all $(SWIFT) test $(STRICT) --no-parallel --filter '^NamespaceTests\.RunFaultTests'

soak-as-root: all
	STANDSTILL=60 $(PYTHON) -m pytest Tests/EndToEnd/test_faults.py -v -k stood_still
	@SECONDS=$(or $(SECONDS),900) $(PYTHON) Benchmarks/soak.py

bench-as-root: all
	@$(PYTHON) Benchmarks/bench.py
	@$(PYTHON) Benchmarks/allocations.py

bench-tor-as-root: all
	@$(PYTHON) Benchmarks/tor.py general spread
	@$(PYTHON) Benchmarks/bytes.py

root:
	@[ "$$(id -u)" = 0 ] || { echo "make: network namespaces and interfaces need root: use sudo make" >&2; exit 1; }

swift:
	@[ -n "$(SWIFT)" ] || contrib/install-dependencies build

.PHONY: all install binary nss deb clean test check-sanitized fuzz demo check faults soak bench bench-tor picture root swift
.PHONY: test-build test-unprivileged demo-as-root check-as-root bench-as-root bench-tor-as-root picture-as-root
.PHONY: faults-as-root soak-as-root
