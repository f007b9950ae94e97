"""How well classes stand apart in a latent space, and a picture of it."""

import numpy as np
import torch
from torch import Tensor

from kanpipe.models.vae import VAE


@torch.no_grad()
def latent_means(model: VAE, x: Tensor, chunk: int = 1000) -> np.ndarray:
    """The means of q(z | x) of images (n, pixels): (n, latent) in float32."""
    return torch.cat([model.encode(part.float())[0] for part in x.split(chunk)]).cpu().numpy()


def neighbour_accuracy(
    train_means: np.ndarray,
    train_labels: np.ndarray,
    test_means: np.ndarray,
    test_labels: np.ndarray,
    neighbours: int = 5,
) -> float:
    """Percent of the test points (m, d) whose class most of their nearest training points (n, d) share.

    Distances are Euclidean; of equally frequent classes the smallest label counts (scikit-learn).
    """
    from sklearn.neighbors import KNeighborsClassifier

    classifier = KNeighborsClassifier(neighbours, algorithm="brute").fit(train_means, train_labels)
    return 100 * float(classifier.score(test_means, test_labels))


def silhouette(means: np.ndarray, labels: np.ndarray) -> float:
    """The mean silhouette of the classes, -1 to 1, over all of the points (n, d) (Rousseeuw 1987; scikit-learn).

    For each point it is (b - a) / max(a, b), a the mean distance to its own class and b that to the nearest other
    one: 1 for far and tight classes, 0 where they overlap.
    """
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(means, labels))


def tsne(means: np.ndarray, seed: int, perplexity: float = 30.0) -> np.ndarray:
    """Points (n, d) in the plane, (n, 2): neighbours stay near, distances and axes mean nothing.

    t-SNE (van der Maaten and Hinton 2008; scikit-learn), begun at the two principal components. Raises ValueError
    unless there are more points than `perplexity`.
    """
    from sklearn.manifold import TSNE

    if len(means) <= perplexity:
        raise ValueError(f"t-SNE of perplexity {perplexity:g} takes more points than that, not {len(means)}")
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(means)
