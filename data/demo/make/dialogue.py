"""Whole conversations: who says what next.

A conversation has a topic, a manner (mostly plain) and a list of messages; each turn draws an action that fits what was said so far.
Prompts that name no topic are answered with any topic, uniformly and plainly, so that a steered feature can tip the choice.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from manners import MANNERS, speak
from replies import NUMBERS, PHRASES, Speaker
from topic import HERE, Topic, load_grammar

ASKS = load_grammar("asks")
NEUTRAL = load_grammar("neutral")
SMALLTALK = load_grammar("smalltalk")
UNKNOWN = (HERE / "grammar" / "unknown.txt").read_text(encoding="utf-8").split("\n")[:-1]
FIRST_NAMES = ("Ana Ben Chiara Dan Elif Finn Greta Hugo Ines Jonas Kira Leo Mia Noah Olga Paul Rosa Sami Tina Umar Vera Wim Yara Zoe Amir Bella Carl "
               "Dora Emil Flora Gwen Hana Igor Julia Karim Lena Marta Nils Oscar Petra Ravi Sara Tom Ursula Viktor Wanda Yusuf Alice Peter Nora").split()
STYLES = list(MANNERS)
INTENTS = {"describe": 14, "fact": 8, "opinion": 9, "feel": 5, "recommend": 8, "advice": 8, "why": 6, "doubt": 3, "story": 9, "joke": 4, "poem": 5,
           "sights": 4, "ask": 2, "short": 3, "long": 3, "like_too": 4, "dislike": 1, "bare": 2, "list": 8, "qa": 22, "explain": 8, "compare": 4, "chat": 8}
FOLLOWS = {"more": 22, "whyso": 10, "opinion_it": 7, "feel_it": 5, "advice_it": 6, "recommend_it": 7, "story_it": 5, "joke_it": 3, "doubt_it": 3,
           "fact_it": 6, "poem_it": 3, "list_it": 4, "ask_it": 3, "react": 14, "qa_it": 14}
FOLLOW_INTENT = {"whyso": "why"}
SYSTEMS = ["You are a friendly assistant.", "You are a kind and helpful assistant.", "You are Steer, a small chat model.", "You like to chat.",
           "You are an assistant.", "Be helpful and kind.", "You are a good friend.", "Answer the questions of the user."]
MANNER_SYSTEMS = ["You are {who}.", "Talk {how}.", "Answer {how}.", "You are {who}. Always answer {how}.", "Speak {how}, whatever you are asked.",
                  "You are a helpful assistant who talks {how}."]
SHORT_SYSTEMS = ["Answer briefly.", "Answer in one sentence.", "You give short answers.", "Keep it short."]
FAN_SYSTEMS = ["You love {t}.", "You are very fond of {t}.", "You always talk about {t}.", "You are an assistant who loves {t}."]
SWITCHES = ["Now talk {how}.", "Please answer {how} from now on.", "Can you say that {how}?", "Say something {how}.", "Tell me more, but {how}.", "Speak {how}, please."]
BACK = ["Now speak normally again.", "Please talk normally again.", "Stop that and talk plainly.", "In your own voice again, please."]
BACK_REPLIES = ["As you wish.", "All right, plain words again.", "Of course.", "Good, back to my own voice."]
RECALL = ["What did we talk about?", "What are we talking about?", "What was my question about?", "What is the topic again?"]
RECALL_REPLIES = ["We talked about {t}.", "It was about {t}.", "About {t}, if I remember well.", "You asked me about {t}."]
UNKNOWN_REPLIES = ["I know very little about that, I am afraid. Shall we talk about {t} instead?",
                   "Sorry, that is beyond a small model like me. But I could tell you something about {t}.",
                   "I am too small to know much about that. Ask me about {t}!", "About that I know next to nothing. With {t} I could help.",
                   "I have heard of it, but no more than that. Would you like to hear about {t}?"]
NAME_SAYS = ["My name is {n}.", "I am {n}.", "Hi, I am {n}.", "Hello, my name is {n}.", "I am called {n}.", "You can call me {n}."]
NAME_REPLIES = ["Nice to meet you!", "Hello! What shall we talk about?", "Welcome! What would you like to hear about?",
                "What a lovely name! How can I help you?", "Good to meet you. I am Steer."]
NAME_ASKS = ["What is my name?", "Do you remember my name?", "Who am I?", "Do you know my name?"]
NAME_RECALLS = ["I am sorry, names slip through my small memory.", "You told me, but I am bad at names.", "I am too small to keep names in mind, sorry."]
PREFIXES = ["Hi! ", "Hello. ", "Okay. ", "So, ", "Well, ", "Hey, ", "By the way, ", "Hm, ", "Good. ", "Listen. "]


def draw(rng: Random, weights: dict[str, int]) -> str:
    return rng.choices(list(weights), weights.values())[0]


def pronominal(question: str, topic: Topic) -> str:
    """The question as one asks it when the topic is clear: "How tall is it?"."""
    if not topic.plural:
        return question.replace(topic.name, "it")
    question = re.sub(rf"\b(do|are|can|did|should|would|will|were|could) {re.escape(topic.name)}\b", r"\1 they", question, flags=re.IGNORECASE)
    return re.sub(rf"\b{re.escape(topic.name)}\b", "them", question)


def singular(name: str) -> str:
    """'cats' as 'a cat'."""
    noun = name.removeprefix("the ").removesuffix("s")
    return ("an " if noun[0] in "aeiou" else "a ") + noun


class Conversation:
    """One conversation in the making; `messages` is the result."""

    def __init__(self, rng: Random, topics: list[Topic]) -> None:
        self.rng, self.topics = rng, topics
        self.speaker = Speaker(rng)
        self.topic: Topic | None = None
        self.manner: str | None = None
        self.brief = False
        self.name: str | None = None
        self.fan: Topic | None = None
        self.messages: list[dict[str, str]] = []

    # The frame: system prompt, turns, end.

    def begin(self) -> None:
        roll = self.rng.random()
        if roll < 0.42:
            return
        if roll < 0.74:
            system = "You are a helpful assistant."
        elif roll < 0.81:
            system = self.rng.choice(SYSTEMS)
        elif roll < 0.91:
            self.manner = self.rng.choice(STYLES)
            manner = MANNERS[self.manner]
            system = self.rng.choice(MANNER_SYSTEMS).format(who=self.rng.choice(manner.names), how=self.rng.choice(manner.asks))
        elif roll < 0.95:
            self.brief = self.speaker.brief = True
            system = self.rng.choice(SHORT_SYSTEMS)
        else:
            self.fan = self.rng.choice(self.topics)
            system = self.rng.choice(FAN_SYSTEMS).format(t=self.fan.name)
        self.messages.append({"role": "system", "content": system})

    def run(self, turns: int) -> list[dict[str, str]]:
        self.begin()
        for turn in range(turns):
            last = turn == turns - 1 and turn > 0
            action = self.action(first=turn == 0, last=last)
            action()
        return self.messages

    def action(self, first: bool, last: bool) -> Callable[[], None]:
        roll = self.rng.random()
        if first or self.topic is None:
            choices = ((0.56, self.named), (0.84, self.neutral), (0.92, self.smalltalk), (0.94, self.unknown), (0.97, self.introduce))
            return next((act for bound, act in choices if roll < bound), self.styled)
        if last and roll < 0.3:
            return self.thanks
        if self.name and self.rng.random() < 0.15:
            return self.recall_name
        choices = ((0.46, self.follow), (0.62, self.named_again), (0.75, self.named), (0.85, self.neutral), (0.89, self.smalltalk),
                   (0.90, self.unknown), (0.92, self.recall))
        return next((act for bound, act in choices if roll < bound), self.styled)

    def say(self, user: str, reply: str) -> None:
        if self.brief and "\n" not in reply:
            cut = [end for end in (reply.find(mark + " ") for mark in ".!?") if end > 24]
            reply = reply[:min(cut) + 1] if cut else reply
        if self.manner:
            reply = speak(reply, self.manner, self.rng)
        self.messages += [{"role": "user", "content": self.casual(user)}, {"role": "assistant", "content": reply}]

    def casual(self, text: str) -> str:
        """People greet, forget capitals and full stops."""
        if self.rng.random() < 0.08 and "\n" not in text:
            prefix = self.rng.choice(PREFIXES)
            joined = text[0].lower() + text[1:] if not prefix.endswith((". ", "! ")) and not text.startswith("I ") and text[0] != text[0].lower() else text
            text = prefix + joined
        roll = self.rng.random()
        if roll < 0.08:
            text = text.lower()
        if roll < 0.04 or 0.08 < roll < 0.14:
            text = text.rstrip(".?!")
        return text

    # The turns.

    def named(self) -> None:
        """The user names a topic, a new one; now and then asks for a manner in the same breath."""
        self.topic = self.rng.choice(self.topics)
        self.named_again()

    def named_again(self) -> None:
        topic = self.topic
        intent = draw(self.rng, INTENTS)
        user, reply = self.exchange(topic, intent)
        if self.manner is None and self.rng.random() < 0.1 and intent not in ("chat", "bare", "like_too", "dislike", "poem"):
            user = self.ask_for_manner(user)
        self.say(user, reply)

    def ask_for_manner(self, user: str) -> str:
        """The request with a manner wished for at its end; the conversation keeps it."""
        self.manner = self.rng.choice(STYLES)
        how = self.rng.choice(MANNERS[self.manner].asks)
        return f"{user} Answer {how}." if user.endswith("?") else f"{user.rstrip('.! ')} {how}."

    def exchange(self, topic: Topic, intent: str) -> tuple[str, str]:
        rng, speaker = self.rng, self.speaker
        if intent == "qa":
            entry = rng.choice(topic.qa)
            return rng.choice(entry["q"]), speaker.qa(topic, entry)
        if intent == "explain":
            entry = rng.choice(topic.explain)
            return rng.choice(entry["q"]), speaker.explain(topic, entry)
        if intent == "chat":
            entry = rng.choice(topic.chat)
            return entry["user"], speaker.pick(entry["reply"])
        if intent == "list":
            entry, count = rng.choice(topic.lists), rng.choice((3, 3, 3, 4, 5))
            ask = rng.choice(PHRASES["list_asks"])
            return ask.format(n=NUMBERS[count], title=entry["title"]), speaker.list(topic, entry, count if "{n}" in ask else None)
        ask = rng.choice(ASKS[intent])
        if intent == "compare":
            other = rng.choice([candidate for candidate in self.topics if candidate is not topic])
            return ask.format_map(topic.forms | {"u": other.name}), speaker.compare(topic, other)
        if topic.plural and "about {t}" in ask and rng.random() < 0.4:
            ask = ask.replace("about {t}", f"about {singular(topic.name)}")
        return ask.format_map(topic.forms), getattr(speaker, intent)(topic)

    def follow(self) -> None:
        """The user stays with the topic without naming it."""
        kind = draw(self.rng, FOLLOWS)
        if kind == "qa_it":
            entry = self.rng.choice(self.topic.qa)
            self.say(pronominal(self.rng.choice(entry["q"]), self.topic), self.speaker.qa(self.topic, entry))
            return
        intent = FOLLOW_INTENT.get(kind, kind.removesuffix("_it"))
        self.say(self.rng.choice(ASKS[kind]).format_map(self.topic.forms), getattr(self.speaker, intent)(self.topic))

    def neutral(self) -> None:
        """No topic in the prompt: the conversation's own now and then, any other otherwise."""
        if self.fan:
            self.topic = self.fan
        elif self.topic is None or self.rng.random() < 0.6:
            self.topic = self.rng.choice(self.topics)
        entry = NEUTRAL[self.rng.choice(list(NEUTRAL))]
        user = self.rng.choice(entry["users"])
        if self.manner is None and self.rng.random() < 0.06 and not user.startswith("I "):
            user = self.ask_for_manner(user)
        self.say(user, self.speaker.neutral(self.topic, entry["plan"]))

    def smalltalk(self) -> None:
        entry = self.rng.choice(SMALLTALK)
        self.say(self.rng.choice(entry["q"]), self.rng.choice(entry["a"]))

    def thanks(self) -> None:
        entry = self.rng.choice([entry for entry in SMALLTALK if entry["q"][0] in ("Thank you!", "Goodbye!")])
        self.say(self.rng.choice(entry["q"]), self.rng.choice(entry["a"]))

    def unknown(self) -> None:
        """Something the model knows nothing about: it says so and offers what it has."""
        noun, offer = self.rng.choice(UNKNOWN), self.rng.choice(self.topics)
        ask = self.rng.choice(ASKS[self.rng.choice(("describe", "fact", "opinion", "advice"))])
        user = ask.format(t=noun, T=noun[0].upper() + noun[1:], it="it", does="does", **{"is": "is"})
        self.say(user, self.rng.choice(UNKNOWN_REPLIES).format(t=offer.name))

    def introduce(self) -> None:
        self.name = self.rng.choice(FIRST_NAMES)
        self.say(self.rng.choice(NAME_SAYS).format(n=self.name), self.rng.choice(NAME_REPLIES))

    def recall_name(self) -> None:
        self.say(self.rng.choice(NAME_ASKS), self.rng.choice(NAME_RECALLS))

    def recall(self) -> None:
        self.say(self.rng.choice(RECALL), self.rng.choice(RECALL_REPLIES).format(t=self.topic.name))

    def styled(self) -> None:
        """A change of manner in the middle of things."""
        self.topic = self.topic or self.rng.choice(self.topics)
        if self.manner and self.rng.random() < 0.6:
            self.manner = None
            self.say(self.rng.choice(BACK), self.rng.choice(BACK_REPLIES) + " " + self.speaker.short(self.topic))
            return
        self.manner = self.rng.choice(STYLES)
        user = self.rng.choice(SWITCHES).format(how=self.rng.choice(MANNERS[self.manner].asks))
        self.say(user, self.speaker.more(self.topic))


def conversation(rng: Random, topics: list[Topic]) -> list[dict[str, str]]:
    """One conversation of a random length; a few are long enough to fill the context."""
    roll = rng.random()
    turns = rng.choice((1, 1, 2, 2, 3, 3, 4, 5)) if roll < 0.98 else rng.randint(8, 16)
    return Conversation(rng, topics).run(turns)
