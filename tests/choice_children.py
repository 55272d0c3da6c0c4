"""What rank processes of the tests of choices run; top-level, so that they can import it."""

from __future__ import annotations

import json
from pathlib import Path

import croupier as cr
from croupier.torch import BatchSampler, Loader, importance_sample

ROWS, BATCH, COUNT = 90, 4, 2


def loader(**arguments):
    plan = cr.chain(cr.ImportanceSampled(effective_share=0.9), cr.FixedSize(BATCH), segment_ids=24)
    sampler = BatchSampler(plan, cr.Table(size=ROWS), seed=1, split=cr.Lockstep(lanes=2))
    return Loader(list(range(ROWS)), sampler, **arguments)


def scores_of(batch, epoch):
    """A gradient norm for each id, changing with the epoch."""
    return (batch.float() * (3 + epoch)) % 17 + 0.1


def trained(run, epochs):
    """What a loop deals and chooses, batch by batch, with the state after each."""
    for _ in range(epochs):
        for batch in run:
            scores = scores_of(batch, run.deal.epoch)
            choice = importance_sample(scores, COUNT, run.choice_key())
            run.chose(choice)
            run.observe(scores)
            weights = run.column("importance_weight")[choice.places] * choice.weights
            yield run.deal.ids.tolist(), run.deal.chosen.tolist(), weights.tolist()


def hard_batches():
    """The mini-batches of some epochs, each by how hard its rows were of late."""
    plan = cr.chain(cr.HardBatches(BATCH, 0.5), segment_ids=24)
    run = Loader(list(range(ROWS)), BatchSampler(plan, cr.Table(size=ROWS), seed=1, split=cr.Lockstep(lanes=2)))
    for _ in range(4):
        for batch in run:
            run.observe(scores_of(batch, run.deal.epoch))
            yield run.deal.ids.tolist()


def choose_and_report(rank, world_size, folder):
    run = loader()
    rows = list(trained(run, 3))
    entries = [[entry.event, entry.ids] for entry in run.ledger]
    state = [entry[1:3] for entry in run.state_dict()["ledger"]]
    hard = list(hard_batches())
    Path(folder, f"{world_size}-{rank}.json").write_text(json.dumps([rows, entries, state, hard]))
