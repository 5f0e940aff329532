#!/usr/bin/env python3
"""check-manual.py STEER STEER-CHAT STEER-CHAT.1 STEER.1 COMPLETION...: every option that the programs' --help tells stands
in the manual pages and in each completion; the pages are free of the formatter's warnings where it is installed."""

import re
import shutil
import subprocess
import sys

steer, app, app_page, page, *completions = sys.argv[1:]
failed = False


def help_of(*args: str) -> str:
    return subprocess.run([*args, "--help"], check=True, capture_output=True, encoding="utf-8").stdout


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def complain(message: str) -> None:
    global failed
    failed = True
    print(message)


commands = re.findall(r"^  ([a-z]+) {2,}", help_of(steer), flags=re.MULTILINE)
if len(commands) < 5:
    complain("steer --help lists no commands")
page_text = read(page).replace("\\-", "-")
for command in commands:
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", help_of(steer, command)))
    section = page_text.split(f".SH STEER {command.upper()}\n", 1)
    text = section[1].split("\n.SH ", 1)[0] if len(section) == 2 else ""
    for option in sorted(options):
        if not re.search(re.escape(option) + r"(?![\w-])", text):
            complain(f"{page}: {command} {option} is missing")
        for path in completions:
            if not re.search(r"(?:--|-l )" + option[2:] + r"(?![\w-])", read(path)):
                complain(f"{path}: {command} {option} is missing")

if app:
    for option in sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", help_of(app)))):
        if option not in read(app_page).replace("\\-", "-"):
            complain(f"{app_page}: {option} is missing")

for path in (page, app_page):
    if shutil.which("groff"):
        warnings = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", "-K", "utf8", path], capture_output=True,
                                  encoding="utf-8").stderr
        if warnings:
            complain(warnings)
for shell, path in zip(("bash", "zsh", "fish"), completions):
    if shutil.which(shell):
        result = subprocess.run([shell, "-n", path], capture_output=True, encoding="utf-8")
        if result.returncode != 0:
            complain(result.stderr)
sys.exit(1 if failed else 0)
