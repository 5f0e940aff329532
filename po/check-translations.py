#!/usr/bin/env python3
"""check-translations.py SOURCE: POTFILES names every file with marked strings and no other; every language of LINGUAS is
complete against the strings of today, none of them fuzzy, and its formats match."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(sys.argv[1])
MARKED_C = re.compile(r"(?<![A-Za-z0-9_])(?:_|N_|C_|NC_|ngettext|g_dngettext|g_dpgettext2) \(\s*\"")
MARKED_UI = re.compile(r"translatable=\"(?:yes|true)\"")
# As po/meson.build's preset has them.
KEYWORDS = ["_", "N_", "C_:1c,2", "NC_:1c,2", "ngettext:1,2", "g_dngettext:2,3", "g_dpgettext2:2c,3"]
problems: list[str] = []


def lines(name: str) -> list[str]:
    text = (SOURCE / "po" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def check_files() -> None:
    listed = set(lines("POTFILES"))
    for path in sorted([*SOURCE.glob("src/app/*.c"), *SOURCE.glob("ui/**/*.ui")]):
        name = str(path.relative_to(SOURCE))
        marked = (MARKED_C if path.suffix == ".c" else MARKED_UI).search(path.read_text(encoding="utf-8"))
        if marked and name not in listed:
            problems.append(f"po/POTFILES lacks {name}")
        if not marked and name in listed:
            problems.append(f"po/POTFILES names {name}, which has no marked string")
    problems.extend(f"po/POTFILES names {name}, which is not there" for name in listed if not (SOURCE / name).exists())


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, encoding="utf-8", cwd=SOURCE,
                          env={"PATH": "/usr/bin:/bin:/usr/local/bin", "LC_ALL": "C.UTF-8"})


def check_languages(folder: str) -> None:
    template = f"{folder}/today.pot"
    result = run("xgettext", "--files-from=po/POTFILES", "--from-code=UTF-8", "--output=" + template,
                 *["--keyword=" + keyword for keyword in KEYWORDS])
    if result.returncode != 0:
        problems.append(result.stderr)
        return
    for language in lines("LINGUAS"):
        merged = f"{folder}/{language}.po"
        run("msgmerge", "--quiet", "--no-fuzzy-matching", f"po/{language}.po", template, "--output-file=" + merged)
        for attribute, what in (("--untranslated", "not translated"), ("--only-fuzzy", "fuzzy")):
            left = run("msgattrib", "--no-obsolete", attribute, merged).stdout
            found = re.findall(r'^msgid ((?:".*"\n?)+)', left, flags=re.MULTILINE)
            problems.extend(f"po/{language}.po: {what}: {text.strip()}" for text in found if text.strip() != '""')
        formats = run("msgfmt", "--check", "--output-file=/dev/null", merged)
        if formats.returncode != 0:
            problems.append(f"po/{language}.po: {formats.stderr}")


if not all(shutil.which(tool) for tool in ("xgettext", "msgmerge", "msgattrib", "msgfmt")):
    sys.exit(77)
check_files()
with tempfile.TemporaryDirectory() as temporary:
    check_languages(temporary)
print("\n".join(problems))
sys.exit(1 if problems else 0)
