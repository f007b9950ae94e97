"""The classifiers of digits against what the source printed of them, row by row, and as networks that can learn."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kanpipe.evaluation.flops import multiplications
from kanpipe.experiments.mnist_classifiers.layer_table import layer_table
from kanpipe.experiments.mnist_classifiers.published import TABLES, TOTAL_PARAMETERS
from kanpipe.models import parameter_count
from kanpipe.models.classifier import DigitClassifier, LeanExtractor, WideExtractor

IMAGE = (1, 28, 28)
NETS = {"mlp": ("wide", "linear", ()), "fasterkan": ("lean", "fasterkan", (128, 64, 32, 16))}
HEADS = [("linear", ()), ("mlp", (32,)), ("kan", (16,)), ("fastkan", (16,)), ("fasterkan", (16,))]


@pytest.fixture(params=NETS)
def name(request):
    return request.param


@pytest.fixture
def net(name):
    torch.manual_seed(0)
    return DigitClassifier(*NETS[name])


@pytest.mark.parametrize(("name", "rows"), [("mlp", 59), ("fasterkan", 65)])
def test_every_printed_row_is_that_of_the_net(net, name, rows):
    made = layer_table(net, IMAGE).rows
    assert len(made) == rows
    for ours, printed in zip(made, TABLES[name].rows, strict=True):
        assert ours == printed


def test_what_is_printed_below_the_rows_is_that_of_the_net(net, name):
    made = layer_table(net, IMAGE)
    assert made == TABLES[name]
    assert (
        made.total - made.trainable == 0
    )  # as printed below both tables, though the second network has 45 frozen ones


def test_printed_totals_are_one_short_of_the_net(net, name):
    """The tool does not see the gate gamma. The 45 frozen numbers of the source's bases are no parameters here."""
    assert parameter_count(net) == TABLES[name].total + 1
    assert all(p.requires_grad for p in net.parameters())
    assert TOTAL_PARAMETERS.get(name, parameter_count(net)) == parameter_count(net)


def test_a_frozen_layer_is_not_trainable_in_the_table(net):
    net.extractor.stages[0].requires_grad_(False)
    made = layer_table(net, IMAGE)
    assert made.total - made.trainable == 320


def test_table_leaves_the_net_as_it_is(net):
    net.train()
    net.extractor.stages[2].eval()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    layer_table(net, IMAGE)
    assert net.training and not net.extractor.stages[2].training
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


def test_multiplications_of_the_linear_net_are_those_counted_by_hand():
    first = 28**2 * 32 * 9
    block_1 = 14**2 * 9 * (32 * 64 + 4 * 64 * 64)
    middle = 7**2 * (64 * 128 * 9 + 128 * 9 + 128 * 128)
    block_2 = 7**2 * 9 * (128 * 256 + 4 * 256 * 256)
    gates = 2 * 64 * 4 + 2 * 256 * 16
    last = 2**2 * 256 * 256 * 4
    attention = 4 * 256 * (32 + 32 + 256) + 4 * 4 * (32 + 256)
    hand = first + block_1 + middle + block_2 + gates + last + attention + 256 * 10
    assert multiplications(DigitClassifier("wide", "linear").eval(), torch.zeros(1, *IMAGE)) == hand == 168_660_096


def test_heads_differ_by_their_products_alone():
    widths = [256, 128, 64, 32, 16, 10]
    edges = sum(a * b for a, b in zip(widths[:-1], widths[1:], strict=True))
    linear, kan = (DigitClassifier("lean", *head).eval() for head in [("linear", ()), NETS["fasterkan"][1:]])
    image = torch.zeros(1, *IMAGE)
    assert multiplications(kan, image) == 35_312_448
    assert multiplications(kan, image) - multiplications(linear, image) == 8 * edges - 256 * 10


@pytest.mark.parametrize(("extractor", "parameters"), [(WideExtractor, 3_270_273), (LeanExtractor, 1_077_057)])
def test_extractors_have_the_parameters_of_the_source(extractor, parameters):
    assert parameter_count(extractor()) == parameters


@pytest.mark.parametrize(("head", "hidden"), HEADS)
@pytest.mark.parametrize("extractor", ["wide", "lean"])
def test_every_head_fits_every_extractor(extractor, head, hidden):
    net = DigitClassifier(extractor, head, hidden).eval()
    assert net(torch.zeros(2, *IMAGE)).shape == (2, 10)


def test_equal_seeds_give_equal_extractors_under_different_heads():
    extractors = []
    for head, hidden in HEADS[:2]:
        torch.manual_seed(3)
        extractors.append(DigitClassifier("lean", head, hidden).extractor.state_dict())
    assert all(torch.equal(value, extractors[1][key]) for key, value in extractors[0].items())


def test_gradients_are_finite_in_double_precision_and_reach_every_parameter(net, draw):
    net.double()
    nn.init.ones_(net.extractor.stages[-1].gamma)  # at 0 nothing reaches what attention is made of
    images = torch.rand(4, *IMAGE, generator=draw, dtype=torch.float64)
    loss = F.cross_entropy(net(images), torch.arange(4))
    loss.backward()
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().sum() > 0 or key.endswith("key.bias"), key  # softmax does not see it


def test_attention_starts_as_nothing_and_is_that_of_torch(draw):
    attention = LeanExtractor().stages[-1]
    x = torch.randn(2, 256, 2, 2, generator=draw)
    assert torch.equal(attention(x), x)
    nn.init.ones_(attention.gamma)
    tokens = (layer(x).flatten(2).transpose(1, 2) for layer in (attention.query, attention.key, attention.value))
    expected = F.scaled_dot_product_attention(*tokens, scale=1.0).transpose(1, 2).reshape(x.shape)
    assert torch.allclose(attention(x), x + expected, atol=1e-5)


def test_state_goes_into_another_net(net, name, draw):
    net(torch.rand(4, *IMAGE, generator=draw))  # moves the running means
    other = DigitClassifier(*NETS[name])
    other.load_state_dict(net.state_dict())
    images = torch.rand(3, *IMAGE, generator=draw)
    assert torch.equal(net.eval()(images), other.eval()(images))


def test_dropout_and_running_means_belong_to_training_alone(net, draw):
    images = torch.rand(4, *IMAGE, generator=draw)
    norm = net.extractor.stages[2]
    net.eval()
    assert torch.equal(net(images), net(images)) and norm.num_batches_tracked == 0
    assert torch.allclose(net(images)[:1], net(images[:1]), atol=1e-5)  # no image sees another
    net.train()
    assert not torch.equal(net(images), net(images))
    assert norm.num_batches_tracked == 2


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("deep", "linear"), "deep"), (("lean", "forest"), "forest"), (("lean", "linear", [8]), "mlp")],
)
def test_faults_are_named(arguments, word):
    with pytest.raises(ValueError, match=word):
        DigitClassifier(*arguments)
