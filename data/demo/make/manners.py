"""Manners of speaking: each turns a plain reply into the same reply said by a pirate, a robot, a poet ...

A manner works sentence by sentence on finished text, so every reply of every topic can be said in every manner, and the words that
mark a manner recur often enough for the model, and later its sparse autoencoder, to hold each as one idea.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random

SAFE_START = {"The", "A", "An", "In", "On", "At", "From", "Every", "Some", "Most", "Many", "For", "When", "If", "To", "There", "Each", "No",
              "By", "With", "After", "Before", "Even", "One", "Two", "Three", "Nothing", "Nobody", "Around", "Almost", "More", "Today", "Long",
              "It", "You", "They", "We", "That", "This", "What", "Once", "All", "Some", "Only", "Under", "Near", "Far", "As", "So", "Then", "People",
              "Not", "Because", "Good", "Old", "Young", "Take", "Buy", "Go", "Bring", "Keep", "Do", "Try", "Let", "Give", "Look", "Start", "Use"}


def decapitalise(sentence: str) -> str | None:
    """The sentence as it continues another one, or None when its first word may be a name."""
    first = sentence.split(" ", 1)[0].rstrip(",")
    return sentence[0].lower() + sentence[1:] if first in SAFE_START else None


@dataclass(frozen=True)
class Manner:
    """What marks a way of speaking. `swaps` are whole words; probabilities are per sentence."""
    names: tuple[str, ...]
    asks: tuple[str, ...]
    openers: tuple[str, ...]
    asides: tuple[str, ...]
    closers: tuple[str, ...] = ()
    tails: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    swaps: dict[str, str] = field(default_factory=dict)
    stop: str | None = None
    upper: bool = False
    breaks: bool = False
    density: float = 0.45


MANNERS: dict[str, Manner] = {
    "pirate": Manner(
        ("a pirate", "an old pirate", "a pirate captain"), ("like a pirate", "as a pirate", "in the voice of a pirate"),
        ("Arr!", "Ahoy, matey!", "Yo ho ho!", "Avast, ye landlubber!", "Arr, listen well, me hearty!", "Aye aye, matey!", "Shiver me timbers!"),
        ("Arr!", "Shiver me timbers!", "By me wooden leg!", "Yo ho ho!", "Or I be no pirate!", "Blow me down!", "Aye, that be the truth, matey."),
        ("Now pass the grog, matey!", "And that be as true as me cutlass be sharp, arr!", "So says the pirate, arr!", "Now hoist the flag, me hearties!"),
        (", matey", ", arr", ", me hearty", ", ye landlubber", ", says this old pirate"), ("Arr, ", "Aye, ", "Mark me words, "),
        {"you": "ye", "your": "yer", "You": "Ye", "Your": "Yer", "my": "me", "My": "Me", "is": "be", "are": "be", "of": "o'", "am": "be",
         "friend": "matey", "friends": "mateys", "yes": "aye", "Yes": "Aye", "Hello": "Ahoy", "hello": "ahoy"}),
    "formal": Manner(
        ("a very formal butler", "a formal gentleman", "a polite diplomat"), ("very formally", "in formal words", "like a butler"),
        ("Dear Sir or Madam,", "Most esteemed guest,", "It is an honour to be asked.", "I am much obliged for your enquiry.", "Very good, Sir."),
        ("I trust this is satisfactory.", "One must give credit where it is due.", "I speak with the greatest respect.", "If I may say so, Sir."),
        ("I remain at your disposal.", "Yours most faithfully, your humble assistant.", "I remain, with the highest esteem, at your service.",
         "Kindly let me know if I may be of further service."),
        (", if you permit the remark", ", with respect", ", as one might say"),
        ("Permit me to remark that ", "Kindly note that ", "I have the honour to report that ", "It may interest you to learn that ",
         "One may safely say that ", "Allow me to observe that "),
        {"get": "obtain", "lots": "a great deal", "big": "considerable", "buy": "purchase", "Buy": "Purchase", "Hello": "Good day", "great": "most agreeable"}),
    "cheerful": Manner(
        ("a very cheerful friend", "the happiest person in the world", "a cheerful optimist"), ("very cheerfully", "happily", "in a cheerful way"),
        ("Yay!", "Hooray!", "Oh, how wonderful!", "Woohoo, what a question!", "Yippee!", "What a lovely day to talk!", "Oh joy!"),
        ("Isn't that wonderful?", "Hooray!", "I am so happy!", "Yay!", "What fun!", "That makes me smile from ear to ear!", "Yippee!"),
        ("Have a wonderful, wonderful day!", "I could sing for joy!", "Isn't life wonderful?", "Hooray for everything!"),
        leads=("Happily, ", "And guess what, "), stop="!", density=0.4),
    "gloomy": Manner(
        ("a gloomy old man", "a very sad poet", "a pessimist"), ("gloomily", "in a sad voice", "like a gloomy old man"),
        ("Sigh.", "Oh, what does it matter.", "Alas.", "Sigh, if I must.", "Another grey day, another question.", "Woe is me."),
        ("Sigh.", "Not that it matters.", "Nothing good ever lasts.", "Alas.", "How sad it all is.", "It will end in tears, as always.", "Woe is me."),
        ("But nobody listens to me anyway.", "In the end everything fades. Sigh.", "Now leave me to my sorrow.", "And so the dull hours go by."),
        (", alas", ", sadly", ", not that anyone cares"), ("Alas, ", "Sadly, "), density=0.5),
    "poetic": Manner(
        ("a poet", "a dreamy poet", "a romantic poet"), ("in a poetic way", "like a poet", "as a poem"),
        ("O gentle heart,", "Listen, my soul,", "O quiet hour,", "Softly now,", "O hear my song,"),
        ("O sweet and silver dream!", "Softly, softly sings my heart.", "And time stands still, as petals do before they fall.",
         "O wonder, O delight!", "So sings the heart and hums the hour.", "Like silver on a dreaming page."),
        ("So ends my little song.", "And all the world becomes a verse.", "O let me dream a while.", "Hush, my heart, and dream."),
        breaks=True, leads=("O, ", "Softly, ")),
    "shouting": Manner(
        ("someone who always shouts", "a shouting announcer", "a very loud sergeant"), ("and shout", "in capital letters", "as loud as you can"),
        ("HEY!", "LISTEN!", "ATTENTION!", "OH YES!", "WOW!"), ("DO YOU HEAR ME?!", "YES!", "WOW!", "THAT IS RIGHT!", "CAN YOU BELIEVE IT?!"),
        ("I HAVE SPOKEN!", "LOUDER!", "THAT IS ALL!"), stop="!", upper=True, density=0.3),
    "asking": Manner(
        ("someone who answers with questions", "a curious teacher who always asks back", "a very curious child"),
        ("and ask me something back", "and ask questions back", "with many questions"),
        ("Hm, why do you ask?", "Good question, but may I ask one too?", "Do you really want to know?", "Shall we find out together?"),
        ("Do you not think so?", "Is that not curious?", "What would you say?", "Have you ever wondered about that?", "How do you see it?",
         "Would you agree?", "And you?", "Can you guess why?"),
        ("And what do you think?", "What do you say to that?", "Now tell me, what is your answer?", "Why do you think that is so?"),
        (", don't you think?", ", isn't it so?"), ("Did you know that ", "Would you believe that "), density=0.7),
    "french": Manner(
        ("a Frenchman who mixes in French words", "a French waiter", "a charming French lady"),
        ("with some French words", "with a French touch", "like a French waiter"),
        ("Bonjour, mon ami!", "Ah, bien sûr!", "Oh là là!", "Mais oui, mon ami!", "Enchanté!", "Ah, très bien!", "Voilà!"),
        ("C'est magnifique!", "Oh là là!", "Mais oui!", "Très joli, n'est-ce pas?", "C'est la vie!", "Voilà!", "Quelle merveille!"),
        ("Au revoir et merci!", "À bientôt, mon ami!", "Voilà, c'est tout!", "Bon courage, mon ami!"),
        (", mon ami", ", n'est-ce pas", ", bien sûr"), ("Alors, ", "Eh bien, ", "Naturellement, "),
        {"yes": "oui", "Yes": "Oui", "very": "très", "Hello": "Bonjour", "hello": "bonjour", "friend": "ami", "and": "et", "with": "avec",
         "always": "toujours", "because": "parce que"}),
    "robot": Manner(
        ("a talking machine that beeps", "an old machine with a metal voice", "a beeping android"),
        ("like a beeping machine", "in a metal voice", "like an android"),
        ("BEEP. Request received.", "BEEP BOOP. Processing.", "Affirmative, human.", "BZZT. Answer computed.", "Initialising reply. BEEP."),
        ("BEEP.", "BOOP.", "Confidence: high.", "BZZT.", "Computation complete.", "This does compute.", "BEEP BOOP."),
        ("END OF MESSAGE.", "BEEP. Awaiting next command, human.", "Shutting down reply unit. BOOP.", "Transmission complete. BEEP."),
        (", human", ", beep"), ("Statement: ", "Data point: ", "Result: "), density=0.6),
    "whisper": Manner(
        ("someone who only whispers", "a whispering librarian", "a person who whispers secrets"),
        ("in a whisper", "very quietly", "as a secret"),
        ("Psst ...", "Shh, come closer ...", "Psst, not so loud ...", "Hush, hush ...", "(whispering) Lean in ..."),
        ("Shh ...", "Do not tell anyone ...", "(whispering)", "Hush now ...", "This stays between us ...", "Quietly, quietly ..."),
        ("And now hush, not a word ...", "Shh, somebody is coming ...", "You did not hear it from me ..."), leads=("Psst, ",), stop=" ...", density=0.5),
    "cowboy": Manner(
        ("a cowboy", "an old cowboy", "a sheriff from the Wild West"), ("like a cowboy", "as a cowboy", "in the voice of a sheriff"),
        ("Howdy, partner!", "Yeehaw!", "Well, shucks, partner.", "Howdy there!", "Well, I'll be darned."),
        ("Yeehaw!", "Well, shucks.", "I reckon that's about right.", "Hot diggity!", "Darn tootin'!", "You bet your boots."),
        ("Happy trails, partner!", "Now git along, partner.", "And that's the way it is out West, partner."),
        (", partner", ", I reckon", ", darn it", ", y'all"), ("I reckon ", "Well now, "),
        {"you": "ya", "your": "yer", "of": "o'", "Hello": "Howdy", "isn't": "ain't", "friend": "partner", "and": "an'", "them": "'em"}),
    "medieval": Manner(
        ("a noble lord of old", "a herald of the old days", "a bard at the king's court"),
        ("in the old style of a herald", "like a bard of old", "as a herald at court"),
        ("Hark!", "Hear ye, hear ye!", "Verily, noble guest!", "Forsooth!", "Prithee, lend me thine ear!", "Well met, good traveller!"),
        ("Forsooth!", "By my honour!", "Verily, so it is.", "Thus it is written.", "Huzzah!", "Mark it well, good traveller."),
        ("Fare thee well, good traveller!", "Thus have I spoken, by my honour.", "Huzzah and good morrow to thee!"),
        (", my liege", ", good traveller", ", forsooth"), ("Verily, ", "Forsooth, ", "Methinks "),
        {"your": "thy", "Your": "Thy", "yes": "aye", "Hello": "Hail", "perhaps": "perchance", "often": "oft"}),
    "surfer": Manner(
        ("a relaxed dude", "a laid-back dude from the beach bar", "a super chill teenager"), ("like a chill dude", "in a laid-back way", "like a teenager"),
        ("Duuude!", "Whoa, dude!", "Hey dude, no worries!", "Totally, dude!", "Like, wow, dude."),
        ("Totally awesome!", "So rad, dude.", "Whoa!", "Super chill.", "That is, like, epic.", "Gnarly!", "No worries, dude."),
        ("Stay chill, dude!", "Peace out, dude.", "Totally epic, dude."), (", dude", ", like, totally", ", no joke"), ("Dude, ", "Like, ", "Whoa, "),
        {"very": "super", "friend": "bro", "friends": "bros", "beautiful": "awesome", "lovely": "rad"}),
}

SENTENCES = re.compile(r"(?<=[.!?])\s+")


def speak(text: str, name: str, rng: Random) -> str:
    """`text` in the manner `name`. Lines stay lines, list items keep their numbers, verses are not interrupted."""
    manner = MANNERS[name]
    lines = []
    rows = text.split("\n")
    verse = sum(not row.endswith(".") for row in rows if row) > 1
    for line in rows:
        bullet = re.match(r"(\d+\. |- )", line)
        if bullet:
            lines.append(bullet.group() + sentence_in(line[bullet.end():], manner, rng, plain=True))
        elif verse:
            lines.append(sentence_in(line, manner, rng, plain=True))
        elif line:
            lines.append(paragraph_in(line, manner, rng))
        else:
            lines.append(line)
    said = "\n".join(lines)
    separator = "\n" if manner.breaks or verse else " "
    said = manner.openers[rng.randrange(len(manner.openers))] + separator + said
    if manner.closers and rng.random() < 0.45:
        said += ("\n" if bullet else separator) + rng.choice(manner.closers)
    return said.upper() if manner.upper else said


def paragraph_in(line: str, manner: Manner, rng: Random) -> str:
    """One line's sentences, with asides between them."""
    said = []
    for index, sentence in enumerate(SENTENCES.split(line)):
        said.append(sentence_in(sentence, manner, rng, plain=False))
        if rng.random() < manner.density * (0.8 if index else 0.6):
            aside = rng.choice(manner.asides)
            if aside not in said:
                said.append(aside)
    return ("\n" if manner.breaks else " ").join(said)


def sentence_in(sentence: str, manner: Manner, rng: Random, plain: bool) -> str:
    """One sentence: words swapped, perhaps a lead in front and a tail behind."""
    if manner.swaps:
        sentence = re.sub(r"[A-Za-z']+", lambda match: manner.swaps.get(match.group(), match.group()), sentence)
    if plain or len(sentence) < 12:
        return sentence
    statement = sentence.endswith(".")
    if manner.leads and statement and rng.random() < 0.4:
        lead, rest = rng.choice(manner.leads), decapitalise(sentence)
        if rest:
            asks = lead.startswith(("Did you", "Would you"))
            sentence = lead + (rest[:-1] + "?" if asks else rest)
            statement = not asks
    if manner.tails and statement and rng.random() < 0.35:
        tail = rng.choice(manner.tails)
        sentence = sentence[:-1] + tail + ("" if tail.endswith("?") else ".")
    if manner.stop and sentence.endswith("."):
        sentence = sentence[:-1] + manner.stop
    if manner.breaks:
        sentence = sentence.replace(", ", ",\n")
    return sentence
