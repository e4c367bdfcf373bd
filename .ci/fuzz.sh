#!/usr/bin/env bash
# Runs the fuzz targets one after the other, each for FUZZTIME (30s unless it is
# set). An argument picks targets by a regular expression; FUZZFLAGS are passed
# on: FUZZFLAGS='-parallel 1' .ci/fuzz.sh '^FuzzLog$'
set -euo pipefail
cd "$(dirname "$0")/.."

failed=()
for dir in $(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n 1 dirname | sort -u); do
	for target in $(go test -list '^Fuzz' "./$dir" | grep '^Fuzz' | grep -E -- "${1:-.}" || true); do
		echo "fuzz $dir $target"
		# Without a limit the toolchain spends its time on making inputs shorter.
		# shellcheck disable=SC2086 # a list of words
		go test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}" -fuzzminimizetime 20x ${FUZZFLAGS:-} ||
			failed+=("$dir $target")
	done
done
if [ ${#failed[@]} -gt 0 ]; then
	printf 'fuzzing found a fault: %s\n' "${failed[@]}"
	echo "the inputs are kept under testdata/fuzz; go test runs them from now on"
	exit 1
fi
