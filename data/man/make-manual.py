#!/usr/bin/env python3
"""make-manual.py STEER VERSION man|bash|zsh|fish OUTPUT: writes the manual page or a shell's completion of the `steer`
command out of what `steer --help` and `steer COMMAND --help` say, so that they never tell anything else."""

import re
import subprocess
import sys
from dataclasses import dataclass, field

OPTION = re.compile(r"^ {2,6}(?:-(\w), )?--([a-z-]+)(?: (.+?))?(?: {2,}(.*))?$")


@dataclass
class Option:
    short: str
    name: str
    argument: str
    text: str


@dataclass
class Command:
    name: str
    summary: str
    usage: str = ""
    paragraphs: list[str] = field(default_factory=list)
    groups: list[tuple[str, list[Option]]] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    def options(self) -> list[Option]:
        return [option for _, options in self.groups for option in options]


def run(*args: str) -> list[str]:
    return subprocess.run(args, check=True, capture_output=True, encoding="utf-8").stdout.splitlines()


def read_command(program: str, name: str, summary: str) -> Command:
    command = Command(name, summary)
    section = None
    lines: list[str] = []
    for line in run(program, name, "--help"):
        title = re.match(r"^(\w[\w ]*):$", line)
        option = OPTION.match(line)
        if line.startswith("Usage: "):
            command.usage = line[len("Usage: "):]
        elif title:
            section = title.group(1)
            if section != "Examples":
                command.groups.append((section, []))
        elif section is None:
            lines.append(line)
        elif section == "Examples":
            if line.strip():
                command.examples.append(line[2:])
        elif option:
            short, long, argument, text = option.groups()
            command.groups[-1][1].append(Option(short or "", long, argument or "", text or ""))
        elif line.strip() and command.groups[-1][1]:
            last = command.groups[-1][1][-1]
            last.text = f"{last.text} {line.strip()}".strip()
    command.paragraphs = [" ".join(block.split()) for block in "\n".join(lines).split("\n\n") if block.strip()]
    return command


def read_program(program: str) -> tuple[str, list[Command], list[str]]:
    top = run(program, "--help")
    summary = next(line for line in top[1:] if line.strip())
    rows = [re.match(r"^  ([a-z]+) {2,}(.+)$", line) for line in top]
    commands = [read_command(program, *row.groups()) for row in rows if row]
    tail = [line for line in top if line.startswith("Exit status")]
    return summary, commands, tail


def roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def write_man(version: str, summary: str, commands: list[Command], tail: list[str]) -> str:
    out = [f'.TH STEER 1 "" "Steer Chat {version}" "User Commands"', ".SH NAME",
           "steer \\- run a local language model and steer it while it speaks", ".SH SYNOPSIS",
           ".B steer", ".I COMMAND", "[\\fIOPTION\\fR...]", ".br", ".B steer \\-\\-help", ".br", ".B steer \\-\\-version",
           ".SH DESCRIPTION", roff(summary), ".PP",
           "Results go to standard output, text for people to standard error.", ".SH COMMANDS"]
    for command in commands:
        out += [".TP", f".B {command.name}", roff(command.summary)]
    for command in commands:
        out += [f".SH STEER {command.name.upper()}", f".B {roff(command.usage)}"]
        for paragraph in command.paragraphs:
            out += [".PP", roff(paragraph)]
        for title, options in command.groups:
            out.append(f".SS {title}")
            for option in options:
                names = f"\\-{option.short}, " if option.short else ""
                argument = f" \\fI{roff(option.argument)}\\fR" if option.argument else ""
                out += [".TP", f"\\fB{names}\\-\\-{roff(option.name)}\\fR{argument}", roff(option.text)]
        out += [".SS Examples", ".nf"] + [roff(line) for line in command.examples] + [".fi"]
    out += [".SH EXIT STATUS", *[roff(line.removeprefix("Exit status: ")) for line in tail], ".SH ENVIRONMENT", ".TP",
            ".B STEER_DATA_DIR", "The folder of the bundled model and presets, in place of the installed one.", ".TP",
            ".B STEER_CPU_ISA", "avx512, avx2 or plain: the instruction set, in place of the best there is.", ".TP",
            ".B NO_COLOR", "Set to anything: no colours in the terminal.", ".SH SEE ALSO", ".BR steer\\-chat (1)"]
    return "\n".join(out) + "\n"


def takes_file(option: Option) -> bool:
    return re.match(r"^(FILE|DIR|PATH|FOLDER)", option.argument) is not None


def write_bash(commands: list[Command]) -> str:
    cases = "\n".join(f"    {c.name}) options=\"{' '.join('--' + o.name for o in c.options())}\" ;;" for c in commands)
    files = sorted({"--" + o.name for c in commands for o in c.options() if takes_file(o)})
    return f"""# Completion of the steer command for bash.
_steer ()
{{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} options
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{' '.join(c.name for c in commands)} --help --version" -- "$word"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{cases}
  esac
  case $before in
    {'|'.join(files)}) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}}
complete -F _steer steer
"""


def write_zsh(commands: list[Command]) -> str:
    def quote(text: str) -> str:
        return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "'\\''")

    def spec(option: Option) -> str:
        action = ""
        if option.argument:
            action = f":{quote(option.argument)}:{'_files' if takes_file(option) else ' '}"
        return f"'*--{option.name}[{quote(option.text)}]{action}'"

    listed = "\n".join(f"    '{c.name}:{quote(c.summary)}'" for c in commands)
    cases = "\n".join("    %s) _arguments %s '*:file:_files' ;;" % (c.name, " ".join(spec(o) for o in c.options()))
                      for c in commands)
    return f"""#compdef steer
local -a commands
if (( CURRENT == 2 )); then
  commands=(
{listed}
  )
  _describe command commands
else
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{cases}
  esac
fi
"""


def write_fish(commands: list[Command]) -> str:
    def quote(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    out = ["# Completion of the steer command for fish."]
    for command in commands:
        out.append(f"complete -c steer -n __fish_use_subcommand -f -a {command.name} -d {quote(command.summary)}")
        for option in command.options():
            short = f" -s {option.short}" if option.short else ""
            argument = (" -r -F" if takes_file(option) else " -x") if option.argument else ""
            out.append(f"complete -c steer -n '__fish_seen_subcommand_from {command.name}'{short} -l {option.name}"
                       f"{argument} -d {quote(option.text)}")
    return "\n".join(out) + "\n"


def main() -> None:
    program, version, kind, output = sys.argv[1:]
    summary, commands, tail = read_program(program)
    text = {"man": lambda: write_man(version, summary, commands, tail), "bash": lambda: write_bash(commands),
            "zsh": lambda: write_zsh(commands), "fish": lambda: write_fish(commands)}[kind]()
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)


main()
