#!/bin/sh
# Brings in the NHS design system at the versions pinned here: its built CSS and JavaScript from npm, its Jinja templates
# from PyPI. Everything lands in the git-ignored vendor/; a second run with the same pins does nothing.
set -eu
cd "$(dirname "$0")"

# The stamp is the pins themselves; the build compares it too.
if [ -f vendor/stamp ] && cat package-lock.json requirements.txt | cmp -s - vendor/stamp; then
    exit 0
fi

need() { # command, Debian package
    command -v "$1" >/dev/null 2>&1 && return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "assets: installing $2" >&2
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
    fi
    command -v "$1" >/dev/null 2>&1 || {
        echo "assets: '$1' is missing. Install it (on Debian or Ubuntu: sudo apt-get install $2) and run this again." >&2
        exit 1
    }
}
need npm npm
need python3 python3
python3 -m pip --version >/dev/null 2>&1 || need pip3 python3-pip

fresh=vendor.new
rm -rf "$fresh"
mkdir "$fresh"
trap 'rm -rf "$fresh"' EXIT

cp package.json package-lock.json .npmrc "$fresh/"
echo "assets: nhsuk-frontend from npm" >&2
npm ci --prefix "$fresh" --omit=optional --loglevel=error >&2
echo "assets: nhsuk-frontend-jinja from PyPI" >&2
python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    --root-user-action=ignore --target "$fresh/python" -r requirements.txt >&2

# Keep what is served or tested, under names that the build can rely on.
src="$fresh/node_modules/nhsuk-frontend"
mkdir -p "$fresh/nhsuk/images" "$fresh/fixtures" "$fresh/templates"
cp "$src/dist/nhsuk/nhsuk-frontend.min.css" "$src/dist/nhsuk/nhsuk-frontend.min.js" "$fresh/nhsuk/"
cp "$src"/dist/nhsuk/assets/images/nhsuk-icon-*.svg "$fresh/nhsuk/images/"
for f in "$src"/dist/nhsuk/components/*/fixtures.json; do
    cp "$f" "$fresh/fixtures/$(basename "$(dirname "$f")").json"
done
cp -R "$fresh/python/nhsuk_frontend_jinja/templates/." "$fresh/templates/"
rm -rf "$fresh/node_modules" "$fresh/python" "$fresh/package.json" "$fresh/package-lock.json" "$fresh/.npmrc"

cat package-lock.json requirements.txt > "$fresh/stamp"
rm -rf vendor
mv "$fresh" vendor
echo "assets: ready" >&2
