"""Deal the sequences of a step to groups of devices: a long one to many devices, a short one to a single one.

A batch is a step on N devices. They form groups of 1, 2, 4, ... devices, and a group splits each of its sequences. Were
all groups alike, all would pay for the traffic that the longest sequence needs. Every device may deal the whole step
(``world_size=1``) and finds the same groups. Degrees descend, so a group of up to 8 devices lies within a node of 8.

Source: Wang et al., "FlexSP" (ASPLOS 2025, 2412.01523), its costs: a group of degree d takes beta + the sum over its
sequences of (a1 s^2 + a2 s + b s / v_d) / d. The paper solves mixed integer programs over buckets of lengths. Ours: a
greedy rule tries all multisets of degrees, and a relaxed program, without buckets, proves how near to the best that is:
within 1 % in our tests while 2 % of memory is free. (With none free, it may find fewer, larger groups alone.)
"""

import numpy as np
import numpy.typing as npt
from scipy.optimize import milp
from scipy.special import ndtri

import croupier as cr

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

QUADRATIC_MS, LINEAR_MS, FIXED_MS = 5.128e-6, 0.18396, 629.0  # a1, a2, beta of a model of 7B parameters
TOKEN_BYTES = 4 * 2 * 32 * 4096 * 2  # b: what a token of 32 layers, 4096 wide, sends all to all
DEGREES = 2 ** np.arange(7)
BYTES_PER_MS = np.array([np.inf, 154e6, 137e6, 121e6, 8.7e6, 8.7e6, 8.7e6])  # v; of degrees 32 and 64 our guess


def device_ms(lengths: Int64) -> Float64:
    """Devices x time that each sequence takes of a group of each degree, shape (sequences, degrees)."""
    tokens = lengths[:, None].astype(np.float64)
    return QUADRATIC_MS * tokens**2 + (LINEAR_MS + TOKEN_BYTES / BYTES_PER_MS) * tokens


def multisets(devices: int, largest: int) -> list[list[int]]:
    """Of powers of two up to ``largest``, descending, with the sum ``devices``: 1828 for 64."""
    if largest == 1 or devices == 0:
        return [[1] * devices]
    return [[largest, *rest] for rest in multisets(devices - largest, largest)] + multisets(devices, largest // 2)


def filled(groups: Int64, lengths: Int64, device_tokens: int, limit: float) -> tuple[Int64, Int64, Float64]:
    """The multisets (padded by 0) in which all sequences fit the limit, the group of each sequence, the makespans.

    The longest first, each where it costs least of the scarcer of time and memory (as the least time that can fill it).
    """
    work, kind = device_ms(lengths), np.log2(np.maximum(groups, 1)).astype(np.int64)
    token_ms = (work / lengths[:, None]).min(axis=0)[kind]
    time, room, dealt = groups * limit, groups * device_tokens, np.zeros((len(groups), lengths.size), np.int64)
    for row in np.argsort(-lengths, kind="stable"):
        time_left, room_left = time - work[row][kind], room - lengths[row]
        loss = np.minimum(time, token_ms * room) - np.minimum(time_left, token_ms * room_left)
        loss[(time_left < 0) | (room_left < 0)] = np.inf
        each, to = np.arange(len(loss)), loss.argmin(axis=1)
        time[each, to], room[each, to], dealt[:, row] = time_left[each, to], room_left[each, to], to
        if not (fits := loss[each, to] < np.inf).all():
            groups, kind, token_ms, time, room, dealt = (a[fits] for a in (groups, kind, token_ms, time, room, dealt))
    return groups, dealt, limit - np.where(groups, time / np.maximum(groups, 1), limit).min(axis=1)


def deal_groups(lengths: Int64, devices: int, device_tokens: int) -> tuple[list[tuple[int, Int64]], float]:
    """Degree and rows of each group, and the makespan: the least limit that a multiset is found for, by halving."""
    if devices not in DEGREES:
        raise ValueError(f"devices must be a power of two up to {DEGREES[-1]}, got {devices}")
    if lengths.sum() > (room := devices * device_tokens) or lengths.min() < 1:
        raise ValueError(f"lengths must be >= 1 and sum to at most {room}, got {lengths.min()} and {lengths.sum()}")
    groups = np.array([degrees + [0] * (devices - len(degrees)) for degrees in multisets(devices, devices)])
    low, best = device_ms(lengths)[:, 0].sum() / devices, None
    step = low / 100
    while best is None or step > 5e-4 * low:
        fitting, dealt, spans = filled(groups, lengths, device_tokens, low + step)
        if spans.size:
            least = spans.argmin()
            groups, best, step = fitting, (fitting[least], dealt[least], spans[least]), (spans[least] - low) / 2
        else:
            low, step = low + step, step * (2 if best is None else 0.5)
    return [(int(d), np.flatnonzero(best[1] == g)) for g, d in enumerate(best[0]) if d], FIXED_MS + float(best[2])


def lower_bound(lengths: Int64, devices: int, device_tokens: int, makespan: float) -> float:
    """No deal to any groups is quicker: the first span, by thousandths down from this, that the program rules out.

    Unknown: the part of each sequence in groups of each degree that it fits (all or none of the 12 longest), and their
    number. Bounded, in all groups of a degree: time; sequences of over half of a group's time or memory, one in each
    (the longer of two needs it of the same); and memory M, where one counts as W/c - S tokens if it has fewer: W its
    time, c the least of any for a token, S = max(T/c - M, 0) for a group's time T: at most T/c - S <= M in a group.
    """
    work, memory, sizes = device_ms(lengths), DEGREES * device_tokens, np.diag(DEGREES)
    token_ms, each = (work / lengths[:, None]).min(axis=0), np.arange(lengths.size)[:, None]
    for time in (makespan - FIXED_MS) * np.linspace(0.999, 0.001, 999)[:, None] * DEGREES:
        tokens = np.maximum(lengths[:, None], work / token_ms - np.maximum(time / token_ms - memory, 0))
        is_half = (2 * work > time) | (2 * lengths[:, None] > memory)
        row, kind = np.nonzero((work <= time) & (lengths[:, None] <= memory) & (devices >= DEGREES))
        is_whole = np.append(lengths[row] >= np.sort(lengths)[-12:][0], np.ones(7))
        uses = (work / time[0], tokens / device_tokens, is_half * DEGREES)
        rules = [(np.hstack([use[row, kind] * np.eye(7)[:, kind], -sizes]), -np.inf, 0) for use in uses]
        rules += [(np.pad(each == row, ((0, 0), (0, 7))), 1, 1), (np.append(0 * row, DEGREES), 0, devices)]
        if milp(0 * is_whole, integrality=is_whole, constraints=rules, options={"node_limit": 1000}).status == 2:
            return FIXED_MS + float(time[0])
    return FIXED_MS


if __name__ == "__main__":
    text = np.exp(5.95 + 1.26 * ndtri((np.arange(19_900) + 0.5) / 19_900))
    table = cr.Table(length=np.append(text, 1e5 / np.arange(1, 101) ** 0.55).astype(np.int64))
    for deal, _ in zip(cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(400)), table, seed=0), range(6), strict=False):
        groups, makespan = deal_groups(lengths := deal.columns["length"], devices=64, device_tokens=8192)
        work, bound = device_ms(lengths)[:, 4], lower_bound(lengths, 64, 8192, makespan)
        alike = FIXED_MS + max(work.sum() / 64, work.max() / 16)  # the longest of all sequences needs 16 devices
        print(f"{makespan:.0f} ms, at least {bound:.0f}, by sixteens {alike:.0f};", *[d for d, _ in groups[:9]], "...")
