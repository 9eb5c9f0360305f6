# make          builds .build/release/oncilla
# make demo     two hosts on one machine reach each other through a private Tor network (root)
# make check    formatting, warnings and every test there is, real Tor included (root)
SWIFT ?= swift
BUILD = $(SWIFT) build -c release --static-swift-stdlib --product oncilla
BINARY = .build/release/oncilla

all:
	$(BUILD)

.PHONY: all
