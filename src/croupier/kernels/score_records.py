"""Stream values into records of running statistics: one record a row, a few bytes, all in one line of the cache.

A record is made of fields at byte offsets. What is kept of one signal (losses, say) is a block of them:

    count, last value, mean, variance, times forgotten, exponential means

``blocks`` is int64 of shape (signals, 7): the offsets of the first five, -1 for a field that is not kept (the count
always is), then which entries of ``emas`` (offsets) and ``rates`` belong to the signal, from and up to. Numbers take
two bytes and the count one, or four each: ``is_half`` says which.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.half_floats import NEAREST, SPARE_BITS, half_bits, half_bits_of, half_value, half_values
from croupier.kernels.jit import Kernel
from croupier.kernels.mixing import GOLDEN, mix64, mixed

__all__ = ["MOST_COUNTED", "MOST_COUNTED_IN_HALF", "are_usable", "stopped_counts", "update_records"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

MOST_COUNTED = 2**24
MOST_COUNTED_IN_HALF = 192
"""Where counts stop; from then on a value has the weight in a mean that the last one counted had.

In half precision the byte goes on, round and round from 192 to 255, so that values that stay the same are not always
rounded by the same draw: see :func:`stopped_counts`.
"""
_MOST_FORGOTTEN = 2**22
_MOST_FORGOTTEN_IN_HALF = 63
_LARGEST_SINGLE = 3.4028234663852886e38
_AHEAD = 256
"""Records looked at before any of them is changed, so that memory fetches them together."""
_SPARE = np.uint64((1 << SPARE_BITS) - 1)
_MEAN, _VARIANCE, _EMA = np.uint64(0), np.uint64(13), np.uint64(26)  # which bits of a hash round which field


def _bits_at(records: Any, row: Any, at: Any, is_half: Any) -> Any:
    bits = np.int64(records[row, at]) | (np.int64(records[row, at + 1]) << 8)
    if is_half:
        return bits
    return bits | (np.int64(records[row, at + 2]) << 16) | (np.int64(records[row, at + 3]) << 24)


def _put_bits(records: Any, row: Any, at: Any, bits: Any, is_half: Any) -> None:
    records[row, at] = bits & 0xFF
    records[row, at + 1] = (bits >> 8) & 0xFF
    if not is_half:
        records[row, at + 2] = (bits >> 16) & 0xFF
        records[row, at + 3] = (bits >> 24) & 0xFF


def _number_at(records: Any, row: Any, at: Any, is_half: Any) -> Any:
    bits = _bits_at(records, row, at, is_half)
    return half_value(bits) if is_half else np.float64(np.uint32(bits).view(np.float32))


def _put_number(records: Any, row: Any, at: Any, value: Any, spare: Any, is_half: Any) -> None:
    if is_half:
        _put_bits(records, row, at, half_bits(value, spare), True)
    else:
        held = np.float32(min(max(value, -_LARGEST_SINGLE), _LARGEST_SINGLE))
        _put_bits(records, row, at, np.int64(held.view(np.uint32)), False)


def _update_loop(
    records: Bytes, ids: Int64, values: Float32, blocks: Int64, emas: Int64, rates: Float64, is_half: bool
) -> int:
    most, last_count = (MOST_COUNTED_IN_HALF, 255) if is_half else (MOST_COUNTED, MOST_COUNTED)
    most_forgotten = _MOST_FORGOTTEN_IN_HALF if is_half else _MOST_FORGOTTEN
    last_byte = records.shape[1] - 1
    looked_at = 0
    for low in range(0, ids.size, _AHEAD):
        high = min(low + _AHEAD, ids.size)
        for i in range(low, high):
            looked_at += records[ids[i], 0] + records[ids[i], last_byte]
        for i in range(low, high):
            row = ids[i]
            for signal in range(blocks.shape[0]):
                value = np.float64(values[i, signal])
                if value != value:  # noqa: PLR0124 - not a number: nothing was observed
                    continue
                at = blocks[signal, 0]
                count = np.int64(records[row, at]) if is_half else _bits_at(records, row, at, False)
                counted = count + 1 if count < last_count else most
                spare = np.uint64(0)
                if is_half:
                    records[row, at] = counted
                    bits = np.uint64(np.float32(value).view(np.uint32))
                    spare = mixed((np.uint64(row) + (np.uint64(count) << np.uint64(40))) * GOLDEN + bits)
                else:
                    _put_bits(records, row, at, counted, False)
                at = blocks[signal, 1]
                if at >= 0:
                    _put_number(records, row, at, value, NEAREST, is_half)
                at = blocks[signal, 2]
                if at >= 0:
                    share = 1.0 / min(counted, most)
                    mean = _number_at(records, row, at, is_half)
                    away = value - mean
                    mean += away * share
                    _put_number(records, row, at, mean, np.int64((spare >> _MEAN) & _SPARE), is_half)
                    at = blocks[signal, 3]
                    if at >= 0:
                        variance = _number_at(records, row, at, is_half)
                        variance = max(0.0, variance + (away * (value - mean) - variance) * share)
                        _put_number(records, row, at, variance, np.int64((spare >> _VARIANCE) & _SPARE), is_half)
                at = blocks[signal, 4]
                if at >= 0:
                    known = np.int64(records[row, at]) if is_half else _bits_at(records, row, at, False)
                    right = np.int64(value >= 0.5)
                    times = min((known >> 2) + (known & 1 & (1 - right)), most_forgotten)
                    known = (times << 2) | (known & 2) | (right << 1) | right
                    if is_half:
                        records[row, at] = known
                    else:
                        _put_bits(records, row, at, known, False)
                for which in range(blocks[signal, 5], blocks[signal, 6]):
                    ema = value
                    if count > 0:
                        ema = _number_at(records, row, emas[which], is_half)
                        ema += rates[which] * (value - ema)
                    _put_number(records, row, emas[which], ema, np.int64((spare >> _EMA) & _SPARE), is_half)
    return looked_at


def _all_bits(records: Bytes, rows: Int64, at: int, width: int) -> Int64:
    bits = np.zeros(rows.size, dtype=np.int64)
    for byte in range(width):
        bits |= records[rows, at + byte].astype(np.int64) << 8 * byte
    return bits


def _put_all_bits(records: Bytes, rows: Int64, at: int, bits: Int64, width: int) -> None:
    for byte in range(width):
        records[rows, at + byte] = (bits >> 8 * byte) & 0xFF


def _numbers(records: Bytes, rows: Int64, at: int, is_half: bool) -> Float64:
    if is_half:
        return half_values(_all_bits(records, rows, at, 2))
    return _all_bits(records, rows, at, 4).astype(np.uint32).view(np.float32).astype(np.float64)


def _put_numbers(records: Bytes, rows: Int64, at: int, values: Float64, spare: Int64 | int, is_half: bool) -> None:
    if is_half:
        _put_all_bits(records, rows, at, half_bits_of(values, spare), 2)
    else:
        held = np.clip(values, -_LARGEST_SINGLE, _LARGEST_SINGLE).astype(np.float32)
        _put_all_bits(records, rows, at, held.view(np.uint32).astype(np.int64), 4)


def _update_numpy(
    records: Bytes, ids: Int64, values: Float32, blocks: Int64, emas: Int64, rates: Float64, is_half: bool
) -> int:
    # The first value of every row, then the second of those that have one, and so on.
    in_turn = np.argsort(ids, kind="stable")
    begins = np.flatnonzero(np.diff(ids[in_turn], prepend=-1))
    times = np.diff(begins, append=ids.size)
    for turn in range(int(times.max(initial=0))):
        places = in_turn[begins[times > turn] + turn]
        for signal in range(blocks.shape[0]):
            seen = places[~np.isnan(values[places, signal])]
            _update_block(records, ids[seen], values[seen, signal], blocks[signal], emas, rates, is_half)
    return 0


def _update_block(
    records: Bytes, rows: Int64, signal: Float32, block: Int64, emas: Int64, rates: Float64, is_half: bool
) -> None:
    """One value for each of different rows."""
    width, most, last_count = (1, MOST_COUNTED_IN_HALF, 255) if is_half else (4, MOST_COUNTED, MOST_COUNTED)
    at_count, at_last, at_mean, at_variance, at_forgotten, first, end = block.tolist()
    value = signal.astype(np.float64)
    count = _all_bits(records, rows, at_count, width)
    counted = np.where(count < last_count, count + 1, most)
    _put_all_bits(records, rows, at_count, counted, width)
    with np.errstate(over="ignore"):
        keys = (rows.astype(np.uint64) + (count.astype(np.uint64) << np.uint64(40))) * GOLDEN
        hashes = mix64(keys + np.ascontiguousarray(signal).view(np.uint32).astype(np.uint64))
    spare = {shift: ((hashes >> shift) & _SPARE).astype(np.int64) for shift in (_MEAN, _VARIANCE, _EMA)}
    if at_last >= 0:
        _put_numbers(records, rows, at_last, value, NEAREST, is_half)
    if at_mean >= 0:
        share = 1.0 / np.minimum(counted, most)
        mean = _numbers(records, rows, at_mean, is_half)
        away = value - mean
        mean += away * share
        _put_numbers(records, rows, at_mean, mean, spare[_MEAN], is_half)
        if at_variance >= 0:
            variance = _numbers(records, rows, at_variance, is_half)
            variance = np.maximum(0.0, variance + (away * (value - mean) - variance) * share)
            _put_numbers(records, rows, at_variance, variance, spare[_VARIANCE], is_half)
    if at_forgotten >= 0:
        known = _all_bits(records, rows, at_forgotten, width)
        right = (value >= 0.5).astype(np.int64)
        most_forgotten = _MOST_FORGOTTEN_IN_HALF if is_half else _MOST_FORGOTTEN
        times = np.minimum((known >> 2) + (known & 1 & (1 - right)), most_forgotten)
        _put_all_bits(records, rows, at_forgotten, (times << 2) | (known & 2) | (right << 1) | right, width)
    for which in range(first, end):
        at = int(emas[which])
        ema = _numbers(records, rows, at, is_half)
        ema = np.where(count > 0, ema + rates[which] * (value - ema), value)
        _put_numbers(records, rows, at, ema, spare[_EMA], is_half)


def _usable_loop(ids: Int64, values: Float32, rows: int) -> bool:
    usable = True
    for i in range(ids.size):
        usable &= 0 <= ids[i] < rows
        for column in range(values.shape[1]):
            usable &= abs(values[i, column]) <= _LARGEST_SINGLE
    return usable


def _usable_numpy(ids: Int64, values: Float32, rows: int) -> bool:
    return bool(((ids >= 0) & (ids < rows)).all() and np.isfinite(values).all())


_update = Kernel(_update_loop, _update_numpy)
_usable = Kernel(_usable_loop, _usable_numpy)


def are_usable(ids: Int64, values: Float32, rows: int) -> bool:
    """Whether all ids are in [0, rows), and all values of shape (n, signals) finite: in one look at them.

    Examples
    --------
    >>> are_usable(np.array([0, 3]), np.ones((2, 1), np.float32), 3)
    False
    """
    return bool(_usable(ids, values, rows))


def stopped_counts(counts: npt.NDArray[Any], *, is_half: bool) -> npt.NDArray[Any]:
    """The counts of records as numbers that stop."""
    return np.minimum(counts, MOST_COUNTED_IN_HALF) if is_half else counts


def update_records(
    records: Bytes, ids: Int64, values: Float32, blocks: Int64, emas: Int64, rates: Float64, *, is_half: bool
) -> None:
    """Take values into the records of their rows, in the order given; a row may come several times.

    Parameters
    ----------
    records : uint8 array of shape (rows, bytes)
        Changed in place; a record of zeros has seen nothing.
    ids : int64 array of shape (n,)
        In [0, rows): not checked here.
    values : float32 array of shape (n, signals)
        Finite, or NaN where a signal was not observed.
    blocks, emas, rates : int64 (signals, 7), int64 (m,) and float64 (m,) arrays
        What is kept where, see above; an exponential mean moves by its rate of the distance to a new value.
    is_half : bool

    Guarantees: what a row's record holds depends on the row and its values in their order alone, not on how they were
    cut into calls. In half precision means, variances and exponential means are rounded by a hash of the row, its count
    and the value, so that small steps are not lost; larger numbers than 65,504 are held as it.

    Source: the mean and the variance after Welford, "Note on a method for calculating corrected sums of squares and
    products" (1962); times forgotten after Toneva et al., "An empirical study of example forgetting during deep neural
    network learning" (2019), definitions 2.1 and 2.2.

    Examples
    --------
    >>> records = np.zeros((3, 8), np.uint8)
    >>> block = np.array([[0, 4, -1, -1, -1, 0, 0]])
    >>> none = np.zeros(0, np.int64)
    >>> losses = np.array([[0.5], [0.25], [2.0]], np.float32)
    >>> update_records(records, np.array([2, 0, 2]), losses, block, none, np.zeros(0), is_half=False)
    >>> records[:, 0].tolist(), records[:, 4:].copy().view(np.float32).ravel().tolist()
    ([1, 0, 2], [0.25, 0.0, 2.0])
    """
    _update(records, np.ascontiguousarray(ids), np.ascontiguousarray(values), blocks, emas, rates, is_half)
