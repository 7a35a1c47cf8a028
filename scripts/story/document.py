# SPDX-License-Identifier: GPL-2.0
"""The document itself: what stands between its markers, and whether what it names is there."""

import re

MARKED = re.compile(r"(<!-- excerpt (\S+) -->\n).*?(<!-- end -->)", re.S)
# Words in code marks are a path of the repository, a name whose parts are looked for in the source, or a command.
PATH = re.compile(r"^(?:drivers|emulator|rust|samples|scripts|tests|docs)/[\w./-]+$")
NAME = re.compile(r"^(?:\w+::)*\w+$")
SOURCES = ("drivers", "emulator/src", "rust")


def fill(text, excerpts):
    """The text with each excerpt in its place; all of them are used, and nothing else is marked."""
    used = set()

    def replace(found):
        used.add(found[2])
        return f"{found[1]}```text\n" + "".join(f"{line.rstrip()}\n" for line in excerpts[found[2]]) + f"```\n{found[3]}"

    result = MARKED.sub(replace, text)
    if used != set(excerpts):
        raise KeyError(", ".join(sorted(set(excerpts) - used)))
    return result


def command_exists(root, words):
    """Whether a command line begins with something that can be run."""
    first, _, rest = words.partition(" ")
    if first == "make":
        return re.search(rf"^{re.escape(rest.split(' ')[0])}:", (root / "Makefile").read_text(), re.M) is not None
    return first.startswith("./") and (root / first).exists() or first == "emulator" and (root / first).is_dir()


def wrong_names(root, text):
    """What the document names and the repository does not have, one line each."""
    source = "\n".join(path.read_text() for folder in SOURCES for path in sorted((root / folder).rglob("*.rs")))
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    wrong = []
    for word in sorted(set(re.findall(r"`([^`\n]+)`", prose))):
        if PATH.match(word):
            if not (root / word).exists():
                wrong.append(f"{word}: no such file")
        elif NAME.match(word):
            wrong += [f"{word}: {part} is not in the source" for part in word.split("::")
                      if not re.search(rf"\b{re.escape(part)}\b", source)]
        elif not command_exists(root, word):
            wrong.append(f"{word}: no path, name or command")
    for link in re.findall(r"\]\(([^)#]+)\)", prose):
        if "://" not in link and not (root / "docs" / link).exists():
            wrong.append(f"{link}: no such file")
    return wrong
