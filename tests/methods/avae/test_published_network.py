import numpy as np
import pytest
import torch
from scipy.stats import kstest

from simbench.methods.avae.published_network import GatedLayer, PublishedAVAE


def one_lstm_step(layer: GatedLayer, n_in: int, n_out: int) -> torch.nn.LSTM:
    """An LSTM with the same gates; its forget gate and recurrent weights are left random."""
    lstm = torch.nn.LSTM(n_in, n_out, batch_first=True)
    acting = torch.cat([torch.arange(n_out), torch.arange(2 * n_out, 4 * n_out)])  # i, g, o
    with torch.no_grad():
        lstm.weight_ih_l0[acting] = layer.gates.weight
        lstm.bias_ih_l0[acting] = layer.gates.bias
        lstm.bias_hh_l0[acting] = 0.0
    return lstm


def test_gated_layer_is_one_lstm_step():
    torch.manual_seed(0)
    n_in, n_out = 50, 12
    layer = GatedLayer(n_in, n_out)
    lstm = one_lstm_step(layer, n_in, n_out)
    x = torch.randn(7, n_in)
    target = torch.randn(7, n_out)
    ours = layer(x)
    theirs = lstm(x[:, None])[0][:, 0]
    assert torch.allclose(ours, theirs, atol=1e-6)
    ((ours - target) ** 2).sum().backward()
    ((theirs - target) ** 2).sum().backward()
    gradient = lstm.weight_ih_l0.grad
    acting = torch.cat([gradient[:n_out], gradient[2 * n_out :]])
    assert torch.allclose(layer.gates.weight.grad, acting, atol=1e-6)
    assert torch.all(gradient[n_out : 2 * n_out] == 0)  # the forget gate never acts
    assert torch.all(lstm.weight_hh_l0.grad == 0)  # nor do the recurrent weights


@pytest.fixture(scope="module")
def traces():
    """Two shapes at random heights: two latents hold all there is."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 1, 100)
    shapes = np.stack([np.sin(2 * np.pi * t), t])
    return (rng.uniform(-1, 1, (300, 2)) @ shapes).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(traces):
    method = PublishedAVAE(2, device="cpu", beta=0.0, learning_rate=5e-3, patience=200)
    return method.fit(traces)


def test_reconstructs_what_two_latents_hold(fitted, traces):
    Z = fitted.transform(traces)
    assert Z.shape == (300, 2)
    error = np.mean((fitted.inverse_transform(Z) - traces) ** 2)
    assert error < 0.1 * traces.var()


def test_samples_are_draws_around_the_posterior_mean(traces):
    method = PublishedAVAE(2, device="cpu", n_epochs=2).fit(traces)
    mean, drawn = method.transform(traces), method.sample(traces)
    assert np.array_equal(drawn, method.sample(traces))
    network = method.network_
    log_variance = network.posterior(torch.from_numpy(method._prepared(traces)))[1]
    deviation = (drawn - mean) / torch.exp(0.5 * log_variance).detach().numpy()
    assert kstest(deviation.ravel(), "norm").pvalue > 0.01


def test_same_random_state_same_latents(traces):
    before = torch.get_rng_state()
    first, again, other = (
        PublishedAVAE(2, device="cpu", random_state=seed, n_epochs=2).fit(traces).transform(traces)
        for seed in (0, 0, 1)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_constant_traces():
    Z = (
        PublishedAVAE(2, device="cpu", n_epochs=2)
        .fit(np.zeros((20, 30)))
        .transform(np.ones((5, 30)))
    )
    assert np.isfinite(Z).all()


def test_other_length_is_an_error(fitted):
    with pytest.raises(ValueError, match="60 features, but PublishedAVAE is expecting 100"):
        fitted.transform(np.zeros((3, 60)))
