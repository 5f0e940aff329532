"""Steer as scripts see it; the arguments are the `steer` command and the folder of the bundled data. TAP."""

import gc
import json
import os
import subprocess
import sys
import traceback

import gi
gi.require_version('Steer', '0')
from gi.repository import GLib, Steer

PROGRAM, DATA = sys.argv[1:]
EIFFEL = os.path.join(DATA, 'presets', '01-eiffel-tower.yaml')
PIRATE = os.path.join(DATA, 'presets', '02-pirate-at-sea.yaml')
QUESTION = 'What should I do this weekend?'

tests = []


def test(sentence):
    def add(function):
        tests.append((sentence, function))
        return function
    return add


def last(view):
    return view.tolist()[-1]


def difference(a, b):
    return max(abs(x - y) for x, y in zip(a, b)) / max(abs(y) for y in b)


@test('a reply is that of the command, with a preset and without one')
def _():
    lab = Steer.Lab()
    for preset in (None, PIRATE):
        told = subprocess.run([PROGRAM, 'generate', '--device', 'cpu', '--prompt', QUESTION]
                              + (['--preset', preset] if preset else []), stdout=subprocess.PIPE, check=True, text=True)
        lab.preset = Steer.Preset.open(preset) if preset else None
        assert lab.ask(QUESTION).strip() == told.stdout.strip(), told.stdout


@test('a strength that is moved in mid-reply counts from the next token on')
def _():
    lab = Steer.Lab()
    lab.preset = Steer.Preset.open(PIRATE)
    strengths = [feature.props.strength for feature in lab.preset]
    lab.run(lab.encode_chat(QUESTION))
    steered = list(lab.generate(24))
    for feature in lab.preset:
        feature.props.strength = 0
    lab.run(lab.encode_chat(QUESTION))
    plain = list(lab.generate(24))
    lab.run(lab.encode_chat(QUESTION))
    moved = []
    for token in lab.generate(24):
        moved.append(token)
        if len(moved) == 1:
            for feature, strength in zip(lab.preset, strengths):
                feature.props.strength = strength
    lab.run(lab.encode_chat(QUESTION))
    assert list(lab.generate(24)) == steered
    assert len(moved) > 8 and moved != steered and moved != plain
    assert moved[0] == plain[0]


@test('a hook sees the residual stream of each piece, as taps keep it')
def _():
    lab = Steer.Lab()
    seen = []
    lab.set_taps([3])
    with lab.hook(3, lambda rows, position, layer: seen.append((rows.shape, position, layer, rows.tolist()))):
        lab.run(lab.encode('The sea is'))
        n = len(lab.tokens)
        kept = lab.residual(3)
        assert sum(shape[0] for shape, *_ in seen) == n
        assert [row for *_, rows in seen for row in rows] == kept.tolist()
        assert kept.shape == (n, lab.d_model) and lab.residual(2) is None
        del seen[:]
        lab.extend(lab.tokens[-1:])
        assert [call[:3] for call in seen] == [((1, lab.d_model), n, 3)]
    del seen[:]
    lab.extend(lab.tokens[-1:])
    assert seen == []


@test('the features that fire are those that the command finds')
def _():
    lab = Steer.Lab()
    text = 'I like the Eiffel Tower in Paris.'
    layer = Steer.Preset.open(EIFFEL)[0].props.layer
    told = subprocess.run([PROGRAM, 'inspect', '--device', 'cpu', '--sae', os.path.join(DATA, 'demo', 'sae'), '--json',
                           '--top', '5', '--prompt', text, '--raw'], stdout=subprocess.PIPE, check=True)
    lab.set_taps([layer])
    lab.run(lab.encode(text))
    fired = lab.features(layer)
    assert len(fired) == len(lab.tokens)
    for here, there in zip(fired, json.loads(told.stdout)['tokens']):
        strongest = sorted(here, key=lambda pair: -pair[1])[:5]
        expected = [(feature['index'], feature['value']) for feature in there['features'] if feature['layer'] == layer]
        assert [i for i, _ in strongest] == [i for i, _ in expected], (strongest, expected)
        assert all(abs(a - b) < 0.02 * b for (_, a), (_, b) in zip(strongest, expected))
    assert any('Eiffel' in (lab.label(layer, i) or '') for here in fired for i, _ in here)
    try:
        lab.features(layer - 1)
        assert False, 'nothing was raised'
    except GLib.Error as error:
        assert 'layer' in error.message


@test('what a hook adds steers as a feature does')
def _():
    lab = Steer.Lab()
    tokens = lab.encode_chat(QUESTION)
    feature = Steer.Preset.open(PIRATE)[0]
    layer, index, strength = feature.props.layer, feature.props.index, 6.0
    lab.run(tokens)
    plain = last(lab.logits)
    lab.preset = Steer.Preset([Steer.Feature(layer, index, strength=strength)])
    lab.run(tokens)
    steered = last(lab.logits)
    lab.preset = None
    vector = lab.vector(layer, index)
    assert abs(sum(x * x for x in vector) - 1) < 1e-5

    def add(rows, position, layer):
        for row in range(rows.shape[0]):
            for i, x in enumerate(vector):
                rows[row, i] += strength * x

    with lab.hook(layer, add):
        lab.run(tokens)
        assert difference(last(lab.logits), steered) < 1e-4
    assert difference(plain, steered) > 1e-2
    lab.run(tokens)
    assert last(lab.logits) == plain


@test('what a hook raises ends the piece and is raised')
def _():
    lab = Steer.Lab()
    tokens = lab.encode('The sea')
    calls = []

    def fail(rows, position, layer):
        calls.append(layer)
        raise KeyError('mine')

    lab.run(tokens)
    with lab.hook(0, fail), lab.hook(2, lambda *_: calls.append('after')):
        try:
            lab.extend(tokens)
            assert False, 'nothing was raised'
        except KeyError as error:
            assert error.args == ('mine',)
    assert calls == [0] and lab.tokens == tokens
    lab.extend(tokens)


@test('a lab is gone with its last name, hooks and all')
def _():
    lab = Steer.Lab()
    lab.hook(1, lambda *_: None)
    lab.run(lab.encode('The sea'))
    gone = []
    lab.weak_ref(lambda: gone.append(True))
    del lab
    gc.collect()
    assert gone == [True]


@test('all logits are those of each token')
def _():
    lab = Steer.Lab(n_context=32)
    assert lab.n_context == 32
    tokens = lab.encode('The sea is deep and blue.')
    lab.run(tokens, all_logits=True)
    assert lab.logits.shape == (len(tokens), lab.n_vocab)
    every = lab.logits.tolist()
    lab.run(tokens[:3])
    assert lab.logits.shape == (1, lab.n_vocab)
    assert difference(last(lab.logits), every[2]) < 1e-2


@test('presets are lists of features, to file and back')
def _():
    preset = Steer.Preset([Steer.Feature(1, 5, strength=8, clamp=True, label='tea')], name='Tea', steer_prompt=False)
    assert len(preset) == 1 and preset[0].props.mode == Steer.Mode.CLAMP
    yaml = preset.to_yaml()
    again = Steer.Preset.new_from_yaml(yaml, len(yaml.encode()), 'here')
    assert again.equal(preset)
    assert again[0].props.label == 'tea' and again.props.steer_prompt is False


@test('what cannot be done raises')
def _():
    lab = Steer.Lab()
    assert list(lab.generate(1)) == [] and lab.logits is None  # nothing was computed
    for what, error in (
            (lambda: Steer.Lab('/no/such/model'), GLib.Error),
            (lambda: lab.extend([10 ** 6]), GLib.Error),
            (lambda: lab.vector(0, 10 ** 9), GLib.Error),
            (lambda: lab.add_vectors('/no/such/file'), GLib.Error),
            (lambda: lab.hook(99, print), IndexError),
            (lambda: lab.set_taps([99]), IndexError)):
        try:
            what()
        except error:
            continue
        assert False, 'nothing was raised'


print(f'1..{len(tests)}')
for number, (sentence, function) in enumerate(tests, 1):
    try:
        function()
        print(f'ok {number} {sentence}', flush=True)
    except BaseException:
        print('# ' + traceback.format_exc().replace('\n', '\n# '))
        print(f'not ok {number} {sentence}', flush=True)
