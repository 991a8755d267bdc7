"""Mixtures of Gaussians: their density, and their quantiles by bisection."""

import math

import torch

Mixture = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""log_weight, mean, log_sd: tensors of the same shape (..., n_parts)."""

_N_BISECTIONS = 40
_REACH_SD = 12.0
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


def mixture_nll(x: torch.Tensor, mixture: Mixture) -> torch.Tensor:
    """Negative logarithm of the density at x, in the shape of ``x`` (...)."""
    log_weight, mean, log_sd = mixture
    error = (x[..., None] - mean) * torch.exp(-log_sd)
    return -torch.logsumexp(log_weight - 0.5 * error**2 - log_sd - _LOG_SQRT_2PI, dim=-1)


def mixture_cdf(x: torch.Tensor, mixture: Mixture) -> torch.Tensor:
    """Probability of a value up to x, in the shape of ``x`` (...)."""
    log_weight, mean, log_sd = mixture
    standard = (x[..., None] - mean) * torch.exp(-log_sd)
    return (log_weight.exp() * torch.special.ndtr(standard)).sum(dim=-1)


def mixture_quantile(probability: float, mixture: Mixture) -> torch.Tensor:
    """Value that is not passed with a probability between 0 and 1, shape (...)."""
    _, mean, log_sd = mixture
    reach = _REACH_SD * log_sd.exp()
    low, high = (mean - reach).amin(dim=-1), (mean + reach).amax(dim=-1)
    for _ in range(_N_BISECTIONS):
        middle = (low + high) / 2
        is_below = mixture_cdf(middle, mixture) < probability
        low, high = torch.where(is_below, middle, low), torch.where(is_below, high, middle)
    return (low + high) / 2
