# The one front door. `make help` lists what it opens.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
DESTDIR ?=
SECONDS ?= 60
FILTER ?=
RELEASE := swift build --configuration release --static-swift-stdlib --disable-local-rpath --product sanctl
STOPWATCH := $(RELEASE:sanctl=san-stopwatch)
BINARY = $$($(RELEASE) --show-bin-path)/sanctl

.PHONY: help setup build release test unit component service lab-test lint format demo lab bench fuzz docs install clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the Debian packages that building and testing need (done by the other targets too)
	@Scripts/setup build test lab

build: ## Build for debugging
	@Scripts/setup build
	@swift build

release: ## Build the optimised, self-contained sanctl
	@Scripts/setup build
	@$(RELEASE)

test: ## Run every tier of tests: unit, component, service, lab
	@Scripts/setup build test lab
	@Scripts/test unit component service lab

unit component service: ## Run one tier of tests, or of it what FILTER matches
	@Scripts/setup build test
	@Scripts/test $@ $(FILTER)

lab-test: ## Run the tests that need a kernel of their own (or what FILTER matches), in a guest
	@Scripts/setup build lab
	@Scripts/test lab $(FILTER)

lint: ## Check formatting, style rules and scripts
	@Scripts/setup build lint
	@Scripts/lint

format: ## Format the sources in place
	@swift format --in-place --recursive --parallel Package.swift Sources Tests

demo: ## See the main job done on a real iSCSI target that it starts itself
	@Scripts/setup build demo
	@$(RELEASE)
	@Scripts/demo "$(BINARY)"

lab: ## Try things as root on a SAN of your own: a shell in a guest with iSCSI, multipath and Fibre Channel
	@Scripts/setup build lab
	@$(RELEASE)
	@Scripts/lab "$(BINARY)"

bench: ## Measure against libvirt and qemu-img on the same servers, as ratios
	@Scripts/setup build demo bench
	@$(RELEASE)
	@$(STOPWATCH)
	@Scripts/bench "$(BINARY)"

fuzz: ## Fuzz the XML reader for SECONDS (60)
	@Scripts/setup build
	@Fuzz/run $(SECONDS)

docs: ## Build the API reference (DocC) and check the man pages
	@Scripts/setup build docs
	@Scripts/docs

install: ## Install below PREFIX (/usr/local): program, man pages, completions, systemd unit, udev rules
	@$(MAKE) --no-print-directory release
	@Scripts/install "$(BINARY)" "$(DESTDIR)$(PREFIX)"

clean: ## Remove what was built
	@rm -rf .build .build-*
