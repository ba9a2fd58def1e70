"""One compressed piece of a TIFF (a tile or a strip) to pixels.

All decompression is imagecodecs'; it releases the GIL. This module only knows what TIFF adds:
predictors, byte order, shared JPEG tables, colour spaces, LERC inside DEFLATE or ZSTD.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

__all__ = ["COMPRESSIONS", "CodecError", "PieceFormat", "decode_piece"]

NONE, LZW, JPEG, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 5, 7, 8, 32946, 32773
LERC, LZMA, ZSTD, WEBP = 34887, 34925, 50000, 50001

#: Compression tag -> name, for everything decoded here.
COMPRESSIONS = {
    NONE: "none",
    LZW: "lzw",
    JPEG: "jpeg",
    DEFLATE: "deflate",
    OLD_DEFLATE: "deflate",
    PACKBITS: "packbits",
    LERC: "lerc",
    LZMA: "lzma",
    ZSTD: "zstd",
    WEBP: "webp",
}
_PHOTOMETRIC_YCBCR = 6
# Its stubs know fewer buffer types than it takes.
_codecs: Any = imagecodecs


class CodecError(Exception):
    """The bytes of one piece are damaged; the reader adds which piece of which file."""


@dataclass(frozen=True, slots=True)
class PieceFormat:
    """How all pieces of one image are encoded.

    `samples` counts the interleaved values of a pixel (1 where bands lie in separate pieces);
    `dtype` is in native byte order and `swapped` says that the file's is the other one; `bits`
    is 1 for bit masks, else that of the dtype.
    """

    compression: int
    predictor: int
    dtype: np.dtype[np.generic]
    swapped: bool
    bits: int
    samples: int
    photometric: int
    jpeg_tables: bytes | None
    lerc_wrapper: int  # 0 none, 1 DEFLATE, 2 ZSTD


def decode_piece(data: NDArray[np.uint8], out: NDArray[Any], form: PieceFormat) -> None:
    """Decode `data` into `out`, a C-contiguous (rows, columns, samples) array of ``form.dtype``.

    Raises:
        CodecError: The data is damaged, or too short for `out`.
    """
    try:
        if form.compression in (JPEG, WEBP, LERC):
            _decode_image(data, out, form)
        elif form.bits == 1:
            _decode_bits(data, out, form)
        else:
            _decompress(data, out.reshape(-1).view(np.uint8), form.compression)
            _unpredict(out, form)
    except CodecError:
        raise
    except (RuntimeError, ValueError, TypeError, MemoryError, OverflowError) as error:
        # imagecodecs' errors are RuntimeErrors, one class a codec.
        raise CodecError(f"{COMPRESSIONS[form.compression]}: {error}") from error


def _decompress(data: NDArray[np.uint8], out: NDArray[np.uint8], compression: int) -> None:
    """Bytes to bytes. More than `out` holds is padding and is left; less is damage."""
    if compression == NONE:
        got: Any = data
    elif compression in (DEFLATE, OLD_DEFLATE):
        try:
            got = _codecs.deflate_decode(data, out=out)
        except _codecs.DeflateError:
            # libdeflate refuses what is longer than `out`, as last strips sometimes are.
            got = _codecs.zlib_decode(data)
    elif compression == ZSTD:
        try:
            got = _codecs.zstd_decode(data, out=out)
        except _codecs.ZstdError:
            got = _codecs.zstd_decode(data)
    elif compression == LZW:
        got = _codecs.lzw_decode(data, out=out)
    elif compression == PACKBITS:
        try:
            got = _codecs.packbits_decode(data, out=out)
        except RuntimeError:
            got = _codecs.packbits_decode(data)
    else:
        got = _codecs.lzma_decode(data, out=out)
    if not isinstance(got, np.ndarray):
        got = np.frombuffer(got, np.uint8)
    if got.nbytes < out.nbytes:
        raise CodecError(f"{got.nbytes} bytes where {out.nbytes} were expected")
    if not np.may_share_memory(got, out):
        out[...] = got.reshape(-1).view(np.uint8)[: out.nbytes]


def _unpredict(out: NDArray[Any], form: PieceFormat) -> None:
    if form.predictor == 3:
        # Bytes of a row are stored by significance, most significant first, in any file.
        _codecs.floatpred_decode(out.copy(), axis=1, out=out)
        return
    if form.swapped:
        out.byteswap(inplace=True)
    if form.predictor == 2:
        ints = out.view(f"u{out.itemsize}")
        _codecs.delta_decode(ints, axis=1, out=ints)


def _decode_bits(data: NDArray[np.uint8], out: NDArray[Any], form: PieceFormat) -> None:
    """A one-bit mask: rows are padded to whole bytes, set bits become 255."""
    rows, columns, _ = out.shape
    packed = np.empty((rows, -(-columns // 8)), np.uint8)
    _decompress(data, packed.reshape(-1), form.compression)
    np.multiply(np.unpackbits(packed, axis=1, count=columns), 255, out=out[:, :, 0])


def _decode_image(data: NDArray[np.uint8], out: NDArray[Any], form: PieceFormat) -> None:
    """Codecs that know their own shape, which may be smaller or larger than the piece."""
    if form.compression == JPEG:
        found = _jpeg(data, form)
    elif form.compression == WEBP:
        found = _codecs.webp_decode(data, hasalpha=form.samples == 4)
    else:
        found = _lerc(data, form)
    if found.ndim == 2:
        found = found[:, :, None]
    if found.shape[2] != form.samples or found.dtype.itemsize > out.dtype.itemsize:
        raise CodecError(
            f"{found.shape[2]} samples of {found.dtype} where {form.samples} of {out.dtype} "
            "were expected"
        )
    if found.shape[0] < out.shape[0] or found.shape[1] < out.shape[1]:
        raise CodecError(f"{found.shape[:2]} pixels where {out.shape[:2]} were expected")
    out[...] = found[: out.shape[0], : out.shape[1]]


def _jpeg(data: NDArray[np.uint8], form: PieceFormat) -> NDArray[Any]:
    if form.samples == 3:
        space = "YCBCR" if form.photometric == _PHOTOMETRIC_YCBCR else "RGB"
        return _codecs.jpeg8_decode(
            data, tables=form.jpeg_tables, colorspace=space, outcolorspace="RGB"
        )
    space = "GRAYSCALE" if form.samples == 1 else "UNKNOWN"
    return _codecs.jpeg8_decode(
        data, tables=form.jpeg_tables, colorspace=space, outcolorspace=space
    )


def _lerc(data: NDArray[np.uint8], form: PieceFormat) -> NDArray[Any]:
    raw: Any = data
    if form.lerc_wrapper == 1:
        raw = _codecs.zlib_decode(data)
    elif form.lerc_wrapper == 2:
        raw = _codecs.zstd_decode(data)
    found, masks = _codecs.lerc_decode(raw, masks=True)
    if masks is None:
        if found.ndim == 2 or found.shape[2] != form.samples - 1:
            return found
        masks = np.ones(found.shape[:2], bool)
    if masks.ndim == 3:
        # Bands one after the other, as LERC keeps them when each has its own mask.
        found, masks = np.moveaxis(found, 0, -1), np.moveaxis(masks, 0, -1)
    found = found.reshape(found.shape[0], found.shape[1], -1)
    masks = masks.reshape(masks.shape[0], masks.shape[1], -1)
    if found.dtype.kind == "f":
        # NaN is kept as an invalid pixel.
        return np.where(masks, found, found.dtype.type(np.nan))
    if found.shape[2] == form.samples - 1:
        # An alpha band of zeros and full opacity is kept as the mask.
        alpha = np.where(masks[:, :, :1], np.iinfo(found.dtype).max, 0).astype(found.dtype)
        return np.concatenate([found, alpha], axis=2)
    return found
