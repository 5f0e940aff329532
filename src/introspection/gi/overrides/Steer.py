"""Steer for Python: what GObject introspection gives, with numbers as memoryviews and hooks as functions.

    from gi.repository import Steer

    lab = Steer.Lab('~/models/Llama-3.1-8B-Instruct')
    print(lab.ask('Tell me about the sea.'))

A view of numbers is C-contiguous float32; numpy.asarray(view) and torch.frombuffer(view, ...) take it without a copy.
"""

import ctypes
import os
import struct
import weakref

from gi.module import get_introspection_module
from gi.overrides import override

Steer = get_introspection_module('Steer')
Steer.init()

__all__ = []


def export(class_):
    class_ = override(class_)
    globals()[class_.__name__] = class_
    __all__.append(class_.__name__)
    return class_


def as_view(data, width):
    """The float32 numbers in @data, in rows of @width."""
    flat = memoryview(data).cast('B')
    return flat.cast('f', (flat.nbytes // (4 * width), width))


def bytes_as_view(data, width):
    return None if data is None else as_view(data.get_data(), width)


class Hook:
    """What Lab.hook() gives: the function is called until remove(), or the end of a `with` block."""

    def __init__(self, lab, number):
        self.lab, self.number = lab, number

    def remove(self):
        if self.number:
            self.lab.remove_hook(self.number)
        self.number = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


@export
class Lab(Steer.Lab):
    """A model to experiment with. Lab() opens the bundled one with its features."""

    def __new__(cls, model=None, vectors=(), device=None, n_context=0):
        bundled = model is None
        lab = Steer.Lab.new(Steer.dup_demo_model_path() if bundled else os.path.expanduser(model), device, n_context)
        lab.raised = None
        for path in [vectors] if isinstance(vectors, str) else vectors:
            lab.add_vectors(path)
        if bundled:
            lab.add_vectors(Steer.dup_demo_vectors_path(), 'demo')
            if Steer.dup_demo_sae_path():
                lab.add_vectors(Steer.dup_demo_sae_path(), 'demo')
        return lab

    def __init__(self, *_, **__):
        pass  # made by __new__()

    n_layers = property(Steer.Lab.get_n_layers)
    d_model = property(Steer.Lab.get_d_model)
    n_vocab = property(Steer.Lab.get_n_vocab)
    n_context = property(Steer.Lab.get_n_context)
    device = property(Steer.Lab.get_device)
    tokens = property(Steer.Lab.get_tokens, doc='The sequence, as a list of ids.')
    preset = property(Steer.Lab.get_preset, Steer.Lab.set_preset, doc='What steers, and how tokens are chosen.')

    def encode_chat(self, *turns, system=None):
        """Ids of a chat in which user and model took turns, up to where the model's answer begins."""
        return Steer.Lab.encode_chat(self, system, list(turns))

    @property
    def logits(self):
        """Of the last piece: [n, n_vocab], n being 1 or all its tokens; None where nothing was computed."""
        return bytes_as_view(self.get_logits(), self.n_vocab)

    def residual(self, layer):
        """Of the last piece: [n_tokens, d_model] behind a layer of set_taps(); None where it was not kept."""
        return bytes_as_view(self.get_residual(layer), self.d_model)

    def add_vectors(self, path, id=None):
        """A file or folder of vectors or SAEs; features of presets name it by @id, else by what its path is called."""
        Steer.Lab.add_vectors(self, os.path.expanduser(path), id)

    def vector(self, layer, index):
        """The direction of a feature: [d_model] of length 1."""
        return memoryview(self.load_vector(layer, index).get_data()).cast('B').cast('f')

    def label(self, layer, index):
        """What a feature is called, or None."""
        return self.dup_label(layer, index)

    def features(self, layer):
        """What fires on the last piece, by the SAE of a layer of set_taps(): [(index, activation), ...] a token."""
        firings = self.encode_features(layer).get_data()
        tokens = [[] for _ in self.residual(layer).tolist()]
        for token, feature, activation in struct.iter_unpack('=IIf', firings):
            tokens[token].append((feature, activation))
        return tokens

    def hook(self, layer, function):
        """Has function (rows, position, layer) look at a layer's output, or change it in place.

        @rows: [n_tokens, d_model], valid during the call; @position: of its first token. What it raises ends the piece,
        and is raised by whatever computed it.
        """
        weak = weakref.ref(self)  # a hook that is never removed ends with its lab

        def call(layer, position, n_tokens, d_model, rows, *_):
            lab = weak()
            if lab.raised is not None:
                return
            try:
                memory = (ctypes.c_float * (n_tokens * d_model)).from_address(rows)
                function(as_view(memory, d_model), position, layer)
            except BaseException as error:  # C code is between here and whoever shall see it
                lab.raised = error
                lab.stop()

        number = self.add_hook(layer, call)
        if number == 0:
            raise IndexError(f'there is no layer {layer}: the model has {self.n_layers}')
        return Hook(self, number)

    def set_taps(self, layers):
        """Keeps the residual stream behind these layers of each piece from now on."""
        if not Steer.Lab.set_taps(self, list(layers)):
            raise IndexError(f'there is no such layer: the model has {self.n_layers}')

    def extend(self, tokens, n_prompt=0, all_logits=False):
        """Computes tokens behind those that are there; @n_prompt of them are prompt."""
        self.raised = None
        try:
            Steer.Lab.extend(self, tokens, n_prompt, all_logits)
        except Exception:
            if self.raised is None:
                raise
        raised, self.raised = self.raised, None
        if raised is not None:
            raise raised

    def run(self, tokens, all_logits=False):
        """Computes a sequence anew: all of it is prompt."""
        self.truncate(0)
        self.extend(tokens, len(tokens), all_logits)

    def generate(self, n_tokens=256):
        """Token after token behind what was computed, until one ends the reply, or there are @n_tokens or no room.

        What moves between two of them, features of the preset or hooks, counts for the next.
        """
        for _ in range(min(n_tokens, self.n_context - len(self.tokens))):
            token = self.choose()
            if token < 0 or self.is_end(token):
                return
            yield token
            self.extend([token])

    def ask(self, *turns, system=None, n_tokens=256):
        """The model's answer in a chat, as text."""
        self.run(self.encode_chat(*turns, system=system))
        return self.decode(list(self.generate(n_tokens)))


@export
class Feature(Steer.Feature):
    """Feature (layer, index, strength=8, clamp=True ...): the arguments are its properties."""

    def __init__(self, layer, index, **properties):
        super().__init__(layer=layer, index=index, **properties)


@export
class Preset(Steer.Preset):
    """A list of features. Preset.open (path) reads one from YAML."""

    def __init__(self, features=(), **properties):
        super().__init__(**properties)
        for feature in features:
            self.append(feature)

    @staticmethod
    def open(path):
        return Steer.Preset.new_from_file(os.path.expanduser(path))
