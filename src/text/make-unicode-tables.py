#!/usr/bin/env python3
"""Writes steer-unicode-tables.h: which characters are letters, numbers and white space to Hugging Face's tokenizers.

The regular expressions of byte-level tokenizers speak of \\p{L}, \\p{N} and \\s. What those match depends on the
Unicode version of the engine, so the engine that the tokenizers library itself uses is asked, character by character,
and the answer is kept here: token ids then do not depend on the libraries of the machine.

Its normalization forms are those of Unicode 9.0: to it a character that came later has no decomposition, composes with
nothing and is in its place wherever it stands. Which characters those are is asked of perl, and it is checked here that
the library does treat them so and all others as today.

Usage: make-unicode-tables.py > steer-unicode-tables.h      (needs the Python package "tokenizers", and perl)
"""
import subprocess
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers


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


def after_unicode_9():
    program = r'for (0..0x10ffff) { print "$_\n" if ($_ < 0xd800 || $_ > 0xdfff) && chr ($_) !~ /\p{Present_In=9.0}/ }'
    return [int(line) for line in subprocess.run(["perl", "-e", program], capture_output=True, check=True).stdout.split()]


def check_normalization(late):
    late = set(late)
    forms = {"NFC": normalizers.NFC(), "NFD": normalizers.NFD(), "NFKC": normalizers.NFKC(), "NFKD": normalizers.NFKD()}
    for point in range(0x110000):
        if 0xD800 <= point < 0xE000:
            continue
        for name, form in forms.items():
            for text in [chr(point)] + [order for mark in "\u0316\u0301\u0334\u0345"
                                        for order in ("a" + mark + chr(point), "a" + chr(point) + mark)]:
                # a late character parts the text, and what is before and after it is normalized by itself
                expected = (chr(point).join(unicodedata.normalize(name, part) for part in text.split(chr(point)))
                            if point in late else unicodedata.normalize(name, text))
                assert form.normalize_str(text) == expected, (name, hex(point), text)


def write(name, title, points):
    print(f"\n/* {title} */\nstatic const guint32 {name}[][2] = {{")
    line = " "
    for first, last in ranges(points):
        entry = f" {{ 0x{first:x}, 0x{last:x} }},"
        if len(line) + len(entry) > 120:
            print(line)
            line = " "
        line += entry
    print(line + "\n};")


print("/* Made by make-unicode-tables.py with the Python package tokenizers "
      f"{tokenizers.__version__}; do not edit. First and last of each range. */")
print("#pragma once\n\n#include <glib.h>\n\n/* clang-format off */")
write("steer_unicode_letters", r"\p{L}", members(r"\p{L}"))
write("steer_unicode_numbers", r"\p{N}", members(r"\p{N}"))
write("steer_unicode_spaces", r"\s", members(r"\s"))
late_points = after_unicode_9()
check_normalization(late_points)
write("steer_unicode_late", "not in Unicode 9.0", late_points)
