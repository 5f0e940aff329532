/* What steers, as it is shown: what the server has told last, and on top of it what was changed here and is not
 * confirmed yet. So no answer, however late it comes, throws back what has been moved since. */

/* No answer, or none without a token: to be asked again, while other errors are final. */
export class Unreached extends Error {}

const isOfList = ({ add, remove }) => Boolean(add || remove);
const featureOf = ({ change, add, remove }) => change ?? add ?? remove;
const isAt = (a, b) => a.layer === b.layer && a.index === b.index;

/* How a feature of a list is called to the server. */
export function addressOf(features, i) {
  const { layer, index } = features[i];
  return { layer, index, occurrence: features.slice(0, i).filter(each => isAt(each, features[i])).length };
}

function find(features, address) {
  return features.findIndex((each, i) => isAt(each, address)
    && addressOf(features, i).occurrence === (address.occurrence ?? 0));
}

/* As the server does it, as far as that can be known here: of a preset its name. */
function apply(plan, { preset, change, add, remove, ...master }) {
  const features = [...plan.features];
  const i = change || remove ? find(features, change ?? remove) : -1;
  if (change && i >= 0) features[i] = { ...features[i], ...change };
  if (remove && i >= 0) features.splice(i, 1);
  if (add) features.splice(add.position ?? features.length, 0, { mode: "add", enabled: true, ...add });
  return { ...plan, ...master, features, name: preset ?? plan.name };
}

/* Whether one has to be told before the other. The rest goes side by side: a feature whose vector is being read does not
 * hold up the sliders of others. */
function areOrdered(a, b) {
  if ("preset" in a || "preset" in b || (isOfList(a) && isOfList(b))) return true;
  const [first, second] = [featureOf(a), featureOf(b)];
  return first && second ? isAt(first, second) : Object.keys(a).some(key => key in b);
}

const isSameSlider = (a, b) => a.change && b.change
  ? isAt(a.change, b.change) && a.change.occurrence === b.change.occurrence
  : !featureOf(a) && !featureOf(b) && !("preset" in a) && Object.keys(a).join() === Object.keys(b).join();

export class Changes {
  #told = null;
  #waiting = []; /* in their order: { body, isSent, done(error) } */
  #send;
  #ask;
  #show;

  /* send(body) and ask() resolve to what steers; show() is called when that, or what is shown of it, has changed. */
  constructor({ send, ask, show }) {
    [this.#send, this.#ask, this.#show] = [send, ask, show];
  }

  get shown() {
    return this.#told && this.#waiting.reduce((plan, { body }) => apply(plan, body), this.#told);
  }

  get isLoadingPreset() {
    return this.#waiting.some(({ body }) => "preset" in body);
  }

  /* Its vector may have to be read from a large file. */
  isBeingAdded(feature) {
    return this.#waiting.some(({ body }) => body.add && isAt(body.add, feature));
  }

  /* Answers may overtake each other. */
  hear(plan) {
    if (plan.revision >= (this.#told?.revision ?? 0)) this.#told = plan;
    this.#show();
  }

  /* Resolves to null once it holds, else to the error. A slider that moves on while its last value is told waits, and
   * then tells the newest. */
  tell(body) {
    const before = this.#waiting.findLast(each => areOrdered(each.body, body));
    const isMoved = before && !before.isSent && isSameSlider(before.body, body);
    const entry = isMoved ? before : { body, isSent: false };
    entry.promise ??= new Promise(done => { entry.done = done; });
    if (isMoved) entry.body = body.change ? { change: { ...before.body.change, ...body.change } } : body;
    else this.#waiting.push(entry);
    this.#show();
    this.tellAll();
    return entry.promise;
  }

  tellAll() {
    for (const [i, entry] of [...this.#waiting].entries()) {
      const mustWait = this.#waiting.slice(0, i).some(each => areOrdered(each.body, entry.body));
      if (!entry.isSent && !mustWait) this.#tellOne(entry);
    }
  }

  /* Sliders that the server is not reached about wait until it is; a preset is not a thing to come up later. */
  async #tellOne(entry) {
    let plan = null, failure = null;
    entry.isSent = true;
    try {
      plan = await this.#send(entry.body);
    } catch (error) {
      failure = error;
    }
    const isUnreached = failure instanceof Unreached;
    if (failure && !isUnreached) plan = await this.#ask().catch(() => null);
    if (isUnreached) this.#told &&= { ...this.#told, revision: 0 }; /* another server may answer next */
    if (isUnreached && !("preset" in entry.body)) {
      entry.isSent = false;
      return;
    }
    this.#waiting.splice(this.#waiting.indexOf(entry), 1);
    if (plan) this.hear(plan);
    else this.#show();
    entry.done(failure);
    if (!isUnreached) this.tellAll();
  }
}
