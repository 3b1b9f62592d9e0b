"""What tokens cost without a model: the likelihood of image tokens under counts of a training set."""

import numpy as np

from genjax.errors import InputError


def unigram_nats(train: np.ndarray, tokens: np.ndarray, vocabulary: int, *, pseudo_count: float = 1.0) -> np.ndarray:
    """-log p of each sequence where every token is drawn alone, with the frequencies of the training set.

    Args:
        train: tokens (m, length) to count.
        tokens: (n, length) to be judged.
        vocabulary: number of tokens.
        pseudo_count: added to each token's count, so that one that was never seen is possible. (Laplace)
    Returns:
        Nats per sequence, float64 (n,).
    Raises:
        InputError: tokens out of range, nothing to count, or a pseudo-count that is not above 0.
    """
    _check(train, tokens, vocabulary, pseudo_count)
    counts = np.bincount(train.reshape(-1), minlength=vocabulary) + pseudo_count
    return -np.log(counts / counts.sum())[tokens].sum(axis=1)


def placed_unigram_nats(
    train: np.ndarray, tokens: np.ndarray, vocabulary: int, *, pseudo_count: float = 1.0
) -> np.ndarray:
    """The same with frequencies of each place of the sequence: a stronger baseline, which knows where things stand.

    Arguments, result and errors as in `unigram_nats`; the pseudo-count is spread over the vocabulary, as each place has
    only one token of each sequence to count.
    """
    _check(train, tokens, vocabulary, pseudo_count)
    places = np.arange(train.shape[1])
    counts = np.full((train.shape[1], vocabulary), pseudo_count / vocabulary)
    np.add.at(counts, (np.broadcast_to(places, train.shape), train), 1.0)
    nats = -np.log(counts / counts.sum(axis=1, keepdims=True))
    return nats[np.broadcast_to(places, tokens.shape), tokens].sum(axis=1)


def _check(train: np.ndarray, tokens: np.ndarray, vocabulary: int, pseudo_count: float) -> None:
    if not len(train) or train.shape[1:] != tokens.shape[1:]:
        raise InputError(f"tokens {tokens.shape} were to be judged by counts of {train.shape}. Use equal lengths.")
    if not pseudo_count > 0:
        raise InputError(f"a pseudo-count of {pseudo_count} was given. Use a number above 0.")
    for name, values in (("training", train), ("judged", tokens)):
        if values.size and not 0 <= values.min() <= values.max() < vocabulary:
            raise InputError(
                f"{name} tokens go from {values.min()} to {values.max()}, expected 0 to {vocabulary - 1}."
                " Use the tokenizer's vocabulary."
            )
