"""Draw actions so that what a buffer holds is as if on-policy: make less likely what it holds too often.

Source: Corrado, Hanna, "On-policy policy gradient reinforcement learning without on-policy sampling" (PROPS,
2311.08290): every few steps a behaviour policy starts from the target policy and descends the mean over the buffer of
max(r, clip(r, 1 - e, 1 + e)), where r is how much likelier than the target's it makes an action that is there, until it
is some divergence away. At the start this moves each logit by minus the excess of its action's count over what the
target would have given. Constants as in the authors' published settings for discrete actions, but for the rate.
Ours: a table of logits, all of the buffer in every step of the descent, and a run stops before the divergence.

Many runs go side by side. What is dealt so are actions, not ids: a ``Mixture`` has shares like these by arithmetic.
"""

import numpy as np
import torch
from torch import Tensor

import croupier as cr

STATES, ACTIONS, EVERY = 5, 4, 8


def corrected(target: Tensor, counts: Tensor, clip: float = 0.3, most: float = 0.03, passes: int = 16) -> Tensor:
    """Logits of the behaviour policy, from the target's and the counts in the buffer, all (runs, states, actions)."""
    share = counts / counts.sum(dim=(1, 2), keepdim=True)
    aim = target.log_softmax(dim=-1)
    behaviour = target.clone().requires_grad_()
    optimizer = torch.optim.Adam([behaviour], lr=0.05)
    kept = target.clone()
    for _ in range(passes):
        ratio = (behaviour.log_softmax(dim=-1) - aim).exp()
        optimizer.zero_grad()
        (share * torch.maximum(ratio, ratio.clamp(1 - clip, 1 + clip))).sum().backward()
        optimizer.step()
        with torch.no_grad():
            apart = (aim.exp() * (aim - behaviour.log_softmax(dim=-1))).sum(dim=-1)
            is_near = (share.sum(dim=-1) * apart).sum(dim=-1) <= most
            kept = torch.where(is_near[:, None, None], behaviour, kept)
            if not is_near.any():
                break
    return kept.detach()


def drawn(policy: Tensor, states: Tensor, draws: Tensor) -> Tensor:
    """An action of each run (runs,), by its policy (runs, states, actions) in its state."""
    shares = policy[torch.arange(len(states)), states].double().softmax(dim=-1)
    return (shares.cumsum(dim=-1) <= draws[:, None]).sum(dim=-1).clamp(max=shares.shape[-1] - 1)


def collect(target: Tensor, counts: Tensor, steps: int, key: cr.Key, *, correcting: bool) -> list[Tensor]:
    """The buffer's counts after each step; without correction, actions are those of the target itself."""
    runs, policy, history = torch.arange(len(target)), target, [counts]
    numbers = cr.draws(key.bits, np.arange(2 * steps * len(target))) >> np.uint64(11)
    draws = torch.from_numpy(numbers / 2.0**53).reshape(steps, 2, -1)
    for step, (where, what) in enumerate(draws):
        if correcting and step % EVERY == 0 and history[-1].any():
            policy = corrected(target, history[-1])
        states = (where * STATES).long()
        counts = history[-1].clone()
        counts[runs, states, drawn(policy, states, what)] += 1
        history.append(counts)
    return history


def sampling_error(target: Tensor, counts: Tensor) -> Tensor:
    """KL(buffer || target), a mean over what is in the buffer, in nats, shape (runs,)."""
    of_state = counts / counts.sum(dim=-1, keepdim=True).clamp(min=1)
    apart = torch.special.xlogy(of_state, of_state) - of_state * target.log_softmax(dim=-1)
    share = counts.sum(dim=-1) / counts.sum(dim=(1, 2))[:, None]
    return (share * apart.sum(dim=-1)).sum(dim=-1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = torch.randn(STATES, ACTIONS, generator=torch.Generator().manual_seed(0)).expand(32, -1, -1)
    empty = torch.zeros(target.shape)
    for name, correcting in {"on-policy": False, "corrected": True}.items():
        history = collect(target, empty, 256, cr.Key(0), correcting=correcting)
        errors = [sampling_error(target, history[steps]).mean().item() for steps in (32, 64, 128, 256)]
        print(name, "sampling error after 32, 64, 128, 256 steps:", *np.round(errors, 4))
        history = collect(target.flip(-1), history[-1], 128, cr.Key(1), correcting=correcting)
        errors = [sampling_error(target.flip(-1), history[steps]).mean().item() for steps in (0, 64, 128)]
        print(name, "after the target has changed, and 0, 64, 128 steps:", *np.round(errors, 4))
