#!/usr/bin/env python3
"""Writes steer-unicode-tables.h: which characters are letters, numbers and white space to Hugging Face's tokenizers.

The regular expressions of byte-level tokenizers speak of \\p{L}, \\p{N} and \\s. What those match depends on the
Unicode version of the engine, so the engine that the tokenizers library itself uses is asked, character by character,
and the answer is kept here: token ids then do not depend on the libraries of the machine.

Usage: make-unicode-tables.py > steer-unicode-tables.h      (needs the Python package "tokenizers")
"""
import tokenizers
from tokenizers import Regex, pre_tokenizers


def members(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    found = []
    for base in range(0, 0x110000, 0x1000):
        text = "".join(chr(c) for c in range(base, base + 0x1000) if not 0xD800 <= c < 0xE000)
        if text:
            for piece, _ in split.pre_tokenize_str(text):
                found.extend(map(ord, piece))
    return sorted(found)


def ranges(points):
    runs = []
    for point in points:
        if runs and runs[-1][1] == point - 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return runs


def write(name, pattern):
    print(f"\n/* {pattern} */\nstatic const guint32 {name}[][2] = {{")
    line = " "
    for first, last in ranges(members(pattern)):
        entry = f" {{ 0x{first:x}, 0x{last:x} }},"
        if len(line) + len(entry) > 120:
            print(line)
            line = " "
        line += entry
    print(line + "\n};")


print("/* Made by make-unicode-tables.py with the Python package tokenizers "
      f"{tokenizers.__version__}; do not edit. First and last of each range. */")
print("#pragma once\n\n#include <glib.h>\n\n/* clang-format off */")
write("steer_unicode_letters", r"\p{L}")
write("steer_unicode_numbers", r"\p{N}")
write("steer_unicode_spaces", r"\s")
