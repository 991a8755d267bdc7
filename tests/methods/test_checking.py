import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA

from simbench import SimbenchError
from simbench.methods.checking import RULES, check_method


class Good(TransformerMixin, BaseEstimator):
    """Mean and s.d. of each trace; the others below break one rule each."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.column_stack((X.mean(axis=1), X.std(axis=1)))


class ChangesArgument(Good):
    def __init__(self, scale=1.0):
        self.scale = scale * np.ones(1)


class NoScikit:
    """Runs, but can't be cloned."""

    fit, transform = Good.fit, Good.transform


class Fails(Good):
    def fit(self, X, y=None):
        raise RuntimeError("no\nluck")


class Leaves(Good):
    def fit(self, X, y=None):
        raise SystemExit(0)


class Flat(Good):
    def transform(self, X):
        return X.mean(axis=1)


class IgnoresSize(Good):
    def __init__(self, n_components=2):
        self.n_components = n_components


class DividesByNothing(Good):
    def transform(self, X):
        with np.errstate(all="ignore"):
            return super().transform(X) / X.std(axis=1, keepdims=True)


class OneNeuronMore(Good):
    def transform(self, X):
        return np.repeat(super().transform(X), 1 + (len(X) == 1), axis=1)


class ShiftsInPlace(Good):
    def transform(self, X):
        X -= X.mean()
        return super().transform(X)


class Dice(Good):
    """The third time that it meets the unseen culture it answers differently."""

    def transform(self, X):
        self.n_ = getattr(self, "n_", 0) + (len(X) == 17)
        return super().transform(X) + (self.n_ == 3)


class DiceInFit(Good):
    def fit(self, X, y=None):
        self.shift_ = np.random.default_rng().random()
        return self

    def transform(self, X):
        return super().transform(X) + self.shift_


class Counts(Good):
    def transform(self, X):
        return super().transform(X) + np.arange(len(X))[:, None]


class Neighbours(Good):
    """The trace's mean less that of its culture, which a neuron alone has to do without."""

    def transform(self, X, groups=None):
        centre = np.zeros(len(X))
        for name in np.unique(groups) if groups is not None else ():
            centre[groups == name] = X[groups == name].mean()
        return super().transform(X) - centre[:, None]


class NeedsNeighbours(Neighbours):
    def transform(self, X, groups=None):
        return super().transform(X, groups) * (np.nan if groups is None else 1.0)


class ReadsTheNumber(Neighbours):
    def transform(self, X, groups=None):
        return super().transform(X, groups) + (0 if groups is None else groups[:, None])


@pytest.mark.parametrize("method", [Good(), Neighbours(), PCA(), "pca", "trace-stats"])
def test_good_methods_keep_every_rule(method):
    findings = check_method(method)
    assert [finding.rule for finding in findings] == list(RULES)
    assert all(finding.is_kept and not finding.detail for finding in findings)


@pytest.mark.parametrize(
    ("method", "rule", "detail"),
    [
        (ChangesArgument(), "clone", "clone"),
        (NoScikit(), "clone", "BaseEstimator as a base class"),
        (Fails(), "fits", "RuntimeError: no luck"),
        (Leaves(), "fits", "SystemExit: 0"),
        (Flat(), "unseen culture", "17 neurons have the shape (17,)"),
        (IgnoresSize(), "unseen culture", "2 latents per neuron, n_components is 4"),
        (DividesByNothing(), "finite", "neurons are not finite"),
        (OneNeuronMore(), "any number", "shapes (1, 4), (60, 2)"),
        (ShiftsInPlace(), "left as they were", "transform changes the traces"),
        (Dice(), "deterministic", "a second transform"),
        (DiceInFit(), "deterministic", "a second fit"),
        (Counts(), "order", "depend on the order"),
        (NeedsNeighbours(), "any number", "a neuron alone are not finite"),
        (ReadsTheNumber(), "recorded together", "the number by which a group is called"),
    ],
)
def test_each_rule_catches_who_breaks_it(method, rule, detail):
    broken = [finding for finding in check_method(method) if not finding.is_kept]
    assert len(broken) == 1
    assert rule in broken[0].rule
    assert detail in broken[0].detail
    assert "\n" not in broken[0].detail


def test_the_method_itself_stays_as_it_is():
    method = PCA(n_components=7)
    check_method(method)
    assert method.n_components == 7


def test_nothing_is_tried_after_a_failed_fit():
    assert len(check_method(Fails())) == 2


def test_controls_and_unknown_names_are_refused():
    with pytest.raises(SimbenchError, match="a control sees the truth"):
        check_method("spikes")
    with pytest.raises(SimbenchError, match="unknown method"):
        check_method("nothing")
