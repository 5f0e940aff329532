"""What a script and its hooks cost: tokens a second of the bundled model, in turns. See docs/scripting.md for the
environment. bench-lab.py [ROUNDS]"""

import statistics
import sys
import time

import gi
gi.require_version('Steer', '0')
from gi.repository import Steer

TOKENS = 200


def measure(lab):
    lab.run(lab.encode('Once upon a time'))
    start = time.perf_counter()
    for _ in range(TOKENS):
        lab.extend([lab.choose()])
    return TOKENS / (time.perf_counter() - start)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    lab = Steer.Lab(device='cpu')
    counts = (0, 1, lab.n_layers)
    rates = {n: [] for n in counts}
    for _ in range(rounds):
        for n in counts:
            hooks = [lab.hook(layer, lambda *_: None) for layer in range(n)]
            rates[n].append(measure(lab))
            for hook in hooks:
                hook.remove()
    print(f'{lab.device}; {TOKENS} tokens, median of {rounds}')
    plain = statistics.median(rates[0])
    for n in counts:
        rate = statistics.median(rates[n])
        each = f', {(1 / rate - 1 / plain) / n * 1e6:.1f} us a call' if n else ''
        print(f'{n} hooks: {rate:.0f} tokens/s{each}')


main()
