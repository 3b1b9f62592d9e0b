"""Unigram baselines for token models: nats of image tokens under the token counts of a training set."""

import numpy as np

from genjax.errors import InputError


def unigram_nats(train: np.ndarray, tokens: np.ndarray, vocabulary: int, *, pseudo_count: float = 1.0) -> np.ndarray:
    """Computes -log p of sequences of independent tokens, with the token frequencies of the training set.

    Args:
        train: tokens (m, length) to count.
        tokens: tokens (n, length) of the sequences.
        vocabulary: number of different tokens.
        pseudo_count: number added to each token's count, so that one that was never seen is possible. (Laplace)
    Returns:
        Nats per sequence (n,), float64.
    Raises:
        InputError: tokens out of range, nothing to count, or a pseudo-count that is not above 0.
    """
    _check(train, tokens, vocabulary, pseudo_count)
    counts = np.bincount(train.reshape(-1), minlength=vocabulary) + pseudo_count
    # -sum_t log p(token_t), p = (count + c) / sum of (count + c)
    return -np.log(counts / counts.sum())[tokens].sum(axis=1)


def placed_unigram_nats(
    train: np.ndarray, tokens: np.ndarray, vocabulary: int, *, pseudo_count: float = 1.0
) -> np.ndarray:
    """Computes -log p with the token frequencies of each position: a stronger baseline, which knows where things are.

    Arguments, result and errors are those of `unigram_nats`; the pseudo-count is spread over the vocabulary, since each
    position has only one token of each sequence to count.
    """
    _check(train, tokens, vocabulary, pseudo_count)
    places = np.arange(train.shape[1])  # positions of the sequence
    counts = np.full((train.shape[1], vocabulary), pseudo_count / vocabulary)
    # add.at instead of +=: several sequences may have the same token at a position
    np.add.at(counts, (np.broadcast_to(places, train.shape), train), 1.0)
    nats = -np.log(counts / counts.sum(axis=1, keepdims=True))  # (length, vocabulary)
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
