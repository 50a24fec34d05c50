#!/usr/bin/env bash
# Licences, sources, bans and known faults of everything Kith is built on, by cargo-deny and deny.toml.
# The tool is looked for on the path and in KITH_TOOLS (default: beside the build cache of .ci/run). `--install` builds it
# there if it is missing, which takes some minutes; without it the bill of materials still proves that everything says a
# licence and comes from crates.io. Known faults need the advisory database on GitHub: looked up where it can be reached.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2
tools=${KITH_TOOLS:-${KITH_CI_CACHE:-$HOME/.cache/kith-ci}/tools}
PATH=$tools/bin:$PATH

if ! command -v cargo-deny >/dev/null && [ "${1:-}" = --install ]; then
    echo "Building cargo-deny $version into $tools (some minutes, once)." >&2
    # Its own target folder: what is built here is no part of the program.
    CARGO_TARGET_DIR=$(mktemp -d) cargo install cargo-deny --locked --quiet --version "$version" --root "$tools"
fi

# Proves on every machine that each crate says its licence, has a checksum and comes from crates.io or this tree.
cargo xtask sbom >/dev/null
echo "Bill of materials: every crate in the binary says its licence and comes from crates.io, with its checksum."

if ! command -v cargo-deny >/dev/null; then
    echo "note: cargo-deny is not here, so licences were not judged and known faults not looked up (make deny installs it)."
    exit 0
fi
cargo-deny --offline --log-level error check --hide-inclusion-graph licenses bans sources

# The database is a git repository on GitHub. Where it cannot be reached this says so, and does not fail: a build machine
# without that way must have another that has it.
if timeout 60 git ls-remote --quiet --exit-code https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
    cargo-deny --log-level error check --hide-inclusion-graph advisories
else
    echo "note: the advisory database cannot be reached from here: KNOWN FAULTS WERE NOT LOOKED UP."
fi
