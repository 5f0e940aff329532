"""Check the topic files: every key there, enough entries, sentences that look like sentences.

The generator combines entries blindly, so a fragment in the wrong slot would turn up in thousands of conversations;
it is cheaper to refuse it here.
"""
from __future__ import annotations

import re
import sys
from pathlib import Path

import yaml

COUNTS = {"aliases": 3, "words": 3, "sights": 10, "facts": 16, "descriptions": 8, "likes": 8, "doubts": 4, "feelings": 6,
          "activities": 12, "tips": 10, "reasons": 6, "questions": 5, "jokes": 3, "qa": 10, "explain": 3, "lists": 3,
          "compare": 5, "chat": 6}
STORY = {"heroes": 6, "places": 5, "wishes": 6, "troubles": 6, "turns": 6, "ends": 6}
SENTENCES = ("facts", "descriptions", "likes", "doubts", "feelings", "tips", "questions", "jokes")
GROUPS = {"animals", "places", "sky", "nature", "travel", "food", "arts", "games", "learning", "life", "wonder"}
SENTENCE = re.compile(r'^["\'A-Z].*[.!?]["\']?$')


def problems(path: Path) -> list[str]:
    """Everything wrong with one file, as lines a writer can act on."""
    try:
        topic = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        return [f"not YAML: {error}"]
    found: list[str] = []

    def need(ok: bool, message: str) -> None:
        if not ok:
            found.append(message)

    def sentence(where: str, text: object) -> None:
        need(isinstance(text, str) and bool(SENTENCE.match(text)), f"{where}: not a sentence: {text!r}")
        if isinstance(text, str):
            need(len(text.split()) <= 36, f"{where}: too long: {text!r}")

    need(topic.get("id") == path.stem, "id differs from the file's name")
    need(topic.get("group") in GROUPS, f"unknown group {topic.get('group')!r}")
    need(isinstance(topic.get("plural"), bool), "plural is not true or false")
    for key, count in COUNTS.items():
        need(len(topic.get(key) or []) >= count, f"{key}: {len(topic.get(key) or [])} entries, want {count}")
    story = topic.get("story") or {}
    for key, count in STORY.items():
        need(len(story.get(key) or []) >= count, f"story.{key}: {len(story.get(key) or [])} entries, want {count}")
    for key in SENTENCES:
        for text in topic.get(key) or []:
            sentence(key, text)
    for key in ("sights", "activities", "reasons", "compare"):
        for text in topic.get(key) or []:
            need(isinstance(text, str) and text[-1] not in ".!?", f"{key}: a phrase, please: {text!r}")
    for entry in topic.get("qa") or []:
        need(len(entry["q"]) >= 2 and len(entry["a"]) >= 3, f"qa: two questions, three answers: {entry['q']}")
        for text in entry["q"] + entry["a"]:
            sentence("qa", text)
    for entry in topic.get("explain") or []:
        need(len(entry["q"]) >= 2 and len(entry["steps"]) >= 4, f"explain: two questions, four steps: {entry['q']}")
        for text in entry["q"] + entry["steps"]:
            sentence("explain", text)
    for entry in topic.get("lists") or []:
        need(len(entry["items"]) >= 7, f"lists: seven items: {entry['title']}")
    for entry in topic.get("chat") or []:
        need(len(entry["reply"]) >= 2, f"chat: two replies: {entry['user']}")
        for text in [entry["user"], *entry["reply"]]:
            sentence("chat", text)
    for hero in story.get("heroes") or []:
        need(bool(re.search(r" \| (she|he|it)$", str(hero))), f"story.heroes: pronoun missing: {hero!r}")
    for key in ("troubles", "turns", "ends"):
        for text in story.get(key) or []:
            sentence(f"story.{key}", text.replace("<They>", "They").replace("<Their>", "Their"))
            stray = set(re.findall(r"<(\w+)>", text)) - {"they", "them", "their", "themself", "They", "Their"}
            need(not stray, f"story.{key}: unknown {stray}: {text!r}")
    said = [text for key in SENTENCES for text in topic.get(key) or []]
    naming = [text for text in said if any(word in text.lower() for word in topic.get("words") or [])]
    need(len(naming) >= 0.6 * len(said), f"only {len(naming)} of {len(said)} sentences contain one of words")
    return found


def main() -> int:
    folder = Path(__file__).parent / "topics"
    names = [folder / f"{name}.yaml" for name in sys.argv[1:]] or sorted(folder.glob("*.yaml"))
    bad = 0
    for path in names:
        for line in problems(path):
            bad += 1
            print(f"{path.name}: {line}")
    print(f"{len(names)} topics, {bad} problems")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
