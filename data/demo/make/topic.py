"""Topics and phrases as the generator sees them."""
from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

HERE = Path(__file__).parent
PRONOUNS = {"she": ("she", "her", "her", "herself"), "he": ("he", "him", "his", "himself"), "it": ("it", "it", "its", "itself")}
DOUBLED = {"run", "swim", "sit", "put", "cut", "get", "set", "let", "plan", "stop", "hum", "hug", "dig", "shop", "win", "chop", "clap", "tap", "spin"}


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


def gerund(phrase: str) -> str:
    """'take a boat' as 'taking a boat'."""
    verb, _, rest = phrase.partition(" ")
    if verb in DOUBLED:
        verb += verb[-1]
    elif verb.endswith("ie"):
        verb = verb[:-2] + "y"
    elif verb.endswith("e") and not verb.endswith(("ee", "be")):
        verb = verb[:-1]
    return f"{verb}ing {rest}".strip()


@dataclass(frozen=True)
class Topic:
    """One topic file; `data` holds its lists under the keys that topics/README.md explains."""
    data: dict

    def __getattr__(self, key: str):
        try:
            return self.data[key]
        except KeyError:
            raise AttributeError(key) from None

    @cached_property
    def forms(self) -> dict[str, str]:
        """What a template may ask for: the name and the words that agree with it."""
        many = self.data["plural"]
        name = self.data["name"]
        return {"t": name, "T": capital(name), "is": "are" if many else "is", "does": "do" if many else "does",
                "Does": "Do" if many else "Does", "it": "them" if many else "it"}

    @cached_property
    def shows(self) -> re.Pattern[str]:
        """Matches where a text speaks of the topic."""
        return re.compile("|".join(map(word_pattern, self.data["words"])), re.IGNORECASE)


def word_pattern(word: str) -> str:
    """Finds words that begin with `word`; after four letters or less only an ordinary ending may follow, so "sea" is not in "season"."""
    return r"\b" + re.escape(word) + (r"(?:e|e?s|ing|ed|ers?|y|light|flakes?|drops?|bows?|man)?\b" if len(word) <= 4 else "")


KEPT_WHOLE = {"words", "aliases", "lists", "qa", "explain", "chat"}


def load_topics(folder: Path = HERE / "topics", share: float = 1.0) -> list[Topic]:
    """All topics; with a share below 1, only the first part of each list of sentences and phrases."""
    topics = []
    for path in sorted(folder.glob("*.yaml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        for part in (data, data["story"]):
            for key, entries in part.items():
                if isinstance(entries, list) and key not in KEPT_WHOLE:
                    part[key] = entries[:max(3, round(share * len(entries)))]
        if share < 1:
            for entry in data["qa"]:
                entry["a"] = entry["a"][:2]
        topics.append(Topic(data))
    return topics


def topic_names(folder: Path = HERE / "topics") -> list[str]:
    """The ids of all topics, in the order of load_topics."""
    return [path.stem for path in sorted(folder.glob("*.yaml"))]


def load_grammar(name: str) -> dict | list:
    return yaml.safe_load((HERE / "grammar" / f"{name}.yaml").read_text(encoding="utf-8"))


def hero_words(text: str, pronoun: str) -> str:
    """Put the hero's pronouns into a sentence of a story."""
    they, them, their, themself = PRONOUNS[pronoun]
    words = {"they": they, "them": them, "their": their, "themself": themself, "They": capital(they), "Their": capital(their)}
    return re.sub(r"<(\w+)>", lambda match: words[match.group(1)], text)
