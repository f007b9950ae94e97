"""What tests of features share."""

import pytest
import torch
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from kanpipe.data.digits import digits


class Untrained(FeatureExtractorInceptionV3):
    """The Inception with the weights that it starts from."""

    def load_state_dict(self, _):
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                for vector, low, high in (
                    (module.weight, 0.5, 1.5),
                    (module.bias, -0.1, 0.3),
                    (module.running_mean, -0.1, 0.1),
                    (module.running_var, 0.5, 1.5),
                ):
                    nn.init.uniform_(vector, low, high)


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory):
    """A weight file of the form of the published one, with random weights, not-a-number from Mixed_5b on."""
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save({}, path)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = Untrained("untrained", ["64"], feature_extractor_weights_path=path).state_dict()
    state["Mixed_5b.branch1x1.conv.weight"].fill_(torch.nan)
    torch.save(state, path)
    return path


@pytest.fixture(scope="session")
def images():
    """Grey images of digits (n, 28, 28)."""
    return digits()["test_images"]
