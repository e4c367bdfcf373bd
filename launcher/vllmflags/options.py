"""Writes the options of `vllm serve` into options.tsv, one line for each option as one or more releases have it.

    PYTHON options.py options.tsv
        asks the parser of the vLLM that PYTHON has installed, and replaces what the file says of that release.
    python3 options.py --source DIR RELEASE options.tsv
        of a release that cannot be installed: which of the options that came or went between the releases that
        the parsers told of stand in its source (DIR holds vllm/engine/arg_utils.py and the cli_args.py files).

Types are found out by trying words on them, so that it does not matter how a release names its functions."""

import enum
import importlib
import os
import pathlib
import re
import sys

COLUMNS = ["option", "other strings", "kind", "words", "values", "releases"]


def first(*names):
    """The first of the module:attribute that this release has."""
    for name in names:
        module, attribute = name.split(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError):
            continue
    raise SystemExit("this vLLM has none of " + ", ".join(names))


def parser():
    make = first("vllm.entrypoints.launchers.cli_args:make_arg_parser", "vllm.entrypoints.openai.cli_args:make_arg_parser")
    flexible = first("vllm.utils.argparse_utils:FlexibleArgumentParser", "vllm.utils:FlexibleArgumentParser")
    return make(flexible(prog="vllm serve"))


def attempt(read, word):
    """What the type makes of the word, in a list; an empty list where it refuses it."""
    if read is None:
        return [word]
    try:
        return [read(word)]
    except Exception:  # whatever a type raises, argparse or the program ends with it
        return []


def kind(action):
    """switch, text, int, float, size (32k), size-auto, json, object (JSON of a mapping), json-or-text; with ? where
    None or an empty word stands for no value."""
    if action.nargs == 0:
        return "switch"
    read = action.type
    optional = "?" if attempt(read, "None") == [None] else ""
    if value := attempt(read, "x"):
        if isinstance(value[0], str) and attempt(read, '{"a": 1}') == [{"a": 1}]:
            return "json-or-text" + optional
        return "text" + optional
    for word, name in (("[1]", "json"), ("auto", "size-auto"), ("32k", "size"), ("0.5", "float"), ("7", "int")):
        if attempt(read, word):
            return name + optional
    return "object" + optional


def words(action):
    if type(action).__name__ == "_AppendAction":
        return "each"
    return {None: "1", 0: "0"}.get(action.nargs, action.nargs)


def values(action):
    """The values that are listed, behind = where others are refused, ~ where they are too but letter case and - for _
    make no difference, + where others are taken (plug-ins register them)."""
    if action.choices:
        all_of = [c.value if isinstance(c, enum.Enum) else c for c in action.choices]
        texts = [str(c) for c in all_of if c is not None]
        folds = action.type and any(c.upper() != c and attempt(action.type, c.upper()) == [c] for c in texts)
        return ("~ " if folds else "= ") + " ".join(texts)
    shown = action.metavar
    if isinstance(shown, (list, tuple)) and action.nargs in (None, "?", "+"):
        return "+ " + " ".join(str(c) for c in shown)
    if isinstance(shown, str) and (listed := re.match(r"\{([^{}]+)\}", shown)):
        return "+ " + listed[1].replace(",", " ")
    return "-"


def line(action):
    """The columns of an option but for its releases."""
    strings = list(action.option_strings)
    name = next(s for s in strings if s.startswith("--") and not s.startswith("--no-"))
    others = " ".join(s for s in strings if s != name) or "-"
    return (name[2:], others, kind(action), words(action), values(action))


def minor(release):
    return int(release.split(".")[1])


def spanned(span):
    """The releases of 11-17, or of 11."""
    least, _, most = span.partition("-")
    return range(int(least), int(most or least) + 1)


def spans(releases):
    """11-17 19 for 11, 12, 13, 14, 15, 16, 17 and 19."""
    runs = []
    for r in sorted(releases):
        if runs and r == runs[-1][1] + 1:
            runs[-1][1] = r
        else:
            runs.append([r, r])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


class File:
    """options.tsv: comments name the releases and how each was read; then the columns."""

    def __init__(self, path):
        self.path, self.how, self.lines = pathlib.Path(path), {}, {}
        if not self.path.exists():
            return
        for text in self.path.read_text().splitlines():
            if text.startswith("#"):
                if told := re.match(r"# (\d\S*): (.*)", text):
                    self.how[told[1]] = told[2]
            elif (columns := text.split("\t"))[0] != COLUMNS[0]:
                self.lines[tuple(columns[:5])] = {r for span in columns[5].split() for r in spanned(span)}

    def forget(self, release):
        self.how = {r: how for r, how in self.how.items() if minor(r) != minor(release)}
        for releases in self.lines.values():
            releases.discard(minor(release))

    def add(self, columns, release):
        self.lines.setdefault(columns, set()).add(minor(release))

    def write(self):
        out = ["# Options of `vllm serve` by release (the minor number of 0.x). Generated by options.py; do not edit."]
        out += [f"# {release}: {self.how[release]}" for release in sorted(self.how, key=minor)]
        out.append("\t".join(COLUMNS))
        for columns, releases in sorted(self.lines.items(), key=lambda item: (item[0][0], min(item[1], default=0))):
            if releases:
                out.append("\t".join(columns) + "\t" + spans(releases))
        self.path.write_text("\n".join(out) + "\n")


PARSER, SOURCE = "asked its parser", "names read in its source"


def from_parser(path):
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    vllm = importlib.import_module("vllm")
    release = re.match(r"\d+\.\d+\.\d+", vllm.__version__)[0]
    file = File(path)
    file.forget(release)
    for action in parser()._actions:
        if action.option_strings:
            file.add(line(action), release)
    file.how[release] = PARSER
    file.write()


def from_source(folder, release, path):
    file = File(path)
    file.forget(release)
    asked = sorted(minor(r) for r, how in file.how.items() if how.startswith(PARSER))
    before = max((r for r in asked if r < minor(release)), default=None)
    after = min((r for r in asked if r > minor(release)), default=None)
    if before is None or after is None:
        raise SystemExit(f"{release} does not lie between two releases whose parsers were asked")
    engine, frontend = "", ""
    for source in pathlib.Path(folder).rglob("*.py"):
        engine += source.read_text()
        if source.name == "cli_args.py":
            frontend += source.read_text()
    older = {c[0]: c for c, releases in file.lines.items() if before in releases}
    newer = {c[0]: c for c, releases in file.lines.items() if after in releases}
    for name in sorted(older | newer):
        field = re.compile(rf"^    {name.replace('-', '_')}: ", re.MULTILINE)  # of the front end's options
        if name in older and name in newer or f'"--{name}"' in engine or field.search(frontend):
            file.add(older.get(name) or newer[name], release)
    file.how[release] = SOURCE
    file.write()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--source"] and len(sys.argv) == 5:
        from_source(*sys.argv[2:])
    elif len(sys.argv) == 2:
        from_parser(sys.argv[1])
    else:
        raise SystemExit(__doc__)
