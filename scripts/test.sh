#!/usr/bin/env bash
# Everything that must be true, in the order that fails soonest. Called by `make test`; stops at the first step that
# fails and says which. The last line counts every test that ran: `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
case "$target" in /*) ;; *) target=$PWD/$target ;; esac
kith=$target/debug/kith
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

times=()
passed=0

# Runs one step and remembers how long it took; the first failure ends the run.
step() {
    local name=$1 began=$SECONDS
    shift
    printf '\n── %s\n' "$name"
    if ! "$@"; then
        times+=("$(printf '%5ds  %s  FAILED' $((SECONDS - began)) "$name")")
        summary
        printf '\nmake test stopped at: %s\n%d passed, %d failed\n' "$name" "$passed" "${failed_here:-1}"
        exit 1
    fi
    times+=("$(printf '%5ds  %s' $((SECONDS - began)) "$name")")
}

summary() {
    printf '\nTime by step:\n'
    printf '%s\n' "${times[@]}"
}

rust_tests() {
    local status=0 ok=0 bad=0
    cargo test --workspace --no-fail-fast 2>&1 | tee "$scratch/cargo" || status=1
    ok=$(sed -n 's/^test result: .* \([0-9]*\) passed;.*/\1/p' "$scratch/cargo" | awk '{n += $1} END {print n + 0}')
    bad=$(sed -n 's/^test result: .* \([0-9]*\) failed;.*/\1/p' "$scratch/cargo" | awk '{n += $1} END {print n + 0}')
    passed=$((passed + ok))
    failed_here=$((bad > 0 ? bad : 1))
    return $status
}

story() { # a whole day through the front door, on a neighbourhood of its own
    "$kith" demo --story --people 300 --data "$scratch/story"
}

browser_packages() {
    (cd e2e && npm ci --ignore-scripts --loglevel=error)
}

browser_tests() {
    local status=0
    (cd e2e && KITH_BIN=$kith KITH_COUNTS=$scratch/counts node run.js </dev/null) || status=1
    if [ -f "$scratch/counts" ]; then
        read -r ok bad <"$scratch/counts"
        passed=$((passed + ok))
        failed_here=$((bad > 0 ? bad : 1))
    fi
    return $status
}

# PostgreSQL joins here when the store learns to speak to it: its package in this list, its server started below.
step 'tools' scripts/need.sh rust build-essential npm python3 python3-pip nodejs chromium git cvc5
step 'assets' sh crates/web/assets/fetch.sh
step 'format' cargo fmt --all --check
step 'clippy' cargo clippy --workspace --all-targets --quiet -- -D warnings
step 'build' cargo build --workspace --quiet
step "project's own checks" "$target/debug/xtask" check
step 'what it is built on' scripts/deny.sh
step 'content' "$kith" content check
step 'tests in Rust' rust_tests
step 'story of a day' story
step 'browser packages' browser_packages
summary

# Last, so that its runner's own closing lines end the output.
step 'tests in a browser' browser_tests
printf '%d passed, 0 failed\n' "$passed"
