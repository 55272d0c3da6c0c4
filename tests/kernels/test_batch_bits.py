from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from conflicting_rows import arguments, rows_and_known
from croupier.kernels.batch_bits import PlainBits, bits_read, block, first_open
from croupier.kernels.blocking import blocking_lists
from croupier.kernels.conflicts import conflicts_among


@given(rows_and_known(), st.integers(1, 130), st.data())
def test_bits_in_words_say_what_one_long_integer_says(drawn, batches, data):
    rows, known = drawn
    found = conflicts_among(*arguments(rows, known))
    lists = blocking_lists(found)
    plain = PlainBits(found.queries, found.items, lists, batches, len(rows))
    words = -(-batches // 64)
    bits, full = np.zeros((lists.bits, words), np.uint64), np.zeros(words, np.uint64)
    if batches % 64:
        full[-1] = ~((np.uint64(1) << np.uint64(batches % 64)) - np.uint64(1))
    read = np.empty((1 + found.items.shape[1]) * (1 + lists.most_reads), np.int64)
    for row in range(len(rows)):
        target = data.draw(st.integers(0, batches - 1))
        count = bits_read(found.queries, found.items, lists.ends, lists.values, row, read)
        batch = first_open(bits, full, read, count, target)
        assert batch == plain.first_open(row, target)
        if batch >= 0:
            block(found.queries, found.items, lists.ends, lists.values, bits, row, np.int64(batch))
            plain.place(row, batch)
    for number, long in enumerate(plain.blocked):
        assert long == sum(int(word) << 64 * place for place, word in enumerate(bits[number]))
