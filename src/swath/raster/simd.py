"""Vector instructions, written as LLVM's own: what compiled kernels are put together from.

Numba's compiler makes vectors out of simple loops alone. These functions emit loads, stores,
conversions and transpositions of eight elements for code that is not simple; LLVM says them in
the instructions of the processor at hand.
"""

# Compiled code: Numba infers the types of what happens inside these functions.
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["LANES", "convert_eight", "convert_one", "read_element"]

LANES = 8
I64, I32, F32 = ir.IntType(64), ir.IntType(32), ir.FloatType()
FLOATS = ir.VectorType(F32, LANES)


def load(builder: Any, address: Any, kind: Any, align: int) -> Any:
    value = builder.load(builder.inttoptr(address, kind.as_pointer()))
    value.align = align
    return value


def store(builder: Any, value: Any, address: Any, align: int) -> None:
    done = builder.store(value, builder.inttoptr(address, value.type.as_pointer()))
    done.align = align


def shuffle(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(I32, len(order)), order)
    return builder.shuffle_vector(a, b, mask)


def transpose(builder: Any, rows: list[Any]) -> list[Any]:
    """Eight vectors of eight: rows become columns, in three rounds of interleaving."""
    n = LANES
    low = [v for i in range(n // 2) for v in (i, i + n)]
    high = [v for i in range(n // 2, n) for v in (i, i + n)]
    for _ in range(3):
        half = n // 2
        mixed = []
        for i in range(half):
            mixed.append(shuffle(builder, rows[i], rows[i + half], low))
            mixed.append(shuffle(builder, rows[i], rows[i + half], high))
        rows = mixed
    return rows


def splat(builder: Any, value: Any) -> Any:
    one = builder.insert_element(ir.Constant(FLOATS, ir.Undefined), value, ir.Constant(I32, 0))
    return builder.shuffle_vector(
        one, ir.Constant(FLOATS, ir.Undefined), ir.Constant(ir.VectorType(I32, LANES), [0] * LANES)
    )


def to_float(builder: Any, value: Any, dtype: Any) -> Any:
    if isinstance(dtype, types.Float):
        return value
    if dtype.signed:
        return builder.sitofp(value, FLOATS)
    return builder.uitofp(value, FLOATS)


def _convert(builder: Any, value: Any, source: Any, target: Any, kind: Any) -> Any:
    """A value (or vector) of one Numba dtype as another, `kind` being the LLVM type to reach."""
    if source == target:
        return value
    if isinstance(source, types.Float):
        if isinstance(target, types.Float):
            wider = target.bitwidth > source.bitwidth
            return builder.fpext(value, kind) if wider else builder.fptrunc(value, kind)
        return builder.fptosi(value, kind)
    if isinstance(target, types.Float):
        return builder.sitofp(value, kind) if source.signed else builder.uitofp(value, kind)
    if target.bitwidth < source.bitwidth:
        return builder.trunc(value, kind)
    if target.bitwidth == source.bitwidth:
        return value
    return builder.sext(value, kind) if source.signed else builder.zext(value, kind)


def _converter(lanes: int) -> Any:
    def make(typingctx: Any, source: Any, target: Any, like: Any, out: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            one, other = (context.get_data_type(a.dtype) for a in (like, out))
            if lanes > 1:
                one, other = ir.VectorType(one, lanes), ir.VectorType(other, lanes)
            value = load(builder, args[0], one, 1)
            store(builder, _convert(builder, value, like.dtype, out.dtype, other), args[1], 1)
            return context.get_dummy_value()

        return types.none(types.int64, types.int64, like, out), codegen

    return make


@intrinsic
def convert_eight(typingctx: Any, source: Any, target: Any, like: Any, out: Any) -> Any:
    """Eight elements from address `source` (dtype of `like`) to `target` (dtype of `out`)."""
    return _converter(8)(typingctx, source, target, like, out)


@intrinsic
def convert_one(typingctx: Any, source: Any, target: Any, like: Any, out: Any) -> Any:
    """One element from address `source` (dtype of `like`) to `target` (dtype of `out`)."""
    return _converter(1)(typingctx, source, target, like, out)


@intrinsic
def read_element(typingctx: Any, address: Any, like: Any) -> Any:
    """One element at an address."""
    dtype = like.dtype

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return load(builder, args[0], context.get_value_type(dtype), 1)

    return dtype(types.int64, like), codegen
