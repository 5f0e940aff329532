#!/usr/bin/env python3
"""Translates PTX, as nvcc writes it, into C++ that runs on the shim: translate-ptx.py INPUT.ptx OUTPUT.cc

A register becomes a variable, a label a label, an instruction a statement; ptx-arithmetic.h and ptx-thread.h say what
instructions mean. Every instruction is looked up by its whole name, modifiers included: what is not known ends the
translation, lest something be computed that was not meant.
"""

import math
import re
import struct
import sys

C_TYPES = {
    'pred': 'bool',
    'b8': 'uint8_t', 'u8': 'uint8_t', 's8': 'int8_t',
    'b16': 'uint16_t', 'u16': 'uint16_t', 's16': 'int16_t', 'f16': 'uint16_t', 'bf16': 'uint16_t',
    'b32': 'uint32_t', 'u32': 'uint32_t', 's32': 'int32_t', 'f32': 'float', 'f16x2': 'uint32_t', 'bf16x2': 'uint32_t',
    'b64': 'uint64_t', 'u64': 'uint64_t', 's64': 'int64_t', 'f64': 'double',
}
SIZES = {'8': 1, '16': 2, '32': 4, '64': 8}
C_SIZES = {C_TYPES[name]: int(name[1:]) // 8 for name in C_TYPES if name[1:] in ('8', '16', '32', '64')}
SPECIAL = {
    '%tid.x': 'threadIdx.x', '%ntid.x': 'blockDim.x',
    '%ctaid.x': 'blockIdx.x', '%ctaid.y': 'blockIdx.y', '%ctaid.z': 'blockIdx.z',
    '%nctaid.x': 'gridDim.x', '%nctaid.y': 'gridDim.y', '%nctaid.z': 'gridDim.z',
    '%laneid': '(threadIdx.x % 32)',
}

# The kernels' shared memory, all of it.
SHARED = 'steer_shared_bytes'

INTEGERS = ('s16', 'u16', 's32', 'u32', 's64', 'u64')
FLOATS = ('f32', 'f64')
BITS = ('b16', 'b32', 'b64')

# Name -> (type as which sources are read, C++ of the result). $0, $1, ... are the sources. Of what is used ten thousand
# times a compiler spends more on finding templates and overloads than on what they do, so those have names of their own.
SIMPLE = {}


def simple(name, types, expression):
    for type_ in types:
        SIMPLE[name.replace('*', type_)] = (type_, expression)


def wrapping(name, expression):
    """Of integers, whose bits are those of unsigned ones."""
    for type_ in INTEGERS:
        SIMPLE[name.replace('*', type_)] = (type_.replace('s', 'u'), expression)


simple('mov.*', INTEGERS + FLOATS + BITS + ('pred',), '$0')
wrapping('add.*', '$0 + $1')
wrapping('sub.*', '$0 - $1')
wrapping('mul.lo.*', '$0 * $1')
wrapping('mad.lo.*', '$0 * $1 + $2')
wrapping('neg.*', '0 - $0')
simple('div.*', INTEGERS, 'ptx_divide ($0, $1)')
simple('rem.*', INTEGERS, 'ptx_remainder ($0, $1)')
simple('min.*', INTEGERS, '($0 < $1 ? $0 : $1)')
simple('max.*', INTEGERS, '($0 < $1 ? $1 : $0)')
simple('and.*', BITS + ('pred',), '$0 & $1')
simple('or.*', BITS + ('pred',), '$0 | $1')
simple('xor.*', BITS + ('pred',), '$0 ^ $1')
simple('not.*', BITS, '~$0')
simple('not.pred', ('pred',), '!$0')
simple('add.*', FLOATS, '$0 + $1')
simple('add.rn.*', FLOATS, '$0 + $1')
simple('sub.*', FLOATS, '$0 - $1')
simple('sub.rn.*', FLOATS, '$0 - $1')
simple('mul.*', FLOATS, '$0 * $1')
simple('mul.rn.*', FLOATS, '$0 * $1')
simple('div.rn.*', FLOATS, '$0 / $1')
simple('rcp.rn.*', FLOATS, '1 / $0')
simple('fma.rn.f32', ('f32',), '__builtin_fmaf ($0, $1, $2)')
simple('fma.rn.f64', ('f64',), '__builtin_fma ($0, $1, $2)')
simple('fma.rm.f32', ('f32',), 'ptx_fma_down ($0, $1, $2)')
simple('sqrt.rn.*', FLOATS, 'std::sqrt ($0)')
simple('neg.*', FLOATS, '-$0')
simple('abs.*', FLOATS, 'std::fabs ($0)')
simple('min.*', FLOATS, 'ptx_min ($0, $1)')
simple('max.*', FLOATS, 'ptx_max ($0, $1)')
simple('ex2.approx.f32', ('f32',), 'ptx_exp2 ($0)')
simple('ex2.approx.ftz.f32', ('f32',), 'ptx_flush (ptx_exp2 (ptx_flush ($0)))')
simple('lop3.b32', ('b32',), 'ptx_lop3 ($0, $1, $2, $3)')
simple('prmt.b32', ('b32',), 'ptx_prmt ($0, $1, $2)')

# Unlike the others these have sources of several types.
SELECT = re.compile(r'selp\.(\w+)$')
COMPARE = re.compile(r'setp\.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu)\.(\w+)$')
SHIFT = re.compile(r'(shl|shr)\.(\w+)$')
WIDE = re.compile(r'(mul|mad)\.wide\.(\w+)$')
INSERT = re.compile(r'bfi\.(b32|b64)$')
CONVERT = re.compile(r'cvt(?:\.(rni|rzi|rn|sat))?\.(\w+)\.(\w+)$')
LOAD = re.compile(r'ld(?:\.volatile)?(?:\.(global|shared|local|param))?(?:\.(nc|cg))?(?:\.L1::no_allocate)?'
                  r'(?:\.(v2|v4))?\.(\w+)$')
STORE = re.compile(r'st(?:\.volatile)?(?:\.(global|shared|local|param))?(?:\.(v2|v4))?\.(\w+)$')
ATOMIC = re.compile(r'atom\.(global|shared)\.(add|max|or)\.(\w+)$')
SHUFFLE = re.compile(r'shfl\.sync\.(bfly|idx|up|down)\.b32$')
MULTIPLY = re.compile(r'mma\.sync\.aligned\.m16n8k16\.row\.col\.f32\.(f16|bf16)\.\1\.f32$')
MULTIPLY_BYTES = re.compile(r'mma\.sync\.aligned\.m16n8k(16|32)\.row\.col\.s32\.(s8|u8)\.s8\.s32$')
MATRICES = re.compile(r'ldmatrix\.sync\.aligned\.m8n8\.x4(\.trans)?\.shared\.b16$')
# Of memory that others see.
ACCESS = re.compile(r'(ld|st)(?!.*\.(param|local))|atom|ldmatrix|cp\.async\.cg')
COMPARISONS = {'eq': '==', 'ne': '!=', 'lt': '<', 'le': '<=', 'gt': '>', 'ge': '>='}
# What C++ computes by itself; the others are functions of their own.
PLAIN_CONVERSIONS = {
    '.f64.f32', 'rn.f32.f64', 'rn.f32.s16', 'rn.f32.u16', 'rn.f32.s32', 'rn.f32.u32', 'rn.f64.s32', 'rn.f64.u32',
    'rn.f64.s64', 'rn.f64.u64',
    '.s16.s8', '.s32.s8', '.u16.u32', '.u32.u16', '.u32.u64', '.u64.u32', '.s64.s32',
}
NAMED_CONVERSIONS = {
    '.f32.f16': 'ptx_widen_f16', '.f32.bf16': 'ptx_widen_bf16', 'rn.f16.f32': 'ptx_round_f16',
    'rn.bf16.f32': 'ptx_round_bf16', 'rni.f32.f32': 'std::nearbyint', 'rni.s32.f32': 'ptx_round_s32',
    'rzi.s32.f32': 'ptx_truncate_s32', 'rzi.u64.f64': 'ptx_truncate_u64', 'sat.f32.f32': 'ptx_saturate',
}
PAIR_CONVERSIONS = {'rn.f16x2.f32': 'ptx_round_f16', 'rn.bf16x2.f32': 'ptx_round_bf16'}
NO_OPERATION = {'prefetch.global.L2', 'griddepcontrol.launch_dependents'}


def fail(what):
    sys.exit(f'translate-ptx.py: {what}')


def name_of(text):
    """A PTX name as one of C++."""
    return re.sub(r'\W', '_', text.lstrip('%$'))


def bits_as(c_type, own, value):
    """The bits of @value, of the C++ type @own, as a value of @c_type; the lower ones where that has fewer."""
    if C_SIZES.get(c_type) == C_SIZES.get(own, 0):
        return f'__builtin_bit_cast ({c_type}, {value})'
    return f'ptx_as<{c_type}> ({value})'


def float_constant(digits):
    """'3f800000' -> '0x1.0000000000000p+0f'"""
    is_float = len(digits) == 8
    number = struct.unpack('>f' if is_float else '>d', bytes.fromhex(digits))[0]
    if math.isfinite(number):
        return number.hex() + ('f' if is_float else '')
    return bits_as('float', 'uint32_t', f'uint32_t (0x{digits})') if is_float \
        else bits_as('double', 'uint64_t', f'uint64_t (0x{digits}ull)')


def split_operands(text):
    """'%r1|%p1, {a, b}, [c+4]' -> ['%r1|%p1', '{a, b}', '[c+4]']"""
    operands, depth, start = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter in '{[(') - (letter in '}])')
        if letter == ',' and depth == 0:
            operands.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return operands + [last] if last else operands


class Function:
    """A kernel or a function: its parameters, and its statements as lines of C++."""

    def __init__(self, module, name, is_entry, parameters, returned):
        self.module, self.name, self.is_entry, self.returned = module, name, is_entry, returned
        self.c_name = f'{"entry" if is_entry else "function"}_{name_of(name)}'
        self.parameters = parameters
        self.max_threads = 1024
        self.lines = []
        self.place = None  # where the source is
        self.told_place = None  # what the thread was told of it
        self.arrays = {}  # names of parameters of calls and of local memory, which are arrays
        self.registers = {}  # names of variables -> their types
        self.products = set()  # registers with products that the assembler may fuse with what follows

    # --- Operands ---

    def value(self, operand, type_):
        """What @operand is as a value of @type_."""
        c_type = C_TYPES[type_]
        if operand in SPECIAL:
            return f'({c_type}) {SPECIAL[operand]}'
        if operand == SHARED:
            return f'({c_type}) 0'
        own = self.registers.get(name_of(operand))
        if own == c_type:
            return name_of(operand)
        if own is not None and 'int' in own and 'int' in c_type:
            return f'({c_type}) {name_of(operand)}'
        if own is not None:
            return bits_as(c_type, own, name_of(operand))
        if re.fullmatch(r'0[fF][0-9a-fA-F]{8}|0[dD][0-9a-fA-F]{16}', operand):
            constant, of = float_constant(operand[2:]), 'float' if operand[1] in 'fF' else 'double'
            return constant if of == c_type else bits_as(c_type, of, constant)
        if re.fullmatch(r'-?\d+U?|0x[0-9a-fA-F]+U?', operand):
            number = int(operand.rstrip('U'), 0)
            if type_ == 'pred':
                return str(bool(number)).lower()
            if c_type in ('float', 'double'):
                fail(f'{self.name}: the number {operand} where {type_} is asked for')
            return f'({c_type}) {number & 0xffffffffffffffff}ull'
        return f'({c_type}) {self.address_of(operand)}'

    def parameter_index(self, name):
        return next((i for i, p in enumerate(self.parameters) if p['name'] == name), None)

    def address_of(self, name):
        """The number that @name stands for: a generic address, but in shared memory an offset."""
        if name == SHARED:
            return '0'
        if name in self.arrays or name in self.module.symbols:
            return f'(uint64_t) {name_of(name)}'
        if self.returned and name == self.returned['name']:
            return '(uint64_t) returned'
        index = self.parameter_index(name)
        if index is None:
            fail(f'{self.name}: {name} is not known')
        return f'(uint64_t) parameters[{index}]'

    def address(self, operand):
        """Of '[%rd1+16]'."""
        inside = operand[1:-1].strip()
        match = re.fullmatch(r'(.*?)\s*\+\s*(-?\w+)', inside)
        base, offset = (match.group(1), int(match.group(2), 0)) if match else (inside, 0)
        number = f'(uint64_t) {name_of(base)}' if base.startswith('%') else self.address_of(base)
        return f'{number} + {offset}' if offset >= 0 else f'{number} - {-offset}'

    # --- Statements ---

    def emit(self, line):
        self.lines.append(line)

    def set(self, target, value, c_type):
        if target == '_':
            return
        name = name_of(target)
        own = self.registers[name]
        if c_type == own:
            self.emit(f'{name} = {value};')
        elif 'int' in own and 'int' in c_type:
            self.emit(f'{name} = ({own}) ({c_type}) ({value});')
        else:
            self.emit(f'{name} = {bits_as(own, c_type, f"({c_type}) ({value})")};')

    def instruction(self, text):
        guard = re.match(r'@(!?)(%\w+)\s+', text)
        condition = ''
        if guard:
            text = text[guard.end():]
            condition = f'if ({guard.group(1)}{name_of(guard.group(2))}) '
        name, _, rest = text.partition(' ')
        first = len(self.lines)
        if ACCESS.match(name):
            self.module.n_accesses += 1
            self.emit(f'thread.instruction = {self.module.n_accesses};')
        if not self.translate(name, split_operands(rest.strip())):
            fail(f'{self.name}: {text}: this instruction is not known')
        statement = ' '.join(self.lines[first:])
        # Only what the thread does may go wrong; a compiler would spend more on the other places than on what is there.
        place = ['thread.place = {{ {}, {} }};'.format(*self.place)] \
            if 'thread' in statement and self.place != self.told_place else []
        if place:
            self.told_place = self.place
        if name == 'call.uni':
            self.told_place = None
        self.lines[first:] = place + ([f'{condition}{{ {statement} }}'] if statement else [])

    def translate(self, name, operands):
        if name in ('mov.b32', 'mov.b64') and '{' in ''.join(operands[:2]):
            return self.pack(name[4:], *operands)
        self.look_at_product(name, operands)
        if name in SIMPLE:
            type_, expression = SIMPLE[name]
            for i in reversed(range(len(operands) - 1)):
                expression = expression.replace(f'${i}', self.value(operands[i + 1], type_))
            self.set(operands[0], expression, C_TYPES[type_])
            return True
        if name in NO_OPERATION or name == '.pragma':
            return True
        for pattern, method in (
                (SELECT, self.select), (COMPARE, self.compare), (SHIFT, self.shift), (WIDE, self.wide),
                (INSERT, self.insert), (CONVERT, self.convert), (LOAD, self.load), (STORE, self.store),
                (ATOMIC, self.atomic), (SHUFFLE, self.shuffle), (MULTIPLY, self.multiply), (MULTIPLY_BYTES, self.multiply_bytes),
                (MATRICES, self.matrices)):
            match = pattern.match(name)
            if match:
                return method(operands, *match.groups())
        return self.other(name, operands)

    def look_at_product(self, name, operands):
        """The assembler may fuse a product with a sum, or not, as it sees fit. No bit of a float may depend on it; of
        float64, which becomes float in the end, none is likely to. Products are not followed through copies and
        selections, behind which nothing is fused as a rule."""
        operation, _, type_ = name.partition('.')
        if type_ != 'f32':
            return
        of_product = self.products.intersection(operands[1:])
        if operation == 'mul' or operation == 'neg' and of_product:
            self.products.add(operands[0])
        if operation in ('add', 'sub') and of_product:
            fail(f'{self.name}: {name} {", ".join(operands)}: how the sum of a product is rounded is left to the '
                 'assembler; __fmul_rn() or __fmaf_rn() in the source decide it')

    def other(self, name, operands):
        if name in ('bra', 'bra.uni'):
            self.emit(f'goto {name_of(operands[0])};')
        elif name in ('ret', 'exit'):
            self.emit('return;')
        elif name == 'call.uni':
            self.call(operands)
        elif name in ('cvta.to.global.u64', 'cvta.to.local.u64', 'cvta.local.u64', 'cvta.param.u64'):
            self.set(operands[0], self.value(operands[1], 'u64'), 'uint64_t')
        elif name == 'cvta.shared.u64':
            self.set(operands[0], f'thread.shared_to_generic ({self.value(operands[1], "u64")})', 'uint64_t')
        elif name == 'cvta.to.shared.u64':
            self.set(operands[0], f'thread.generic_to_shared ({self.value(operands[1], "u64")})', 'uint64_t')
        elif name == 'redux.sync.max.u32':
            self.set(operands[0], f'__reduce_max_sync ({self.value(operands[2], "u32")}, '
                     f'{self.value(operands[1], "u32")})', 'uint32_t')
        elif name == 'bar.sync' and operands == ['0']:
            self.emit('thread.wait_for_block ();')
        elif name in ('membar.gl', 'membar.sys', 'fence.acq_rel.gpu'):
            self.emit('thread.fence ();')
        elif name == 'griddepcontrol.wait':
            self.emit('thread.wait_for_previous ();')
        elif name == 'cp.async.cg.shared.global' and operands[2] == '16':
            self.emit(f'thread.copy_async ({self.address(operands[0])}, {self.address(operands[1])}, '
                      f'{self.value(operands[3], "u32")});')
        elif name == 'cp.async.wait_all':
            self.emit('thread.finish_copies ();')
        else:
            return False
        return True

    def pack(self, type_, target, source):
        half = {'b32': 'b16', 'b64': 'b32'}[type_]
        bits = SIZES[half[1:]] * 8
        c_type = C_TYPES[type_]
        if source.startswith('{'):
            low, high = split_operands(source[1:-1])
            self.set(target, f'({c_type}) {self.value(low, half)} | ({c_type}) {self.value(high, half)} << {bits}',
                     c_type)
        else:
            low, high = split_operands(target[1:-1])
            self.emit(f'{c_type} whole = {self.value(source, type_)};')
            self.set(low, f'({C_TYPES[half]}) whole', C_TYPES[half])
            self.set(high, f'({C_TYPES[half]}) (whole >> {bits})', C_TYPES[half])
        return True

    def select(self, operands, type_):
        self.set(operands[0], f'{self.value(operands[3], "pred")} ? {self.value(operands[1], type_)} : '
                              f'{self.value(operands[2], type_)}', C_TYPES[type_])
        return True

    def compare(self, operands, comparison, type_):
        a, b = self.value(operands[1], type_), self.value(operands[2], type_)
        if len(comparison) == 3:  # true also when there is no order
            if type_ not in FLOATS:
                return False
            self.set(operands[0], f'{a} {COMPARISONS[comparison[:2]]} {b} || __builtin_isunordered ({a}, {b})', 'bool')
        elif comparison == 'ne' and type_ in FLOATS:
            self.set(operands[0], f'{a} != {b} && !__builtin_isunordered ({a}, {b})', 'bool')
        else:
            self.set(operands[0], f'{a} {COMPARISONS[comparison]} {b}', 'bool')
        return True

    def shift(self, operands, way, type_):
        if operands[2].isdigit() and int(operands[2]) < 8 * SIZES[type_[1:]]:
            self.set(operands[0], f'{self.value(operands[1], type_)} {"<<" if way == "shl" else ">>"} {operands[2]}',
                     C_TYPES[type_])
            return True
        self.set(operands[0], f'ptx_shift_{"left" if way == "shl" else "right"} ({self.value(operands[1], type_)}, '
                              f'{self.value(operands[2], "u32")})', C_TYPES[type_])
        return True

    def wide(self, operands, kind, type_):
        to = {'s16': 's32', 'u16': 'u32', 's32': 's64', 'u32': 'u64'}[type_]
        product = f'({C_TYPES[to]}) {self.value(operands[1], type_)} * {self.value(operands[2], type_)}'
        self.set(operands[0], f'{product} + {self.value(operands[3], to)}' if kind == 'mad' else product, C_TYPES[to])
        return True

    def insert(self, operands, type_):
        self.set(operands[0], f'ptx_insert ({self.value(operands[1], type_)}, {self.value(operands[2], type_)}, '
                              f'{self.value(operands[3], "u32")}, {self.value(operands[4], "u32")})', C_TYPES[type_])
        return True

    def convert(self, operands, rounding, to, from_):
        key = f'{rounding or ""}.{to}.{from_}'
        if key in PLAIN_CONVERSIONS:
            self.set(operands[0], f'({C_TYPES[to]}) {self.value(operands[1], from_)}', C_TYPES[to])
        elif key in NAMED_CONVERSIONS:
            self.set(operands[0], f'{NAMED_CONVERSIONS[key]} ({self.value(operands[1], from_)})', C_TYPES[to])
        elif key in PAIR_CONVERSIONS:
            high, low = (f'(uint32_t) {PAIR_CONVERSIONS[key]} ({self.value(o, from_)})' for o in operands[1:3])
            self.set(operands[0], f'{high} << 16 | {low}', 'uint32_t')
        else:
            return False
        return True

    def load(self, operands, space, cache, vector, type_):
        targets = split_operands(operands[0][1:-1]) if vector else [operands[0]]
        size = SIZES[type_[1:]]
        way = {None: 'generic', 'param': 'own', 'local': 'own'}.get(space, space)
        if cache == 'nc':
            way = 'constant'
        self.emit(f'const unsigned char *from = thread.read_{way} ({self.address(operands[1])}, '
                  f'{size * len(targets)});')
        for i, target in enumerate(targets):
            self.set(target, f'*(const ptx_{C_TYPES[type_]} *) (from + {i * size})', C_TYPES[type_])
        return True

    def store(self, operands, space, vector, type_):
        sources = split_operands(operands[1][1:-1]) if vector else [operands[1]]
        size = SIZES[type_[1:]]
        way = {None: 'generic', 'param': 'own', 'local': 'own'}.get(space, space)
        self.emit(f'unsigned char *to = thread.write_{way} ({self.address(operands[0])}, {size * len(sources)});')
        for i, source in enumerate(sources):
            self.emit(f'*(ptx_{C_TYPES[type_]} *) (to + {i * size}) = {self.value(source, type_)};')
        return True

    def atomic(self, operands, space, operation, type_):
        function = {'add': 'ptx_add (old, value)', 'max': '(old < value ? value : old)', 'or': 'old | value'}[operation]
        c_type = C_TYPES[type_]
        self.emit(f'unsigned char *at = thread.change_{space} ({self.address(operands[1])}, {SIZES[type_[1:]]});')
        self.emit(f'{c_type} old = *(const ptx_{c_type} *) at, value = {self.value(operands[2], type_)};')
        self.emit(f'*(ptx_{c_type} *) at = {function};')
        self.set(operands[0], 'old', c_type)
        return True

    def shuffle(self, operands, way):
        target, _, inside = operands[0].partition('|')
        self.emit('bool in_range;')
        self.emit(f'uint32_t other = ptx_shuffle (PtxShuffle::{way}, {self.value(operands[1], "b32")}, '
                  f'{self.value(operands[2], "u32")}, {self.value(operands[3], "u32")}, '
                  f'{self.value(operands[4], "u32")}, &in_range);')
        self.set(target, 'other', 'uint32_t')
        if inside:
            self.set(inside, 'in_range', 'bool')
        return True

    def multiply(self, operands, type_):
        d, a, b, c = (split_operands(o[1:-1]) for o in operands)
        self.emit(f'uint32_t a[4] = {{ {", ".join(self.value(x, "b32") for x in a)} }};')
        self.emit(f'uint32_t b[2] = {{ {", ".join(self.value(x, "b32") for x in b)} }};')
        self.emit(f'float c[4] = {{ {", ".join(self.value(x, "f32") for x in c)} }};')
        self.emit(f'ptx_multiply_{type_} (c, a, b);')
        for i, target in enumerate(d):
            self.set(target, f'c[{i}]', 'float')
        return True

    def multiply_bytes(self, operands, depth, type_):
        d, a, b, c = (split_operands(o[1:-1]) for o in operands)
        self.emit(f'uint32_t a[4] = {{ {", ".join(self.value(x, "b32") for x in a)} }};')
        self.emit(f'uint32_t b[2] = {{ {", ".join(self.value(x, "b32") for x in b)} }};')
        self.emit(f'int32_t c[4] = {{ {", ".join(self.value(x, "s32") for x in c)} }};')
        self.emit(f'ptx_multiply_bytes<{str(type_ == "s8").lower()}, {depth}> (c, a, b);')
        for i, target in enumerate(d):
            self.set(target, f'c[{i}]', 'int32_t')
        return True

    def matrices(self, operands, transposed):
        self.emit('uint32_t fragments[4];')
        self.emit(f'thread.load_matrices (fragments, {self.address(operands[1])}, {str(bool(transposed)).lower()});')
        for i, target in enumerate(split_operands(operands[0][1:-1])):
            self.set(target, f'fragments[{i}]', 'uint32_t')
        return True

    def call(self, operands):
        returned = operands.pop(0)[1:-1].strip() if operands[0].startswith('(') else None
        callee = self.module.functions.get(operands[0])
        if callee is None:
            fail(f'{self.name}: {operands[0]} is called but not there')
        arguments = split_operands(operands[1][1:-1]) if len(operands) > 1 else []
        if len(arguments) != len(callee.parameters):
            fail(f'{self.name}: {callee.name} is called with {len(arguments)} arguments')
        self.emit(f'unsigned char *arguments[] = {{ {", ".join(map(name_of, arguments)) or "nullptr"} }};')
        self.emit(f'{callee.c_name} (thread, arguments, {name_of(returned) if returned else "nullptr"});')

    def declaration(self, text):
        """.reg, .local and .param within a function."""
        match = re.fullmatch(r'\.reg\s+\.(\w+)\s+(.*)', text)
        if match:
            for name in split_operands(match.group(2)):
                ranged = re.fullmatch(r'(%\w+)<(\d+)>', name)
                names = [name_of(name)]
                if ranged:
                    names = [f'{name_of(ranged.group(1))}{i}' for i in range(int(ranged.group(2)))]
                self.registers.update(dict.fromkeys(names, C_TYPES[match.group(1)]))
                self.emit(f'{C_TYPES[match.group(1)]} {", ".join(names)};')
            return
        variable = parse_variable(text)
        self.arrays[variable['name']] = variable
        self.emit(f'alignas ({max(variable["align"], 8)}) unsigned char '
                  f'{name_of(variable["name"])}[{variable["size"]}];')

    def parse_body(self, body):
        position = 0
        while position < len(body):
            match = re.compile(r'\s+').match(body, position)
            if match:
                position = match.end()
                continue
            if body[position] in '{}':
                self.emit(body[position])
                position += 1
                continue
            match = re.compile(r'(\$\w+)\s*:').match(body, position)
            if match:
                self.emit(f'{name_of(match.group(1))}:;')
                self.told_place = None  # jumps come here from elsewhere
                position = match.end()
                continue
            end = body.index(';', position)
            text = ' '.join(body[position:end].split())
            position = end + 1
            if text.startswith('.loc '):
                self.place = self.module.place(text)
            elif re.match(r'\.(reg|local|param)\b', text):
                self.declaration(text)
            else:
                self.instruction(text)

    def prototype(self):
        return (f'static void {self.c_name} (PtxThread &thread, unsigned char *const *parameters, '
                'unsigned char *returned)')


def parse_variable(text):
    """'.param .align 8 .b8 name[24]' -> its name, alignment and size in bytes."""
    match = re.fullmatch(r'\.(?:param|local|global|const)\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+(%?\w+)(?:\[(\d+)\])?',
                         text.strip())
    if not match:
        fail(f'{text}: this declaration is not known')
    size = SIZES[match.group(2)[1:]]
    return {'name': match.group(3), 'align': int(match.group(1) or size), 'size': size * int(match.group(4) or 1)}


class Module:
    def __init__(self, text):
        self.paths, self.symbols, self.functions, self.order = {}, {}, {}, []
        self.n_accesses = 0
        text = re.sub(r'//[^\n]*', '', text)
        text = re.sub(r'\.loc\s([^\n]*)', r'.loc \1;', text)
        text = re.sub(r'\.section.*', '', text, flags=re.S)
        for number, path in re.findall(r'^\s*\.file\s+(\d+)\s+"([^"]*)"', text, flags=re.M):
            self.paths[int(number)] = path
        for declaration, numbers in re.findall(r'^(?:\.visible\s+)?(\.(?:global|const)\s[^=;]*)=\s*\{([^}]*)\};', text,
                                               flags=re.M):
            variable = parse_variable(declaration)
            if not re.search(r'\.[bu]8\s', declaration):
                fail(f'{declaration}: only tables of bytes are known')
            self.symbols[variable['name']] = dict(variable, numbers=numbers)
        heads = re.finditer(
            r'^(?:\.visible\s+)?\.(entry|func)\s+(?:\((.*?)\)\s*)?([\w$]+)\s*\(([^)]*)\)([^{;]*)([{;])', text,
            flags=re.M)
        starts = []
        for head in heads:
            kind, returned, name, parameters, directives, opening = head.groups()
            if opening == ';':
                continue
            parameters = [parse_variable(p) for p in split_operands(parameters)]
            function = Function(self, name, kind == 'entry', parameters, parse_variable(returned) if returned else None)
            limit = re.search(r'\.maxntid\s+(\d+)', directives)
            if limit:
                function.max_threads = int(limit.group(1))
            self.functions[name] = function
            self.order.append(function)
            starts.append(head.end())
        # All are known before the first that calls another is read.
        for function, start in zip(self.order, starts):
            function.parse_body(body_at(text, start))

    def place(self, text):
        """File and line of '.loc 2 134 3, function_name ..., inlined_at 1 50 7': of a function of the toolkit, where
        it is called."""
        places = re.findall(r'(?:\.loc|inlined_at)\s+(\d+)\s+(\d+)', text)
        return next((p for p in places if '/include/' not in self.paths.get(int(p[0]), '')), places[0])

    def write(self, name):
        out = ['#include "ptx-arithmetic.h"', '#include "ptx-thread.h"', '', 'namespace', '{', '']
        for symbol in self.symbols.values():
            out.append(f'alignas ({symbol["align"]}) const unsigned char {name_of(symbol["name"])}[{symbol["size"]}] '
                       f'= {{ {symbol["numbers"]} }};')
        for function in self.order:
            out.append(function.prototype() + ';')
        for function in self.order:
            out += ['', function.prototype(), '{'] + function.lines + ['}']
        out += ['', '}', '']
        for function in self.order:
            if function.is_entry:
                layout = ', '.join(f'{{ {p["size"]}, {p["align"]} }}' for p in function.parameters)
                out.append(f'static const PtxParameter layout_{function.c_name}[] = {{ {layout or "{ 0, 1 }"} }};')
        out.append('static const PtxEntry entries[] = {')
        for function in self.order:
            if function.is_entry:
                out.append(f'  {{ "{function.name}", {function.c_name}, layout_{function.c_name}, '
                           f'{len(function.parameters)}, {function.max_threads} }},')
        out.append('  { nullptr, nullptr, nullptr, 0, 0 } };')
        files = ', '.join('"{}"'.format(self.paths.get(i, '?').rpartition('/')[2])
                          for i in range(max(self.paths, default=0) + 1))
        out.append(f'static const char *const files[] = {{ {files} }};')
        constants = ', '.join(f'{{ {name_of(s["name"])}, {s["size"]} }}' for s in self.symbols.values())
        out.append(f'static const PtxConstant constants[] = {{ {constants}{", " if constants else ""}'
                   '{ nullptr, 0 } };')
        out.append(f'static const PtxModule module = {{ "{name}", entries, constants, files }};')
        out.append('static const PtxRegistration registration (&module);')
        return '\n'.join(out) + '\n'


def body_at(text, start):
    depth = 1
    for i in range(start, len(text)):
        depth += (text[i] == '{') - (text[i] == '}')
        if depth == 0:
            return text[start:i]
    fail('a function does not end')


def main():
    source, target = sys.argv[1:]
    with open(source, encoding='utf-8') as file:
        module = Module(file.read())
    with open(target, 'w', encoding='utf-8') as file:
        file.write(module.write(source.rpartition('/')[2]))


main()
