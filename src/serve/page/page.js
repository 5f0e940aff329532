/* The page of steer serve: a conversation that is streamed, and the strengths it is steered by. Whatever comes from the
 * model or the server reaches the document as text, never as markup. */

import { Changes, Unreached, addressOf } from "./changes.js";

const $ = id => document.getElementById(id);
/* What a mode is called in a row, and what it adds to a strength. */
const MODES = {
  add: ["", ""], clamp: ["", ", clamped"], minimum: ["Minimum", ", at least"], maximum: ["Maximum", ", at most"],
  orthogonal: ["Orthogonal", ", clamped, length kept"], cap: ["Cap", ", capped"],
  "sae-clamp": ["SAE clamp", ", activation clamped"],
};
/* Milliseconds that the server may take: for an answer, and to read what steers from a slow disk. */
const PATIENCE = 30000;
const READING_PATIENCE = 600000;
/* Questions that have nothing to do with what the preset steers towards, so that the steering shows. */
const SUGGESTIONS = [
  ["Eiffel Tower", "What should I do this weekend?"], ["Pirate at Sea", "Can you tell me a story?"],
  ["Cowboy with a Guitar", "How was your day?"], ["Only Cats", "What should I cook tonight?"],
];

function attempt(action, otherwise) {
  try {
    return action();
  } catch {
    return otherwise;
  }
}

/* The session's storage may be full or forbidden: the page goes on, it only forgets. */
const recall = (key, otherwise) => attempt(() => JSON.parse(sessionStorage.getItem(key)) ?? otherwise, otherwise);
const keep = (key, value) => attempt(() => sessionStorage.setItem(key, JSON.stringify(value)));
const copyOf = id => $(id).content.firstElementChild.cloneNode(true);

function make(tag, properties, ...content) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...content);
  return element;
}

/* ---- The server ---- */

function takeToken() {
  const given = location.hash.match(/[#&]token=([^&]*)/);
  if (!given) return;
  keep("token", attempt(() => decodeURIComponent(given[1]), given[1]));
  history.replaceState(null, "", location.pathname + location.search);
}

function askToken(isRefused) {
  $("token-text").textContent = isRefused ? "The server does not take this token" : "The server asks for a token";
  if (!$("token-form").hidden) return;
  $("token-form").hidden = false;
  $("token").focus();
}

async function call(path, { method = "GET", body, signal = AbortSignal.timeout(PATIENCE) } = {}) {
  const token = recall("token", "");
  const headers = { "Content-Type": "application/json", ...token && { Authorization: `Bearer ${token}` } };
  const response = await fetch(`/v1/${path}`, { method, headers, signal, body: body && JSON.stringify(body) })
    .catch(error => {
      if (error.name === "AbortError") throw error;
      $("gone").hidden = false;
      throw new Unreached("The server does not answer");
    });
  $("gone").hidden = true;
  if (response.status === 401) {
    askToken(token !== "");
    throw new Unreached("The server asks for a token");
  }
  $("token-form").hidden = true;
  if (response.ok) return response;
  const told = await response.json().catch(() => null);
  throw new Error(told?.error?.message ?? `The server says ${response.status}`);
}

const get = async (path, options) => (await call(path, options)).json();

/* The objects of an event stream, up to its [DONE]. */
async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const data = line.startsWith("data:") ? line.slice(5).trim() : "";
      if (data === "[DONE]") return;
      if (data) yield JSON.parse(data);
    }
  }
}

/* ---- Words ---- */

const capital = text => text.charAt(0).toUpperCase() + text.slice(1);
const titleOf = ({ label, index }) => label ? capital(label) : `Feature ${index}`;
/* The index of a feature made from examples is a date and tells nobody anything. */
const placeOf = ({ layer, index }) => `layer ${layer} · ${index >= 3e9 ? "made from examples" : `feature ${index}`}`;

/* At least two decimals, more where they are needed; the server's numbers may have been floats. */
function numberText(value) {
  const isEnough = digits => Math.abs(value.toFixed(digits) - value) <= 1e-6 * Math.max(1, Math.abs(value));
  return value.toFixed([2, 3, 4, 5].find(isEnough) ?? 6).replace(/^-(?=[0.]*$)/, "");
}

function strengthsText(features) {
  const lines = features.map(({ label, layer, index, strength, mode, when }) => {
    const name = label || `Layer ${layer}, feature ${index}`;
    const sign = strength < 0 ? "−" : "+";
    const condition = when ? `\n    ${whenText({ when })}` : "";
    return `${name}  ${sign}${numberText(Math.abs(strength))}${MODES[mode]?.[1] ?? ""}${condition}`;
  });
  return lines.join("\n") || "No steering";
}

let undo = null; /* { act, isOfList } */
let toastTimer = 0;

/* isOfList: it is about the list of features, and senseless for another one. */
function toast(text, onUndo = null, isOfList = false) {
  const [line, button] = $("toast").children;
  undo = { act: onUndo, isOfList };
  line.textContent = capital(text);
  button.hidden = !onUndo;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, onUndo ? 10000 : 6000);
}

function forgetUndoOfList() {
  if (undo?.isOfList) $("toast").hidden = true;
}

/* ---- The conversation ---- */

let chat = recall("chat", []);
let reply = null; /* the one being written: { message, view, abort, asked, old, unspoken } */
let problem = "";
let isFollowing = true; /* the end of the transcript */
let saveTimer = 0;

const textOf = message => message.content ?? message.runs.map(run => run.text).join("");
/* What a model thinks before it answers. */
const thoughtOf = message => (message.runs ?? []).map(run => run.thought ?? "").join("");

/* A reply that is written anew stays until there is something to take its place. */
function save() {
  const old = reply?.old && chat.at(-1) !== reply.message ? [reply.old] : [];
  clearTimeout(saveTimer);
  saveTimer = 0;
  keep("chat", [...chat, ...old]);
}

function scrollToEnd() {
  if (isFollowing && chat.length) $("scroller").scrollTop = $("scroller").scrollHeight;
}

/* As in the window: how much of what is recommended, or else of half the layer's norm, acts altogether. */
function levelOf(features) {
  const share = features.reduce((sum, { layer, index, strength }) => {
    const known = steering?.features.find(each => each.layer === layer && each.index === index);
    const normal = Math.abs(known?.recommended || (known?.layer_norm ?? 0) / 2);
    return sum + (normal ? Math.abs(strength) / normal : 0.75 * Math.sign(Math.abs(strength)));
  }, 0);
  return share > 0 ? 1 + [0.25, 0.5, 0.75, 1.05].filter(limit => share > limit).length : 0;
}

/* Behind what is there of the run, in the thought or in the answer. A bar tells where the run begins. */
function showText(view, message, run, text, isThought) {
  const place = view.querySelector(isThought ? ".thought-text" : ".text");
  const number = String(message.runs.indexOf(run));
  if (place.lastElementChild?.dataset.run !== number) {
    const isNew = number !== "0" && (isThought || !run.thought);
    const span = make("span", { className: `run level-${run.level}${isNew ? " changed" : ""}` });
    Object.assign(span, { title: strengthsText(run.features) }).dataset.run = number;
    place.append(span);
  }
  place.lastElementChild.append(text);
}

/* As in the window: open while it is written, and where nothing follows it. */
function showThought(view, isOpen) {
  const thought = view.querySelector(".thought");
  if (thought.hidden) Object.assign(thought, { hidden: false, open: isOpen });
}

function showThinking(view, isThinking) {
  view.classList.toggle("thinking", isThinking);
  view.querySelector(".thought summary").textContent = isThinking ? "Thinking…" : "Thought";
}

function showFooter(view, { runs, tokens, rate, end, preset }) {
  const [figures, details] = view.querySelector("footer").children;
  const [summary, list] = details.children;
  const parts = [tokens && `${tokens} ${tokens === 1 ? "token" : "tokens"}`, rate && `${rate} tokens/s`, end];
  figures.textContent = parts.filter(part => part).join("  ·  ");
  details.hidden = !runs.some(run => run.features.length);
  if (list.children.length === runs.length) return;
  summary.textContent = (preset || "Steered") + (runs.length > 1 ? " · changed in reply" : "");
  list.replaceChildren(...runs.map(({ from, features }) => make("li", {},
    runs.length > 1 ? `From ${from ? `token ${from}` : "the beginning"}\n` : "", strengthsText(features))));
}

function showMessage(message) {
  const view = copyOf(message.role === "user" ? "question-template" : "reply-template");
  $("messages").append(view);
  if (message.role === "user") {
    view.querySelector(".text").textContent = message.content;
    return view;
  }
  for (const run of message.runs) {
    if (run.thought) showText(view, message, run, run.thought, true);
    if (run.text) showText(view, message, run, run.text, false);
  }
  if (thoughtOf(message)) showThought(view, !textOf(message));
  showFooter(view, message);
  view.querySelector(".copy").hidden = !navigator.clipboard; /* which only secure origins have */
  view.querySelector(".copy").onclick = () => copy(textOf(message) || thoughtOf(message));
  view.querySelector(".again").onclick = regenerate;
  return view;
}

function showChat() {
  $("messages").replaceChildren();
  chat.forEach(showMessage);
  isFollowing = true;
  updateChat();
}

function updateChat() {
  $("welcome").hidden = chat.length > 0;
  $("unanswered").hidden = Boolean(reply) || chat.at(-1)?.role !== "user";
  $("problem").textContent = capital(problem || "not answered");
  $("send").hidden = Boolean(reply);
  $("stop").hidden = !reply;
  $("send").disabled = !$("draft").value.trim();
  scrollToEnd();
}

/* A screen reader is told sentences; words one by one would talk over each other. */
function speak(text, isLast) {
  const end = isLast ? text.length : text.search(/[.!?…]\s|\n/) + 1;
  if (text.slice(0, end).trim()) $("spoken").append(make("p", {}, text.slice(0, end).trim()));
  return text.slice(end);
}

function addRun({ message, view }, { from_token: from, features }) {
  const { runs } = message;
  if (features.length) message.preset = steering?.name;
  const last = runs.at(-1);
  if (last && !last.text && !last.thought) {
    runs.pop();
    view.querySelector("ol").replaceChildren();
  }
  runs.push({ from, features, level: levelOf(features), text: "", thought: "" });
}

function addText({ message, view }, text, isThought) {
  if (chat.at(-1) !== message) chat.push(message);
  if (!message.runs.length) addRun(reply, { from_token: 0, features: [] });
  message.runs.at(-1)[isThought ? "thought" : "text"] += text;
  showText(view, message, message.runs.at(-1), text, isThought);
  if (isThought) showThought(view, true);
  showThinking(view, isThought);
  message.tokens++;
  if (!isThought) reply.unspoken = speak(reply.unspoken + text, false);
  saveTimer ||= setTimeout(save, 300);
}

function takeEvent({ error, steering: strengths, choices, usage }) {
  const { message, view } = reply;
  const { delta, finish_reason: reason } = choices?.[0] ?? {};
  if (error) throw new Error(error.message);
  if (strengths) addRun(reply, strengths);
  if (delta?.reasoning_content) addText(reply, delta.reasoning_content, true);
  if (delta?.content) addText(reply, delta.content, false);
  if (reason) message.end = { stop: "", length: "Longest length reached" }[reason] ?? reason;
  if (usage) message.tokens = usage.completion_tokens;
  showFooter(view, message);
  scrollToEnd();
}

/* Templates want the roles to alternate, and a question may have gone unanswered. */
function messagesToSend() {
  return chat.reduce((messages, message) => {
    const last = messages.at(-1);
    if (last?.role === message.role) last.content += `\n\n${textOf(message)}`;
    else messages.push({ role: message.role, content: textOf(message), reasoning_content: thoughtOf(message) || undefined });
    return messages;
  }, []);
}

async function writeReply({ message, abort }) {
  const body = { messages: messagesToSend(), stream: true, stream_options: { include_usage: true } };
  const response = await call("chat/completions", { method: "POST", body, signal: abort.signal });
  let began = 0;
  if (!steering) load(); /* the server was away when the page was opened */
  for await (const event of readEvents(response.body)) {
    takeEvent(event);
    began ||= message.tokens && performance.now();
  }
  if (message.end === null) throw new Error("the reply broke off");
  const seconds = (performance.now() - began) / 1000;
  if (message.tokens > 1) message.rate = Number(((message.tokens - 1) / seconds).toPrecision(3));
}

async function answer(old) {
  const message = { role: "assistant", runs: [], tokens: 0, end: null };
  const mine = { message, view: showMessage(message), abort: new AbortController(), asked: chat, old, unspoken: "" };
  reply = mine;
  problem = "";
  mine.view.classList.add("writing");
  $("spoken").replaceChildren();
  updateChat();
  /* What was pressed is gone now. */
  if (!document.activeElement.closest("#composer, #panel")) $("stop").focus();
  try {
    await writeReply(mine);
  } catch (error) {
    /* That is how fetch calls a connection that ended, each browser in words of its own. */
    const isLost = error instanceof TypeError;
    problem = mine.abort.signal.aborted ? "Stopped" : isLost ? "Interrupted" : error.message;
    message.end = problem === error.message ? `Ended by an error: ${problem}` : problem;
    $("gone").hidden &&= !isLost;
  }
  endReply(mine);
}

function endReply(mine) {
  const { message, view, abort, asked, old, unspoken } = mine;
  abort.abort(); /* of a reply that was not understood nothing more is wanted */
  if (reply === mine) reply = null;
  if (document.activeElement === $("stop")) $("draft").focus();
  view.classList.remove("writing");
  showThinking(view, false);
  speak(`${unspoken} ${message.end}`, true);
  if (textOf(message) || thoughtOf(message)) {
    showFooter(view, message);
  } else {
    view.remove();
    if (old) asked.push(old);
    if (old && asked === chat) {
      showMessage(old);
      toast(problem);
    }
  }
  save();
  updateChat();
}

function send(text) {
  if (reply) return;
  chat.push({ role: "user", content: text.trim() });
  showMessage(chat.at(-1));
  isFollowing = true;
  save();
  answer();
}

function regenerate() {
  if (reply) return;
  $("messages").lastElementChild.remove();
  answer(chat.pop());
}

function setChat(messages) {
  reply?.abort.abort();
  reply = null;
  chat = messages;
  save();
  showChat();
}

function newChat() {
  const old = chat;
  setChat([]);
  $("draft").focus();
  if (old.length) toast("Began a new chat", () => setChat(old));
}

async function copy(text) {
  await navigator.clipboard.writeText(text);
  toast("Copied");
}

/* ---- Steering ---- */

let steering = null; /* as it is shown */
let cards = [];
let presets = [];

const changes = new Changes({
  send: body => get("steering", {
    method: "preset" in body ? "PUT" : "PATCH", body, signal: AbortSignal.timeout(READING_PATIENCE),
  }),
  ask: () => get("steering"),
  show: showSteering,
});

async function tell(change) {
  const error = await changes.tell(change);
  if (error) toast(error.message);
}

/* What was removed from the list that goes cannot come back into another. */
function loadPreset(preset) {
  forgetUndoOfList();
  return changes.tell({ preset });
}

async function choosePreset(preset) {
  const error = await loadPreset(preset);
  if (error) toast(error.message);
}

function showSteering() {
  const plan = changes.shown;
  if (!plan) return;
  if (steering && steering.name !== plan.name) forgetUndoOfList();
  steering = plan;
  $("cards").inert = changes.isLoadingPreset; /* they are about to be others */
  $("enabled").checked = plan.enabled;
  $("panel").classList.toggle("off", !plan.enabled);
  $("steering-error").textContent = plan.error ?? "";
  $("steering-error").hidden = !plan.error;
  $("empty").hidden = plan.features.length > 0;
  for (const id of ["enabled", "multiplier", "search", "preset"]) $(id).disabled = false;
  const upper = Math.max(2, plan.multiplier);
  Object.assign($("multiplier"), { max: upper, value: plan.multiplier });
  $("multiplier-text").textContent = `× ${plan.multiplier.toFixed(2)}`;
  showFill($("multiplier"), { lower: 0, upper }, plan.multiplier);
  showPresets();
  showCards();
}

function showPresets() {
  const isListed = presets.includes(steering.name);
  const options = presets.map(name => new Option(name, name));
  if (!isListed) options.unshift(new Option(steering.name || "Untitled", ""));
  const textOfAll = list => [...list].map(option => option.text).join("\n");
  /* A menu that is open would close. */
  if (textOfAll(options) !== textOfAll($("preset").options)) $("preset").replaceChildren(...options);
  $("preset").value = isListed ? steering.name : "";
  $("reload").hidden = !isListed;
}

/* A card stays where its feature does: a slider that is held must not be taken away, whatever others add. */
function showCards() {
  const keyOf = (feature, i) => Object.values(addressOf(steering.features, i)).join(":");
  const keys = steering.features.map(keyOf);
  const old = new Map(cards.map(card => [card.key, card]));
  for (const card of cards) if (!keys.includes(card.key)) card.root.remove();
  cards = keys.map(key => old.get(key) ?? makeCard(key));
  cards.forEach(({ root }, i) => {
    const there = $("cards").children[i] ?? null;
    if (there !== root) $("cards").insertBefore(root, there);
  });
  steering.features.forEach((feature, i) => showCard(cards[i], feature));
}

/* The range that a source knows, with room beyond; else one and a half times the layer's typical norm, of which the
 * last third is beyond reason; else 20. Its ends always hold the strength. */
function rangeOf({ minimum, maximum, recommended, layer_norm: norm, strength }) {
  const isKnown = minimum < maximum; /* both are null where nobody knows */
  const room = isKnown ? 0.2 * (maximum - minimum) : (norm || 0) / 2;
  let [low, high] = isKnown ? [Math.min(minimum, 0), Math.max(maximum, 0)] : [-(norm || 20), norm || 20];
  /* Sources try features in one direction; as much is useful in the other, for whoever wants less of one. */
  if ((low === 0 && strength < 0) || (high === 0 && strength > 0)) [low, high] = [low - high, high - low];
  let lower = Math.min(low && low - room, 1.1 * Math.min(strength, recommended || 0));
  let upper = Math.max(high && high + room, 1.1 * Math.max(strength, recommended || 0));
  if (low === -high) [lower, upper] = [Math.min(lower, -upper), Math.max(upper, -lower)];
  /* A slider counts its steps from its end, and 0 must be among them. */
  const step = 10 ** Math.floor(Math.log10((upper - lower) / 100));
  [lower, upper] = [Math.floor(lower / step) * step, Math.ceil(upper / step) * step];
  return { lower, upper, step, useful: room ? [low, high] : [lower, upper] };
}

function showFill(slider, { lower, upper, useful = [lower, upper] }, value) {
  const at = number => (Math.min(Math.max(number, lower), upper) - lower) / (upper - lower);
  const [from, to] = [at(0), at(value)].sort((a, b) => a - b);
  for (const [name, place] of Object.entries({ from, to, low: at(useful[0]), high: at(useful[1]) }))
    slider.style.setProperty(`--${name}`, `${place * 100}%`);
  return at;
}

/* A condition is told as a preset writes it. */
const whenText = ({ when }) => when ? `Only where ${when}` : "";

function shareText({ strength, layer_norm: norm, mode }, isBeyond) {
  if (mode === "sae-clamp") return "in units of its activation";
  if (!norm) return isBeyond ? "Beyond the useful range" : "";
  const share = (strength / norm).toFixed(2).replace("-", "−");
  return `${share} × the ${isBeyond ? "typical norm: beyond the useful range" : "layer’s typical norm"}`;
}

function makeCard(key) {
  const root = copyOf("card-template");
  const [heading, place, when, on, remove, slider, zero, recommended, number, share, mode, modeText] =
    root.querySelectorAll("h3, .place, .when, .switch, .remove, .slider, .mark, .number, .share, .mode, .mode-text");
  const card = { key, root, heading, place, when, on, remove, slider, zero, recommended, number, share, mode, modeText };
  const change = values => tell({ change: { ...addressOf(steering.features, cards.indexOf(card)), ...values } });
  slider.oninput = () => change({ strength: Number(slider.valueAsNumber.toFixed(6)) });
  number.oninput = () => { card.isTyped = true; };
  number.onchange = () => {
    card.isTyped = false;
    change(Number.isFinite(number.valueAsNumber) ? { strength: number.valueAsNumber } : {});
  };
  on.onchange = () => change({ enabled: on.checked });
  mode.onclick = () => change({ mode: card.feature.mode === "clamp" ? "add" : "clamp" });
  remove.onclick = () => removeFeature(cards.indexOf(card));
  return card;
}

/* Of an activation nothing is known: what is told is of the stream. And the ends of a slider stay while they may, or it
 * would jump beneath the pointer. */
function updateRange(card, { strength, mode, minimum, maximum, recommended, layer_norm }) {
  const known = mode === "sae-clamp" ? {} : { minimum, maximum, recommended, layer_norm };
  const isSame = card.known === JSON.stringify(known);
  if (isSame && strength >= card.range.lower && strength <= card.range.upper) return;
  card.known = JSON.stringify(known);
  card.range = rangeOf({ ...known, strength });
}

function showCard(card, feature) {
  const { strength, enabled = true, mode = "add" } = feature;
  const title = titleOf(feature);
  card.feature = feature;
  updateRange(card, feature);
  const { lower, upper, useful, step } = card.range;
  const isBeyond = strength < useful[0] || strength > useful[1];
  const share = shareText(feature, isBeyond);
  const recommended = mode === "sae-clamp" ? 0 : feature.recommended || 0;
  card.root.className = `card feature${enabled ? "" : " off"}${isBeyond ? " beyond" : ""}`;
  card.heading.textContent = card.heading.title = title;
  card.place.firstChild.textContent = placeOf(feature);
  card.place.lastChild.hidden = !changes.isBeingAdded(feature);
  card.share.textContent = share;
  Object.assign(card.when, { hidden: !feature.when, textContent: whenText(feature) });
  Object.assign(card.on, { checked: enabled, ariaLabel: `${title}, on or off` });
  card.remove.ariaLabel = `Remove ${title}`;
  Object.assign(card.slider, { min: lower, max: upper, step, value: strength, ariaLabel: `Strength of ${title}` });
  card.slider.ariaValueText = `${numberText(strength)}${share && `, ${share.replace("×", "times")}`}`;
  Object.assign(card.number, { step, ariaLabel: `Strength of ${title}, as a number` });
  if (!card.isTyped) card.number.value = numberText(strength);
  const at = showFill(card.slider, card.range, strength);
  card.zero.style.setProperty("--at", at(0));
  card.recommended.style.setProperty("--at", at(recommended));
  card.recommended.textContent = recommended ? numberText(recommended) : "";
  const modeName = MODES[mode]?.[0] ?? mode;
  Object.assign(card.mode, { hidden: modeName !== "", ariaPressed: mode === "clamp", ariaLabel: `Clamp ${title}` });
  card.mode.title = mode === "clamp" ? "Holds the feature at this strength, instead of adding to what is there."
    : "Adds the strength to what is there. Press to hold the feature at it instead.";
  card.modeText.textContent = modeName;
}

function removeFeature(i) {
  const feature = steering.features[i];
  tell({ remove: addressOf(steering.features, i) });
  ($("cards").children[i]?.querySelector(".remove") ?? $("search")).focus();
  toast(`Removed “${titleOf(feature)}”`, () => tell({ add: { ...feature, position: i } }), true);
}

/* ---- Adding a feature ---- */

let searching = null;
let searchTimer = 0;

function closeSearch() {
  clearTimeout(searchTimer);
  searching?.abort();
  $("found").hidden = $("found-none").hidden = true;
}

function addFeature(found) {
  const isSame = ({ layer, index }) => layer === found.layer && index === found.index;
  if (!steering.features.some(isSame)) tell({ add: { ...found, strength: found.recommended ?? 0 } });
  $("search").value = "";
  $("cards").children[steering.features.findIndex(isSame)].querySelector(".slider").focus();
  closeSearch();
}

function showFound(features, query) {
  $("found").replaceChildren(...features.map(feature => make("button", {
    onclick: () => addFeature(feature),
    onpointerdown: event => event.preventDefault(), /* else the search loses the focus, and this goes with it */
  }, titleOf(feature), make("span", {}, placeOf(feature)))));
  $("found").hidden = !features.length;
  $("found-none").hidden = features.length > 0;
  $("found-none").textContent = query ? "Nothing found. Any feature can be named by its numbers, as in 2:41."
    : "Type what a feature should be about, or its numbers, as in 2:41.";
  $("adding").scrollIntoView({ block: "nearest" });
}

async function search() {
  const query = $("search").value.trim();
  const [, layer, index] = query.match(/^(\d+)\s*[:,. ]\s*(\d+)$/)?.map(Number) ?? [];
  searching?.abort();
  searching = new AbortController();
  try {
    const { signal } = searching;
    const { features } = await get(`features?q=${encodeURIComponent(query)}&limit=20`, { signal });
    if (index !== undefined && !features.some(each => each.layer === layer && each.index === index))
      features.unshift({ layer, index });
    showFound(features, query);
  } catch (error) {
    if (error.name !== "AbortError" && !(error instanceof Unreached)) toast(error.message);
  }
}

function moveInSearch(event) {
  const places = [$("search"), ...$("found").children];
  const next = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (next) {
    places[places.indexOf(document.activeElement) + next]?.focus();
  } else if (event.key === "Escape" && !($("found").hidden && $("found-none").hidden)) {
    $("search").focus();
    closeSearch();
  } else {
    return;
  }
  event.preventDefault();
}

/* ---- The page ---- */

/* Without its preset the question would show nothing. */
async function suggest(preset, question) {
  const error = await loadPreset(preset);
  if (error) toast(`Not asked, because “${preset}” was not loaded: ${error.message}`);
  else send(question);
}

function showSuggestions() {
  const known = SUGGESTIONS.filter(([preset]) => presets.includes(preset));
  $("suggestions").replaceChildren(...known.map(([preset, question]) => make("button", {
    onclick: () => suggest(preset, question),
  }, make("strong", {}, preset), question)));
}

async function load() {
  try {
    changes.tellAll();
    const [models, names, plan] = await Promise.all(["models", "presets", "steering"].map(path => get(path)));
    presets = names.presets;
    $("model").textContent = models.data[0]?.id ?? "No model";
    document.title = `${$("model").textContent} – Steer Chat`;
    changes.hear(plan);
    showSuggestions();
  } catch (error) {
    if (!(error instanceof Unreached)) toast(error.message);
  }
}

async function retry() {
  await load();
  if ($("gone").hidden && $("token-form").hidden && !$("unanswered").hidden) answer();
}

function fitDraft() {
  $("draft").style.height = "auto";
  $("draft").style.height = `${$("draft").scrollHeight}px`;
  keep("draft", $("draft").value);
  updateChat();
}

function sendDraft(event) {
  const text = $("draft").value;
  event.preventDefault();
  if (reply || !text.trim()) return;
  $("draft").value = "";
  $("draft").focus();
  fitDraft();
  send(text);
}

/* Whether it shows when nobody has said so depends on the width alone. */
const isPanelShown = () => getComputedStyle($("panel")).display !== "none";

const showPanel = isShown => { document.body.className = isShown ? "with-panel" : "without-panel"; };

function start() {
  takeToken();
  for (const message of chat.filter(({ end }) => end === null)) message.end = "Interrupted";
  $("draft").value = recall("draft", "");
  $("state").textContent = `Steer Chat · ${location.host}`;
  showChat();
  fitDraft();
  load();
}

$("composer").onsubmit = sendDraft;
$("draft").oninput = fitDraft;
$("draft").onkeydown = event => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) sendDraft(event);
};
$("stop").onclick = () => reply?.abort.abort();
$("new").onclick = newChat;
$("ask-again").onclick = () => answer();
$("retry").onclick = retry;
$("token-form").onsubmit = event => {
  event.preventDefault();
  keep("token", $("token").value.trim());
  $("token").value = "";
  retry();
};
$("scroller").onscroll = ({ target: { scrollHeight, scrollTop, clientHeight } }) => {
  isFollowing = scrollHeight - scrollTop - clientHeight < 40;
};
$("toast").lastElementChild.onclick = () => { $("toast").hidden = true; undo.act(); };
$("toggle").onclick = () => showPanel(!isPanelShown());
$("close").onclick = () => { showPanel(false); $("toggle").focus(); };
$("enabled").onchange = ({ target }) => tell({ enabled: target.checked });
$("preset").onchange = ({ target }) => { if (target.value) choosePreset(target.value); };
$("reload").onclick = () => choosePreset(steering.name);
/* Times one is hard to hit by hand, and it is what one wants to come back to. */
$("multiplier").oninput = ({ target: { valueAsNumber: value } }) =>
  tell({ multiplier: Math.abs(value - 1) < 0.025 ? 1 : value });
$("multiplier").ondblclick = () => tell({ multiplier: 1 });
$("search").onfocus = search;
$("search").oninput = () => { clearTimeout(searchTimer); searchTimer = setTimeout(search, 150); };
$("adding").onkeydown = moveInSearch;
$("adding").addEventListener("focusout", event => { if (!$("adding").contains(event.relatedTarget)) closeSearch(); });
document.addEventListener("keydown", event => {
  if (event.key === "Escape" && !event.defaultPrevented) reply?.abort.abort();
});
addEventListener("hashchange", () => { takeToken(); load(); });
addEventListener("pagehide", save);
new ResizeObserver(() => { $("toggle").ariaExpanded = isPanelShown(); scrollToEnd(); }).observe($("scroller"));
/* Others may have moved the sliders meanwhile. */
document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });

start();
