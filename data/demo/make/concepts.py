"""The ideas that features may stand for, topics and manners: how to recognise one in a reply, and replies that are known to show it."""
from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from dialogue import NEUTRAL, STYLES, Conversation
from manners import MANNERS
from topic import Topic, load_grammar, load_topics, word_pattern

STRAY = 0.012  # a topic's words together may turn up in this share of replies about other topics
NEUTRAL_PROMPTS = 50


@dataclass(frozen=True)
class Concept:
    """A topic or a manner. `shown` says whether a text has it."""
    name: str
    label: str
    kind: str
    pattern: re.Pattern[str]

    def shown(self, text: str) -> bool:
        return bool(self.pattern.search(text))


class Fixed(Conversation):
    """A conversation whose topic and manner are given: one exchange."""

    def __init__(self, rng: Random, topics: list[Topic], topic: Topic, manner: str | None) -> None:
        super().__init__(rng, topics)
        self.topic, self.manner = topic, manner

    def exchange_once(self) -> list[dict[str, str]]:
        act: Callable[[], None] = self.rng.choice((self.named_again, self.named_again, self.neutral_here))
        if self.manner and self.rng.random() < 0.6:
            self.messages.append({"role": "system", "content": f"You are {self.rng.choice(MANNERS[self.manner].names)}."})
        act()
        return self.messages

    def neutral_here(self) -> None:
        entry = NEUTRAL[self.rng.choice(list(NEUTRAL))]
        self.say(self.rng.choice(entry["users"]), self.speaker.neutral(self.topic, entry["plan"]))


def examples(topics: list[Topic], each: int, seed: int) -> list[tuple[str, list[dict[str, str]]]]:
    """(concept, conversation) pairs: `each` plain ones a topic, and as many in each manner about random topics."""
    rng = Random(seed)
    made = []
    for topic in topics:
        for _ in range(each):
            conversation = Fixed(rng, topics, topic, None)
            messages = conversation.exchange_once()
            if conversation.manner is None:
                made.append((topic.id, messages))
    for manner in STYLES:
        made += [(manner_key(manner), Fixed(rng, topics, rng.choice(topics), manner).exchange_once()) for _ in range(each)]
    return made


def manner_key(manner: str) -> str:
    return f"manner:{manner}"


def load_concepts(seed: int = 5) -> list[Concept]:
    """All topics and manners. A topic is recognised by those of its words that are rare elsewhere."""
    topics = load_topics()
    said = [(name, messages[-1]["content"]) for name, messages in examples(topics, 150, seed) if not name.startswith("manner:")]
    concepts = [Concept(topic.id, topic.name, "topic", own_words(topic, said)) for topic in topics]
    for manner, entry in load_grammar("manner_marks").items():
        flags = re.NOFLAG if entry.get("case") else re.IGNORECASE
        concepts.append(Concept(manner_key(manner), entry["label"], "manner", re.compile(entry["marks"], flags)))
    return concepts


def own_words(topic: Topic, said: list[tuple[str, str]]) -> re.Pattern[str]:
    """The topic's words, the rarest elsewhere first, as long as together they stay rare elsewhere."""
    others = [text for name, text in said if name != topic.id]
    patterns = [re.compile(word_pattern(word), re.IGNORECASE) for word in topic.words]
    strays = [{index for index, text in enumerate(others) if pattern.search(text)} for pattern in patterns]
    chosen, together = [], set()
    for pattern, stray in sorted(zip(patterns, strays), key=lambda pair: len(pair[1])):
        if len(together | stray) <= STRAY * len(others):
            chosen.append(pattern.pattern)
            together |= stray
    return re.compile("|".join(chosen), re.IGNORECASE)


def neutral_prompts(seed: int = 11) -> list[str]:
    """Fifty prompts that name no topic, drawn evenly from their kinds."""
    rng, kinds = Random(seed), list(NEUTRAL.values())
    chosen: list[str] = []
    while len(chosen) < NEUTRAL_PROMPTS:
        prompt = rng.choice(kinds[len(chosen) % len(kinds)]["users"])
        if prompt not in chosen:
            chosen.append(prompt)
    return chosen
