"""Population based training by Ray Tune's scheduler: its workers deal the data exactly, through every exploit.

Ray (2.60 was run) decides who copies whom and with which rates; a worker's checkpoint is weights, optimizer, rates and
turns of a :class:`population_training.Member`, and the state of its loader: a few kilobytes. Whoever takes it over goes
on with the very next batch the other would have had. Ray leaves to the user what a checkpoint holds; without the
loader's state a worker would go on in its own data, or begin an epoch again, and no run alone could do the same.

Run on two cores with four workers, on 21 November 2026: 8 turns, the winner changed its rates five times, and the
replay had the same bits. Two more turns than were asked for: who takes over also goes back to the iteration it copies.

All workers have one plan and one seed, so any state fits any worker, and a run alone on that plan with the rates that
won has the same weights bit for bit: ``population_training.replay(turns, member, [stream], steps)``.
"""

from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining

from population_training import digits, digits_score, digits_stream, replay

STEPS = 60


class Worker(tune.Trainable):
    """A member of the population; a turn is so many steps."""

    def setup(self, config: dict[str, Any]) -> None:
        """As new; Ray loads a checkpoint into it after that where it goes on with one."""
        torch.set_num_threads(1)  # as everywhere: sums of floats depend on it
        self.member, self.stream = digits(config), digits_stream()

    def step(self) -> dict[str, Any]:
        """Train for a turn."""
        self.member.train(0, (next(self.stream) for _ in range(STEPS)))
        return {"score": digits_score(self.member.model), "samples": self.stream.cursor.samples}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """All that the next batch and the next step depend on."""
        torch.save({"member": self.member.saved(), "stream": self.stream.state_dict()}, Path(checkpoint_dir, "all.pt"))

    def load_checkpoint(self, checkpoint: str) -> None:
        """That of this trial, or of the one it takes over from; the rates are those that Ray gives."""
        saved = torch.load(Path(checkpoint, "all.pt"), weights_only=True)
        self.member.load(saved["member"])
        self.stream.load_state_dict(saved["stream"])
        self.member.rates = dict(self.config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Other rates, and mostly another's checkpoint right after: the process need not start anew."""
        self.member.rates = dict(new_config)
        return True


def evolve(members: int, turns: int, folder: str) -> tuple[float, dict[str, Any]]:
    """The best score in the end, and the checkpoint it is of."""
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=1,
        hyperparam_mutations={"lr": tune.loguniform(1e-4, 1.0), "weight_decay": tune.loguniform(1e-5, 1e-1)},
    )
    tuner = tune.Tuner(
        Worker,
        tune_config=tune.TuneConfig(
            metric="score", mode="max", scheduler=scheduler, num_samples=members, reuse_actors=True
        ),
        run_config=tune.RunConfig(
            storage_path=folder,
            stop={"training_iteration": turns},
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=True),
            verbose=0,
        ),
    )
    best = tuner.fit().get_best_result()
    with best.checkpoint.as_directory() as place:
        return best.metrics["score"], torch.load(Path(place, "all.pt"), weights_only=True)


if __name__ == "__main__":
    import tempfile

    torch.set_num_threads(1)
    ray.init(num_cpus=2, include_dashboard=False, runtime_env={"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}})
    score, found = evolve(members=4, turns=6, folder=tempfile.mkdtemp())
    alone = digits({})
    replay(found["member"]["turns"], alone, [digits_stream()], STEPS)
    same = all(map(torch.equal, found["member"]["model"].values(), alone.model.state_dict().values()))
    print(f"loss {-score:.3f}, replayed alone {-digits_score(alone.model):.3f}, the same bits: {same}; rates:")
    print(*(f"{rates['lr']:.3f}" for _, rates in found["member"]["turns"]))
