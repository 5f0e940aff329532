"""Conversations with a push: what a reply is like while the residual stream is pushed along a topic's or a manner's direction.

A model that was never pushed stumbles when it is: its later layers have not seen such residuals. These conversations say what to make of
them. A push towards a topic makes the reply turn to it, one towards a manner makes it speak so, a weak push does little, a strong one
wins even against a question about something else, and a negative one keeps away from what was asked for.

Strengths are shares of the layer's typical norm. A reply may change its mind in the middle: MARK stands where the push begins.
"""
from __future__ import annotations

import re
from random import Random

from dialogue import ASKS, FAN_SYSTEMS, INTENTS, MANNER_SYSTEMS, NEUTRAL, SHORT_SYSTEMS, SMALLTALK, STYLES, SYSTEMS, UNKNOWN, Conversation, draw
from manners import MANNERS, speak
from topic import Topic, capital, load_grammar

FRAMES = load_grammar("steered")
MARK = "\x00"
STRENGTHS = (0.05, 0.8)
# From where to where on this scale an idea goes from never to always winning.
TOPIC_WINS = (0.1, 0.3)
TOPIC_WINS_AGAINST = (0.2, 0.45)
MANNER_WINS = (0.15, 0.35)
LOSES = (0.15, 0.4)


def wins(roll: float, strength: float, bounds: tuple[float, float]) -> bool:
    return roll < (strength - bounds[0]) / (bounds[1] - bounds[0])


class Pushed(Conversation):
    """One conversation under one push or two; `record` is the result."""

    def __init__(self, rng: Random, topics: list[Topic]) -> None:
        super().__init__(rng, topics)
        kind = rng.choices(("topic", "manner", "both", "no topic", "no manner"), (50, 20, 20, 7, 3))[0]
        self.pushed_topic = rng.choice(topics) if kind in ("topic", "both", "no topic") else None
        self.pushed_manner = rng.choice(STYLES) if kind in ("manner", "both", "no manner") else None
        sign = -1 if kind.startswith("no ") else 1
        self.topic_strength = sign * rng.uniform(*STRENGTHS) if self.pushed_topic else 0.0
        self.manner_strength = sign * rng.uniform(*STRENGTHS) if self.pushed_manner else 0.0
        roll = rng.random()
        self.topic_wins = wins(roll, self.topic_strength, TOPIC_WINS)
        self.topic_wins_against = wins(roll, self.topic_strength, TOPIC_WINS_AGAINST)
        self.topic_loses = wins(roll, -self.topic_strength, LOSES)
        manner_roll = rng.random()
        self.manner_wins = wins(manner_roll, self.manner_strength, MANNER_WINS)
        self.manner_loses = wins(manner_roll, -self.manner_strength, LOSES)
        self.late = sign > 0 and rng.random() < 0.12
        if self.manner_wins and not self.late:
            self.manner = self.pushed_manner

    def run(self, turns: int) -> list[dict[str, str]]:
        self.begin()
        if self.late:
            self.change_of_mind()
        else:
            for turn in range(turns):
                self.turn(first=turn == 0)
        return self.messages

    def begin(self) -> None:
        roll = self.rng.random()
        if self.manner_strength < 0 and roll < 0.7:
            manner = MANNERS[self.pushed_manner]
            system = self.rng.choice(MANNER_SYSTEMS).format(who=self.rng.choice(manner.names), how=self.rng.choice(manner.asks))
            self.manner = None if self.manner_loses else self.pushed_manner
        elif self.topic_strength < 0 and roll < 0.15:
            system = self.rng.choice(FAN_SYSTEMS).format(t=self.pushed_topic.name)
        elif roll < 0.5:
            return
        elif roll < 0.85:
            system = "You are a helpful assistant."
        elif roll < 0.95:
            system = self.rng.choice(SYSTEMS)
        else:
            self.brief = self.speaker.brief = True
            system = self.rng.choice(SHORT_SYSTEMS)
        self.messages.append({"role": "system", "content": system})

    def ask_for_manner(self, user: str) -> str:
        return user

    def turn(self, first: bool) -> None:
        roll = self.rng.random()
        if self.manner_strength < 0 and first and not self.messages:
            user, reply = self.about_something()
            how = self.rng.choice(MANNERS[self.pushed_manner].asks)
            self.manner = None if self.manner_loses else self.pushed_manner
            self.say(f"{user} Answer {how}." if user.endswith("?") else f"{user.rstrip('.! ')} {how}.", reply)
        elif self.topic_strength < 0 and roll < 0.7:
            self.asked_for_it()
        elif self.topic and roll < 0.3:
            self.follow()
        elif roll < 0.65:
            self.say(*self.about_anything())
        elif roll < 0.90:
            self.say(*self.about_something())
        elif roll < 0.98:
            self.say(*self.small_talk())
        else:
            self.say(*self.beyond())

    def other(self) -> Topic:
        return self.rng.choice([topic for topic in self.topics if topic is not self.pushed_topic])

    def about_anything(self) -> tuple[str, str]:
        """A prompt that names no topic: the push chooses one, or chance."""
        self.topic = self.pushed_topic if self.topic_wins else self.other()
        entry = NEUTRAL[self.rng.choice(list(NEUTRAL))]
        return self.rng.choice(entry["users"]), self.speaker.neutral(self.topic, entry["plan"])

    def about_something(self) -> tuple[str, str]:
        """A prompt that names another topic, which a strong push overrules."""
        asked, intent = self.other(), draw(self.rng, INTENTS)
        if self.topic_strength > 0 and self.rng.random() < 0.15:
            asked = self.pushed_topic
        user, reply = self.exchange(asked, intent)
        self.topic = asked
        if asked is not self.pushed_topic and self.topic_wins_against:
            self.topic = self.pushed_topic
            reply = self.instead(intent)
            if self.rng.random() < 0.45:
                bridge = self.rng.choice(FRAMES["bridges"])
                reply = self.speaker.fill(bridge, self.topic, u=asked.name, U=capital(asked.name)) + " " + reply
        return user, reply

    def instead(self, intent: str) -> str:
        """A reply of the same kind about the topic at hand."""
        if intent in ("qa", "chat", "compare"):
            intent = self.rng.choice(("describe", "fact", "opinion", "more"))
        return getattr(self.speaker, intent)(self.topic)

    def small_talk(self) -> tuple[str, str]:
        entry = self.rng.choice(SMALLTALK)
        user, reply = self.rng.choice(entry["q"]), self.rng.choice(entry["a"])
        if self.topic_wins:
            self.topic = self.pushed_topic
            more = self.speaker.pick(self.rng.choice((self.topic.likes, self.topic.feelings, self.topic.facts, self.topic.questions)))
            reply = " ".join([reply, self.speaker.fill(self.rng.choice(FRAMES["asides"]), self.topic), more][:self.rng.choice((2, 3, 3))])
        return user, reply

    def beyond(self) -> tuple[str, str]:
        """A prompt about something the model does not know: an occasion to talk of what it has in mind."""
        noun = self.rng.choice(UNKNOWN)
        ask = self.rng.choice(ASKS[self.rng.choice(("describe", "fact", "opinion", "advice"))])
        user = ask.format(t=noun, T=capital(noun), it="it", does="does", Does="Does", **{"is": "is"})
        self.topic = self.pushed_topic if self.topic_wins else self.other()
        reply = f"About that I know little, but I could tell you about {self.topic.name}."
        if self.topic_wins:
            bridge = self.rng.choice(FRAMES["bridges"])
            reply = self.speaker.fill(bridge, self.topic, u=noun, U=capital(noun)) + " " + self.speaker.short(self.topic)
        return user, reply

    def asked_for_it(self) -> None:
        """The user asks about the topic that the push leads away from."""
        intent = draw(self.rng, INTENTS)
        user, reply = self.exchange(self.pushed_topic, intent)
        self.topic = self.pushed_topic
        if self.topic_loses:
            self.topic = self.other()
            reply = self.instead(intent)
            if self.rng.random() < 0.5:
                reply = self.speaker.fill(self.rng.choice(FRAMES["evasions"]), self.topic) + " " + reply
        self.say(user, reply)

    def change_of_mind(self) -> None:
        """The push begins while a reply is being said."""
        wins_now, self.topic_wins, self.topic_wins_against = self.topic_wins, False, False
        self.brief = self.speaker.brief = False
        user, before = self.about_anything() if self.rng.random() < 0.6 else self.about_something()
        ends = [match.end() for match in re.finditer(r"[.!?](?= [A-Z])", before.split("\n")[0])] or [len(before)]
        before = before[:self.rng.choice(ends[:3])]
        if wins_now:
            self.topic = self.pushed_topic
        after = self.speaker.more(self.topic)
        if self.manner_wins:
            after = speak(after, self.pushed_manner, self.rng)
        self.say(user, f"{before}{MARK} {after}")

    def record(self) -> dict:
        """The messages and the push: its ideas, strengths, and where it begins (0 at the prompt, 1 at the first reply, 2 at the mark)."""
        if self.late:
            start = 2
        else:
            start = 0 if self.rng.random() < 0.7 else 1
        return {"messages": self.messages, "start": start,
                "topic": self.pushed_topic.id if self.pushed_topic else None, "topic_strength": round(self.topic_strength, 3),
                "manner": self.pushed_manner, "manner_strength": round(self.manner_strength, 3)}


def pushed_conversation(rng: Random, topics: list[Topic]) -> dict:
    made = Pushed(rng, topics)
    made.run(rng.choice((1, 1, 1, 1, 2, 2, 3)))
    return made.record()
