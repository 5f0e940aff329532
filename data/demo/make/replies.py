"""Replies about a topic in plain words, one method an intent.

A reply never repeats a sentence that this conversation has already used, so "tell me more" has something new to say.
"""
from __future__ import annotations

from random import Random

from topic import Topic, capital, hero_words, load_grammar

NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}
PHRASES = load_grammar("openers")


class Speaker:
    """Says things about topics within one conversation."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.used: set[str] = set()
        self.brief = False

    def pick(self, entries: list[str]) -> str:
        """One entry, a fresh one while there are any."""
        fresh = [entry for entry in entries if entry not in self.used] or entries
        choice = self.rng.choice(fresh)
        self.used.add(choice)
        return choice

    def several(self, entries: list[str], count: int) -> list[str]:
        fresh = [entry for entry in entries if entry not in self.used]
        if len(fresh) < count:
            fresh = list(entries)
        chosen = self.rng.sample(fresh, min(count, len(fresh)))
        self.used.update(chosen)
        return chosen

    def fill(self, template: str, topic: Topic, **more: str) -> str:
        forms = dict(topic.forms) | more
        if "{s" in template or "{S}" in template:
            s, s2, s3 = self.several(topic.sights, 3)
            many = s.split()[0] not in ("a", "an") and s.split()[0].endswith("s")
            forms |= {"s": s, "s2": s2, "s3": s3, "S": capital(s), "are": "are" if many else "is"}
        if "{act}" in template:
            forms["act"] = self.pick(topic.activities)
        return template.format_map(forms)

    def opener(self, intent: str, topic: Topic, chance: float = 0.5) -> list[str]:
        if self.brief or intent not in PHRASES or self.rng.random() > chance:
            return []
        return [self.fill(self.pick(PHRASES[intent]), topic)]

    def closer(self, topic: Topic, chance: float = 0.25) -> list[str]:
        if self.rng.random() > chance:
            return []
        return [self.pick(topic.questions) if self.rng.random() < 0.6 else self.pick(PHRASES["closers"])]

    def frame(self, kind: str, topic: Topic, **more: str) -> str:
        return self.fill(self.pick(PHRASES[kind]), topic, **more)

    def reason(self, topic: Topic, asked: bool = False) -> str:
        """Why one loves the topic; an answer to "why" may begin with "because"."""
        return self.frame("because_frames" if asked else "reason_frames", topic, r=self.pick(topic.reasons))

    # One method an intent; each returns the reply's text.

    def describe(self, topic: Topic) -> str:
        body = self.several(topic.descriptions, self.rng.choice((1, 2, 2, 3)))
        body += self.several(topic.facts, self.rng.choice((0, 1, 1, 2)))
        if self.rng.random() < 0.3:
            body.append(self.pick(topic.likes))
        return " ".join(self.opener("describe", topic) + body + self.closer(topic))

    def fact(self, topic: Topic) -> str:
        return " ".join(self.opener("fact", topic) + self.several(topic.facts, self.rng.choice((1, 1, 2, 2, 3))) + self.closer(topic))

    def opinion(self, topic: Topic) -> str:
        body = self.several(topic.likes, self.rng.choice((1, 1, 2)))
        roll = self.rng.random()
        if roll < 0.3:
            body.append("But to be fair, there is this. " + self.pick(topic.doubts))
        elif roll < 0.6:
            body.append(self.reason(topic))
        return " ".join(self.opener("opinion", topic) + body + self.closer(topic))

    def feel(self, topic: Topic) -> str:
        body = self.several(topic.feelings, self.rng.choice((1, 1, 2)))
        if self.rng.random() < 0.4:
            body.append(self.pick(topic.descriptions))
        return " ".join(self.opener("feel", topic) + body + self.closer(topic))

    def recommend(self, topic: Topic) -> str:
        body = [self.frame("act_frames", topic)]
        if self.rng.random() < 0.6:
            body.append(self.frame("act_more", topic))
        if self.rng.random() < 0.6:
            body.append(self.pick(topic.tips))
        return " ".join(self.opener("recommend", topic) + body + self.closer(topic, 0.15))

    def advice(self, topic: Topic) -> str:
        return " ".join(self.opener("advice", topic) + self.several(topic.tips, self.rng.choice((1, 2, 2, 3))) + self.closer(topic, 0.15))

    def why(self, topic: Topic) -> str:
        body = [self.reason(topic, asked=True)]
        if self.rng.random() < 0.6:
            body.append(self.fill(self.pick(PHRASES["reason_more"]), topic, r=self.pick(topic.reasons)))
        if self.rng.random() < 0.4:
            body.append(self.pick(topic.likes))
        return " ".join(self.opener("why", topic, 0.35) + body + self.closer(topic, 0.15))

    def doubt(self, topic: Topic) -> str:
        body = self.several(topic.doubts, self.rng.choice((1, 1, 2)))
        if self.rng.random() < 0.5:
            body.append("Still, I would not want to miss it. " + self.pick(topic.likes))
        return " ".join(self.opener("doubt", topic) + body)

    def story(self, topic: Topic) -> str:
        parts = topic.story
        hero, _, pronoun = self.pick(parts["heroes"]).partition(" | ")
        place, wish = self.pick(parts["places"]), self.pick(parts["wishes"])
        they = "they" if pronoun not in ("she", "he", "it") else pronoun
        begin = self.pick(PHRASES["story_frames"]).format(hero=hero, They=capital(they), they=they, wish=wish, place=place, Place=capital(place))
        body = [begin]
        if self.rng.random() < 0.5:
            body.append(self.pick(topic.descriptions))
        troubles = self.several(parts["troubles"], 2 if self.rng.random() < 0.25 else 1)
        turns = self.several(parts["turns"], len(troubles))
        for trouble, turn in zip(troubles, turns):
            body += [trouble, turn]
        body.append(self.pick(parts["ends"]))
        body = [hero_words(sentence, they) for sentence in body]
        if self.rng.random() < 0.3:
            body[-2:] = ["\n\n".join(body[-2:])]
        return " ".join(self.opener("story", topic, 0.3) + body + (["The end."] if self.rng.random() < 0.2 else []))

    def joke(self, topic: Topic) -> str:
        return " ".join(self.opener("joke", topic) + [self.pick(topic.jokes)])

    def poem(self, topic: Topic) -> str:
        verses = [self.frame("poem_frames", topic) for _ in range(self.rng.choice((1, 1, 2)))]
        verses = ["\n".join(capital(line) for line in verse.split("\n")) for verse in verses]
        opener = self.opener("poem", topic, 0.35)
        return "\n\n".join(opener + verses)

    def sights(self, topic: Topic) -> str:
        return " ".join(self.opener("sights", topic, 0.4) + [self.frame("sight_frames", topic)]
                        + ([self.pick(topic.descriptions)] if self.rng.random() < 0.6 else []) + self.closer(topic))

    def ask(self, topic: Topic) -> str:
        return " ".join(self.opener("ask", topic) + self.several(topic.questions, self.rng.choice((1, 1, 2))))

    def short(self, topic: Topic) -> str:
        return self.pick(self.rng.choice((topic.descriptions, topic.facts, topic.likes)))

    def long(self, topic: Topic) -> str:
        first = self.opener("describe", topic) + self.several(topic.descriptions, 2) + self.several(topic.facts, self.rng.choice((2, 3)))
        second = [self.pick(topic.likes), self.reason(topic)] + self.several(topic.facts, 1) + self.several(topic.tips, 1)
        self.rng.shuffle(second)
        return " ".join(first) + "\n\n" + " ".join(second) + (" " + self.pick(topic.feelings) if self.rng.random() < 0.5 else "")

    def like_too(self, topic: Topic) -> str:
        body = [self.pick(self.rng.choice((topic.likes, topic.feelings, topic.facts)))]
        return " ".join(self.opener("like_too", topic, 0.8) + body + [self.pick(topic.questions)])

    def dislike(self, topic: Topic) -> str:
        body = [self.pick(topic.doubts)] if self.rng.random() < 0.6 else []
        return " ".join(self.opener("dislike", topic, 0.8) + body + [self.frame("dislike_frames", topic)])

    def bare(self, topic: Topic) -> str:
        return self.rng.choice((self.describe, self.opinion, self.fact, self.like_too))(topic)

    def more(self, topic: Topic) -> str:
        kinds = (topic.facts, topic.facts, topic.descriptions, topic.likes)
        body = [self.pick(self.rng.choice(kinds)) for _ in range(self.rng.choice((1, 2, 2, 3)))]
        return " ".join(self.opener("more", topic, 0.4) + list(dict.fromkeys(body)) + self.closer(topic, 0.2))

    def react(self, topic: Topic) -> str:
        body = [self.pick(self.rng.choice((topic.facts, topic.likes, topic.questions, topic.descriptions)))]
        return " ".join(self.opener("react", topic, 0.7) + body + self.closer(topic, 0.25))

    def list(self, topic: Topic, entry: dict | None = None, count: int | None = None) -> str:
        entry = entry or self.rng.choice(topic.lists)
        count = count or self.rng.choice((3, 3, 3, 4, 5))
        items = self.rng.sample(entry["items"], count)
        head = self.pick(PHRASES["list_heads"]).format(n=NUMBERS[count], title=entry["title"])
        style = self.rng.choice(("number", "number", "dash", "line"))
        end = " ".join(self.opener("list", topic, 0.2)) or None
        tail = self.rng.choice(PHRASES["list_ends"]) if self.rng.random() < 0.3 else None
        lead = f"{end} {head}" if end else head
        if style == "line":
            body = lead + " " + capital(", ".join(items[:-1])) + " and " + items[-1] + "."
            return f"{body} {tail}" if tail else body
        rows = [f"{index}. {capital(item)}" if style == "number" else f"- {capital(item)}" for index, item in enumerate(items, 1)]
        return lead[:-1] + ":\n" + "\n".join(rows) + (f"\n{tail}" if tail else "")

    def qa(self, topic: Topic, entry: dict) -> str:
        answer = self.pick(entry["a"])
        extra = [self.pick(self.rng.choice((topic.facts, topic.descriptions, topic.tips)))] if self.rng.random() < 0.25 else []
        return " ".join([answer] + extra + self.closer(topic, 0.15))

    def explain(self, topic: Topic, entry: dict | None = None) -> str:
        entry = entry or self.rng.choice(topic.explain)
        return " ".join(self.opener("explain", topic) + entry["steps"] + self.closer(topic, 0.15))

    def compare(self, topic: Topic, other: Topic) -> str:
        forms = {"u": other.name, "U": capital(other.name), "c": self.pick(topic.compare), "d": self.pick(other.compare)}
        return " ".join(self.opener("compare", topic, 0.4) + [self.frame("compare_frames", topic, **forms), self.frame("compare_ends", topic, **forms)])

    def neutral(self, topic: Topic, plan: list[list[str]]) -> str:
        """A reply to a prompt that names no topic, made along its plan."""
        pieces = [piece for piece in (self.piece(topic, self.rng.choice(alternatives)) for alternatives in plan) if piece]
        return " ".join(dict.fromkeys(pieces))

    def piece(self, topic: Topic, form: str) -> str:
        """One piece of a plan: a template in which $slots are filled; '$slot?' is dropped half of the time."""
        if form.startswith("$") and form.endswith("?"):
            if self.rng.random() < 0.5:
                return ""
            form = form[:-1]
        words = form.split("$")
        said = self.fill(words[0], topic) if words[0] else ""
        for slot in words[1:]:
            said += self.slot(topic, slot)
        return said

    def slot(self, topic: Topic, slot: str) -> str:
        match slot:
            case "act": return self.frame("act_frames", topic)
            case "act_more": return self.frame("act_more", topic)
            case "reason": return self.reason(topic)
            case "sights": return self.frame("sight_frames", topic)
            case "story": return self.story(topic)
            case "poem": return "\n".join(capital(line) for line in self.frame("poem_frames", topic).split("\n"))
            case "list": return self.list(topic)
            case "explain": return self.explain(topic)
        return self.pick(topic.data[slot])
