"""A layer with the norm and the activation that stand behind it, and how torch-conv-kan saves the three."""

import torch
from torch import Tensor, nn

# What the entries of a torch-conv-kan layer begin with: its two weights, its norm, its PReLU.
PUBLISHED = ("base_conv.", "base_weight", "spline_conv.", "spline_weight", "layer_norm.", "prelu.", "prelus.")


class FinishedLayer(nn.Sequential):
    """A layer, and the norm and the activation that belong to it; state dicts of torch-conv-kan can be loaded whole."""

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        _from_torch_conv_kan(self, state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)


def bare(layer: nn.Module) -> nn.Module:
    """The layer without the norm and the activation behind it, if it has any."""
    return layer[0] if isinstance(layer, FinishedLayer) else layer


def _from_torch_conv_kan(finished: FinishedLayer, state: dict[str, Tensor], prefix: str) -> None:
    """Rename the published entries of `state` below `prefix`; others are left as they are.

    Norms of groups are joined along their channels. Of PReLUs the layer here has one for all groups: ValueError when
    their slopes differ.
    """
    is_prelu = [isinstance(module, nn.PReLU) for module in finished]
    places = {
        "layer_norm": next((i for i, prelu in enumerate(is_prelu) if i > 0 and not prelu), None),
        "prelu": is_prelu.index(True) if True in is_prelu else None,
    }
    joined: dict[str, list[Tensor]] = {}
    for name in [name for name in state if name.startswith(tuple(prefix + start for start in PUBLISHED))]:
        words = name.removeprefix(prefix).replace("prelus.", "prelu.").split(".")
        new = ".".join(["0", *words]) if words[0] not in places else f"{places[words[0]]}.{words[-1]}"
        if not new.startswith("None"):  # torch refuses an entry that has no place here
            joined.setdefault(prefix + new, []).append(state.pop(name))
    for name, values in joined.items():
        is_one = values[0].dim() == 0 or name.startswith(f"{prefix}{places['prelu']}.")
        state[name] = _same_in_all(name, values) if is_one else torch.cat(values)


def _same_in_all(name: str, values: list[Tensor]) -> Tensor:
    """The entry that all groups must have alike."""
    if any(not torch.equal(value, values[0]) for value in values):
        slopes = ", ".join(f"{value.item():g}" for value in values)
        raise ValueError(f"{name} is {slopes} in the saved groups; this layer has one for all")
    return values[0]
