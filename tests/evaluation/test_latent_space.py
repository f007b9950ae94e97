"""Scores of a latent space against their definitions."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import KDTree

from kanpipe.evaluation.latent_space import latent_means, neighbour_accuracy, silhouette, tsne
from kanpipe.layers.families import family
from kanpipe.models.vae import VAE


def blobs(n, distance, seed=0, classes=3, d=4):
    """Points of unit variance around centres on the axes, and their classes."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    return (generator.standard_normal((n, d)) + distance * np.eye(d)[labels]).astype(np.float32), labels


def test_means_are_those_of_the_encoder_in_any_chunks(draw):
    model, x = VAE(family("kan"), [5], 3), (torch.rand(25, 784, generator=draw) < 0.2).to(torch.uint8)
    means = latent_means(model, x, chunk=10)
    assert means.shape == (25, 3) and means.dtype == np.float32
    expected = model.encode(x.float())[0].detach().numpy()
    np.testing.assert_allclose(means, expected, rtol=1e-4, atol=1e-6)  # products of other sizes, in float32


def test_neighbour_accuracy_is_a_vote_of_the_nearest():
    (train, train_labels), (test, test_labels) = blobs(300, 2.0), blobs(200, 2.0, seed=1)
    _, nearest = KDTree(train).query(test, 5)
    votes = np.array([np.bincount(train_labels[row], minlength=3).argmax() for row in nearest])
    ours = neighbour_accuracy(train, train_labels, test, test_labels)
    assert ours == pytest.approx(100 * (votes == test_labels).mean(), rel=1e-12)
    assert 50 < ours < 95, "hard enough to tell votes apart"


def test_single_neighbour_knows_its_own_points():
    points, labels = blobs(100, 0.0)
    assert neighbour_accuracy(points, labels, points, labels, neighbours=1) == 100


def test_silhouette_is_its_definition():
    points, labels = blobs(60, 3.0)
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    values = []
    for i, own in enumerate(labels):
        means = [distance[i, labels == other].mean() for other in range(3)]
        a = distance[i, labels == own].sum() / ((labels == own).sum() - 1)  # not counting the point itself
        b = min(mean for other, mean in enumerate(means) if other != own)
        values.append((b - a) / max(a, b))
    assert silhouette(points, labels) == pytest.approx(np.mean(values), abs=1e-5)  # distances in float32


def test_silhouette_is_near_one_for_far_classes_and_near_zero_for_mixed_ones():
    assert silhouette(*blobs(300, 1000.0)) > 0.99
    assert abs(silhouette(*blobs(300, 0.0))) < 0.05


def test_tsne_keeps_far_classes_apart_and_is_a_function_of_its_seed():
    points, labels = blobs(120, 20.0)
    plane = tsne(points, seed=0, perplexity=10)
    assert plane.shape == (120, 2)
    assert neighbour_accuracy(plane, labels, plane, labels) == 100
    np.testing.assert_array_equal(tsne(points, seed=0, perplexity=10), plane)


def test_too_few_points_for_tsne_are_refused():
    with pytest.raises(ValueError, match="t-SNE of perplexity 30 takes more points than that, not 30"):
        tsne(blobs(30, 1.0)[0], seed=0)
