"""The later metrics: values by hand, and those of other implementations and libraries."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy import special, stats
from sklearn.covariance import LedoitWolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neighbors import NearestNeighbors

from basemodel import metrics
from basemodel.metrics import LinearProbe, PACTran, _mixture, kNN
from basemodel.metrics._embeddings import centred, one_hot, principal_components
from later_metrics import data, terms, value

FEW = (80, 200, 5)  # images, features, classes: N < D
UNEQUAL = (80, 200, 5, False)
MANY = (300, 90, 6)
CASES = [FEW, UNEQUAL, MANY, (300, 90, 6, False)]

# Numbers of public code for data(*case), with numpy 2.4.6 and scikit-learn 1.9.1 ---------------

# thuml/Transfer-Learning-Library c4aa59e, tllib/ranking: regularized_h_score,
# log_expected_empirical_prediction, negative_conditional_entropy (of the most probable class)
TLLIB = {
    "HScore": [0.8810599919355089, 0.8623824687664428, 0.8772448871108054, 0.9830943023528219],
    "LEEP": [-1.2423297187126092, -1.2163716929049269, -1.3894270335803196, -1.3275200025530518],
    "NCE": [-0.6439040426382565, -0.43619337741033726, -0.9618194078320346, -0.9127987286473992],
}
# thuml/LogME 56551ca, LogME._fit_icml as published; with epsilon 0 and its loop run to the end; and
# _fit_fixed_point, which drops terms if N < D
LOGME = [-0.34881510867977966, -0.3351187180298859, -0.28599403006608576, -0.2733110054858794]
LOGME_CONVERGED = [
    -0.3465782370607928, -0.3334114253625387, -0.2859824536999067, -0.27329897987890445
]  # fmt: skip
LOGME_FIXED_POINT = [4.366029379593845, 4.43072016926993, -0.28598246848153147, -0.2732989919108832]
# google-research 1d4d2f1, stable_transfer/transferability/gbc.py, after scikit-learn's PCA: the
# distance with each variance given once for every component
GBC = [-2.3051342297903945, -2.1262077136493285, -7.102895759649117, -6.5905112767471]
# BUserName/NCTI b18d395, metrics.NCTI_Score: geometry, nearest centre, collapse
NCTI = [
    (160.89201910636717, 1.0, 2.995732273553991),
    (145.7390834966672, 0.999999999993826, 2.993198215024568),
    (132.29813388091387, 0.8668987892303324, 4.074570185946345),
    (133.02034083851842, 0.8713688103556778, 4.058840066035594),
]
# The same for embeddings · 0.05, which are shrunk much
NCTI_SMALL = [
    (52.86577633040546, 0.9863180439477415, 3.0224239671379602),
    (53.5914684153122, 0.9934820598461102, 3.004730804022151),
    (116.78770114828635, 0.8044425853673167, 4.073914123099199),
    (118.91080209014697, 0.8091096752620128, 4.073821358559492),
]
# What the authors released, run as it is; of these, only that of PACTran has a licence
# Long-Kai/TransRate 247d41a, generate_transrate/transrate.py: the eigenvalues of centred
# embeddings, not normalised, in the paper's formula
TRANSRATE = [264.19967335788635, 263.14583344783574, 150.46012186176014, 148.33994668504997]
# dbolya/parc ddfca43, methods.PARC, / 100. The correlations of one-hot labels are rounded there, so
# that equal distances are two or three different ones; and with these rounded to nine digits
PARC = [0.2879219388316648, 0.2930139376901378, 0.16914034225374916, 0.20248703466307316]
PARC_ROUNDED = [0.2890144541250921, 0.29463898255348114, 0.18273545829078422, 0.20248703466307316]
# mgholamikn/ETran d4551ed, metrics: LDA_Score, and Energy_Score(0.5, "bot") which is undefined for
# fewer than 200 images
ETRAN_CLASSIFICATION = [
    0.9814678145910515, 0.9903664841716117, 0.6029907941598494, 0.6216624941558665
]  # fmt: skip
ETRAN_ENERGY = [math.nan, math.nan, 4.855430073879818, 4.875384656935652]
# TencentARC/SFDA 3b7edf7, metrics.SFDA_Score; for labels in another order as well; and with the
# largest eigenvalue itself in place of a few steps of the power method
SFDA = [1.0, 1.0, 0.6590259895472546, 0.6915249740156134]
SFDA_OF_NOISE = [1.0, 1.0, 0.30128086651221614, 0.3208628649406274]
SFDA_EXACT = [1.0, 1.0, 0.6603487854186276, 0.6936306041143113]
# google-research/pactran_metrics a5e4997, compute_metrics.calculate_pac_gauss(lda_factor=1), which
# needs no tensorflow: first metric and its linear part. With its optimiser run to the end, and as
# published
PACTRAN = [
    (10.980918950101477, 0.11814649563257873), (10.870473319939816, 0.11354132660526436),
    (7.0827283218430495, 0.2471099766462797), (7.07900286919515, 0.2478758817881988),
]  # fmt: skip
PACTRAN_PUBLISHED = [10.984965039718224, 10.872673375831852, 7.08226152253782, 7.078744985197081]


@pytest.mark.parametrize("name", TLLIB)
def test_tllib(name):
    for case, expected in zip(CASES, TLLIB[name], strict=True):
        assert value(name, data(*case)) == pytest.approx(expected, rel=1e-9)


def test_logme_is_the_exact_one():
    for k, case in enumerate(CASES):
        found = value("LogME", data(*case))
        assert found == pytest.approx(LOGME_CONVERGED[k], rel=1e-9)
        # The published loop stops a little before the maximum
        assert 0 < found - LOGME[k] < 0.003
    assert abs(found - LOGME_FIXED_POINT[-1]) < 1e-6  # N > D: these agree
    assert LOGME_FIXED_POINT[0] > 4  # N < D: not the evidence, which is -0.35


def test_gbc_is_that_of_stable_transfer():
    for case, expected in zip(CASES, GBC, strict=True):
        assert value("GBC", data(*case)) == pytest.approx(expected, rel=1e-9)


def test_ncti_is_that_of_its_authors():
    for case, expected in zip(CASES, NCTI, strict=True):
        assert list(terms("NCTI", data(*case)).values()) == pytest.approx(expected, rel=1e-9)


def test_ncti_of_small_embeddings():
    for case, expected in zip(CASES, NCTI_SMALL, strict=True):
        given = data(*case)
        found = terms("NCTI", given, embeddings=0.05 * given["embeddings"])
        assert list(found.values())[1:] == pytest.approx(expected[1:], rel=1e-9)
        # Here the covariance between classes is not shrunk, as scikit-learn's in effect is
        assert found["geometry"] == pytest.approx(expected[0], rel=0.01)


# Independent computations ---------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_h_score_takes_ledoit_and_wolfs_shrinkage(case):
    given = data(*case)
    expected = LedoitWolf().fit(given["embeddings"]).shrinkage_
    assert terms("HScore", given)["shrinkage"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_transrate_is_its_formula(case):
    given = data(*case)
    z, y = given["embeddings"], given["labels"]
    z = z - z.mean(axis=0)

    def rate(part):
        inner = part.T @ part / (len(part) * 1e-4)
        return np.linalg.slogdet(np.eye(z.shape[1]) + inner)[1] / 2

    expected = rate(z) - sum((y == c).mean() * rate(z[y == c]) for c in np.unique(y))
    assert value("TransRate", given) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_parc_is_scipys_spearman(case):
    given = data(*case)
    x = given["embeddings"]
    upper = np.triu_indices(case[0], 1)
    labels = np.eye(case[2])[given["labels"]]
    expected = stats.spearmanr(
        (1 - np.corrcoef((x - x.mean(axis=0)) / x.std(axis=0)))[upper],
        np.round(1 - np.corrcoef(labels), 9)[upper],
    )[0]
    assert value("PARC", given) == pytest.approx(expected, rel=1e-9)


def test_parc_with_ties_is_scipys():
    x = np.random.default_rng(0).integers(0, 2, (30, 4)) + np.array([0, 0, 0.5, 3])
    y = np.arange(30) % 3
    upper = np.triu_indices(30, 1)
    distances = np.round(1 - np.corrcoef((x - x.mean(axis=0)) / x.std(axis=0)), 12)[upper]
    assert len(np.unique(distances)) < 100  # of 435 pairs
    expected = stats.spearmanr(distances, (y[:, None] != y)[upper])[0]
    assert value("PARC", {"embeddings": x, "labels": y}) == pytest.approx(expected, rel=1e-9)


def discriminant(x, y):
    """scikit-learn's posteriors, with the shrinkage that the metrics choose."""
    within = sum(np.cov(x[y == c].T, bias=True) * (y == c).mean() for c in np.unique(y))
    share = np.linalg.eigvalsh(within)[-1] / np.trace(within)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=float(np.exp(-4 * share)))
    return model.fit(x, y).predict_log_proba(x)[np.arange(len(y)), y]


@pytest.mark.parametrize("case, features", [*((case, 60) for case in CASES), (FEW, 90)])
def test_sfda_is_scikit_learns_discriminant_analysis_twice(case, features):
    given = data(*case)
    # Little signal and overlapping classes, or all probabilities are close to 1
    x = given["embeddings"][:, :features]
    y = given["labels"]
    first = discriminant(x, y)
    p = np.exp(first)[:, None]
    others = np.stack([x[y != c].mean(axis=0) for c in y])
    second = discriminant(p * x + (1 - p) * others, y)
    assert second.mean() < -1e-3
    found = terms("SFDA", given, embeddings=x)
    assert found["first"] == pytest.approx(first.mean(), rel=1e-7)
    assert found["value"] == pytest.approx(second.mean(), rel=1e-7)


def published_sfda(x, y):
    """The mean of p̃ as the authors' code computes it, with the largest eigenvalue itself."""
    classes, rows = len(np.unique(y)), np.arange(len(y))

    def posteriors(x, shrinkage):
        means = np.stack([x[y == c].mean(axis=0) for c in range(classes)])
        within = (x - means[y]).T @ (x - means[y]) / len(x)
        if shrinkage is None:
            shrinkage = max(np.exp(-5 * np.linalg.eigvalsh(within)[-1]), 1e-10)
        unit = np.trace(within) / len(within) * np.eye(len(within))
        weights = np.linalg.solve((1 - shrinkage) * within + shrinkage * unit, means.T)
        priors = np.log(np.bincount(y) / len(y))
        scores = x @ weights - np.diag(means @ weights) / 2 + priors
        return special.softmax(scores, axis=1), shrinkage, means

    p, shrinkage, means = posteriors(x, None)
    p = special.softmax(p, axis=1)[rows, y][:, None]
    others = (means.sum(axis=0) - means) / (classes - 1)
    return posteriors(p * x + (1 - p) * others[y], shrinkage)[0][rows, y].mean()


def test_sfda_is_a_variant_because_the_published_one_is_1_for_few_images():
    for k, case in enumerate(CASES):
        given = data(*case)
        x, y = given["embeddings"], given["labels"]
        assert published_sfda(x, y) == pytest.approx(SFDA_EXACT[k], rel=1e-9)
        assert pytest.approx(SFDA_EXACT[k], rel=0.004) == SFDA[k]
        noise = np.random.default_rng(0).permutation(y)
        signal, nothing = value("SFDA", given), value("SFDA", given, labels=noise)
        assert signal > nothing + abs(signal)  # log p̃ at most half as far from 0
        if len(x) < x.shape[1]:
            assert SFDA[k] == SFDA_OF_NOISE[k] == 1
        else:
            assert SFDA[k] > 2 * SFDA_OF_NOISE[k]


def test_transrate_and_parc_are_those_of_their_authors():
    for k, case in enumerate(CASES):
        given = data(*case)
        assert value("TransRate", given) == pytest.approx(TRANSRATE[k], rel=1e-9)
        assert value("PARC", given) == pytest.approx(PARC_ROUNDED[k], rel=1e-9)
        assert pytest.approx(PARC_ROUNDED[k], abs=0.015) == PARC[k]


def test_parc_of_one_large_feature():
    """It decides no more than others."""
    given = data(*FEW)
    large = given["embeddings"].copy()
    large[:, 0] *= 1000
    assert value("PARC", given, embeddings=large) == pytest.approx(value("PARC", given))


def test_etran_is_that_of_its_authors():
    for k, case in enumerate(CASES):
        given = data(*case)
        found = terms("ETran", given)
        assert found["classification"] == pytest.approx(ETRAN_CLASSIFICATION[k], rel=1e-9)
        energies = np.sort(special.logsumexp(given["embeddings"], axis=1))
        assert found["energy"] == pytest.approx(energies[0])  # of one image, below 400
        if case[0] >= 200:
            assert found["energy"] == pytest.approx(ETRAN_ENERGY[k], rel=1e-9)


def test_etran_weights_its_terms_and_takes_the_lowest_energies():
    models = [{"energy": e, "classification": c} for e, c in ((2, 0.1), (4, 0.5), (3, 0.9))]
    found = [row["value"] for row in metrics.values_in_pool("ETran", models)]
    assert found == pytest.approx([0, 0.15 + 0.425, 0.075 + 0.85])
    given = data(1000, 20, 5)
    energies = np.sort(special.logsumexp(given["embeddings"], axis=1))
    assert terms("ETran", given)["energy"] == pytest.approx(energies[:5].mean())


def test_pactran_is_that_of_its_authors():
    for k, case in enumerate(CASES):
        found = tuple(terms("PACTran", data(*case)).values())
        assert found == pytest.approx(PACTRAN[k], rel=1e-5)
        # The published optimiser stops a little before the minimum
        assert found[0] == pytest.approx(PACTRAN_PUBLISHED[k], rel=4e-4)


@pytest.mark.parametrize("way", ["by_lbfgs", "newton"])
@pytest.mark.parametrize("scale", [0.01, 1, 30])
@pytest.mark.parametrize("case", CASES)
def test_pactrans_loss_is_that_of_scikit_learns_logistic_regression(case, scale, way, monkeypatch):
    """Of classes that can be separated, and of others. Newton's method suffices for all of them."""
    by_lbfgs, used = PACTran._by_lbfgs, []
    monkeypatch.setattr(PACTran, "_by_lbfgs", lambda loss: used.append(1) or by_lbfgs(loss))
    if way == "by_lbfgs":
        monkeypatch.setattr(PACTran, "HESSIAN_PRODUCTS", 0)
    given = data(*case)
    x, y = given["embeddings"] * scale, given["labels"]
    x = x - x.mean(axis=0)
    model = LogisticRegression(tol=1e-10, max_iter=100_000).fit(x, y)
    logs = special.log_softmax(model.decision_function(x), axis=1)[np.arange(len(y)), y]
    least = -logs.mean() + (model.coef_**2).sum() / 2 / len(y)
    assert PACTran.compute(x, y)["linear"] == pytest.approx(least, rel=1e-5)
    assert bool(used) == (way == "by_lbfgs")


def test_pactran_of_classes_that_only_huge_weights_separate():
    """Newton's method gives up at 0.6. Rounding decides where L-BFGS ends; it was below 0.03."""
    rng = np.random.default_rng(844926801)
    y = rng.integers(0, 13, 130)
    assert PACTran.compute(rng.normal(size=(130, 22)) * 1e4, y)["linear"] < 0.1


@pytest.mark.parametrize("case", CASES)
def test_knn_votes_of_scikit_learns_neighbours(case):
    given = data(*case)
    y = given["labels"]
    model = NearestNeighbors(n_neighbors=6, metric="cosine").fit(given["embeddings"])
    distances, nearest = model.kneighbors(given["embeddings"])
    right = 0
    for i, (far, images) in enumerate(zip(distances, nearest, strict=True)):
        votes, closeness = Counter(), Counter()
        for distance, j in zip(far, images, strict=True):
            if j != i:
                votes[y[j]] += 1
                closeness[y[j]] += 1 - distance
        right += max(votes, key=lambda c: (votes[c], closeness[c])) == y[i]
    assert 0.3 < right / len(y) < 0.95
    assert value("kNN", given) == right / len(y)


@pytest.mark.parametrize("case", [*CASES, (90, 80, 4)])
def test_linear_probe_is_scikit_learns_ridge_with_a_nested_choice_of_its_penalty(case):
    given = data(*case)
    x, y = given["embeddings"], given["labels"]
    targets = one_hot(y, case[2])
    unit = ((x - x.mean(axis=0)) ** 2).sum() / len(x)
    fold = np.array([(y[:i] == y[i]).sum() % 5 for i in range(len(y))])
    expected = np.empty(len(y), int)
    for f in range(5):
        rest = fold != f
        search = GridSearchCV(
            Ridge(), {"alpha": [unit * 10.0**e for e in range(-3, 1)]},
            scoring=squared_error, cv=PredefinedSplit(fold[rest]),
        ).fit(x[rest], targets[rest])  # fmt: skip
        expected[~rest] = search.predict(x[~rest]).argmax(axis=1)
    assert 0.3 < (expected == y).mean() < 0.95
    assert (LinearProbe.predict(x, y) == expected).all()
    assert value("LinearProbe", given) == (expected == y).mean()


def squared_error(model, x, targets):
    """Summed, not averaged: folds count by their images."""
    return -((model.predict(x) - targets) ** 2).sum()


@pytest.mark.parametrize("shape", [(60, 80), (60, 20)])
def test_the_probe_predicts_a_fold_without_its_labels(shape):
    """Neither the classifier nor its penalty may know them."""
    n, features = shape
    x = data(n, features, 4)["embeddings"]
    y = np.arange(n) % 4
    before = LinearProbe.predict(x, y)
    rng = np.random.default_rng(0)
    for f in range(5):
        other = y.copy()
        for start in range(4 * f, n, 20):  # four images, one of each class: of fold f
            other[start : start + 4] = rng.permutation(4)
        here = np.arange(n) // 4 % 5 == f
        assert (LinearProbe.predict(x, other)[here] == before[here]).all()


@pytest.mark.parametrize("metric", [LinearProbe, kNN])
def test_images_of_one_group_do_not_predict_each_other(metric):
    """Fifty animals in six nearly equal images each, of which the classes say nothing."""
    rng = np.random.default_rng(0)
    animal = np.repeat(np.arange(50), 6)[rng.permutation(300)]
    x = rng.normal(size=(50, 90))[animal] + 0.01 * rng.normal(size=(300, 90))
    y = animal % 2
    assert (metric.predict(x, y) == y).mean() > 0.95
    assert (metric.predict(x, y, animal) == y).mean() < 0.7


@pytest.mark.parametrize("metric", [LinearProbe, kNN])
def test_groups_of_one_image_change_nothing(metric):
    given = data(*UNEQUAL)
    x, y = given["embeddings"], given["labels"]
    alone = np.random.default_rng(0).permutation(len(y))
    assert (metric.predict(x, y, alone) == metric.predict(x, y)).all()
    assert (metric.predict(x, y, np.zeros(len(y), int)) == -1).all()
    with pytest.raises(ValueError, match="need as many"):
        metric.predict(x, y, alone[1:])


def test_groups_stay_in_one_fold_and_classes_are_spread_over_folds():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 300)
    y = np.where(rng.random(300) < 0.9, groups % 3, rng.integers(0, 3, 300))
    fold = LinearProbe._folds(y, np.unique(groups, return_inverse=True)[1])
    assert all(len(set(fold[groups == g])) == 1 for g in groups)
    counts = np.array([np.bincount(y[fold == f], minlength=3) for f in range(5)])
    assert counts.min() > 10 and counts.max() < 30


def test_the_mixture_is_a_fixed_point_of_scikit_learns():
    """One more step of scikit-learn's EM changes little."""
    x, _ = principal_components(centred(data(300, 90, 6)["embeddings"]), 8)
    theta = _mixture.responsibilities(x, 4, np.random.default_rng(0))
    weights = theta.sum(axis=0)
    means = (theta.T @ x) / weights[:, None]
    floor = _mixture.FLOOR * x.var(axis=0).mean()
    variance = theta.T @ x**2 / weights[:, None] - means**2 + floor
    model = GaussianMixture(
        4, covariance_type="diag", max_iter=1, reg_covar=floor, weights_init=weights / len(x),
        means_init=means, precisions_init=1 / variance,
    )  # fmt: skip
    with pytest.warns(match="did not converge"):
        model.fit(x)
    assert np.abs(model.predict_proba(x) - theta).mean() < 0.01
    assert (theta.argmax(axis=1) == model.predict(x)).mean() > 0.97
    assert theta.max(axis=1).mean() < 0.999  # the clusters do overlap


def test_nleep_of_clear_clusters_is_leep_of_the_true_ones():
    rng = np.random.default_rng(0)
    cluster = np.arange(60) % 12  # 60 images, 12 clusters of 5: as many as NLEEP fits
    x = 100 * rng.normal(size=(12, 300))[cluster] + rng.normal(size=(60, 300))
    y = cluster % 3
    y[:6] = (y[:6] + 1) % 3  # six clusters have one image of another class
    found = terms("NLEEP", {"embeddings": x, "labels": y})
    assert found["clusters"] == 12
    expected = (6 * (4 * math.log(4 / 5) + math.log(1 / 5))) / 60
    assert found["value"] == pytest.approx(expected, rel=1e-9)


# Values worked out by hand --------------------------------------------------------------------


def test_leep_and_nce_by_hand():
    # Source class 0: two images of class 0; source class 1: one of each; nobody in source class 2
    p = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]], float)
    given = {"probabilities": p, "labels": np.array([0, 0, 0, 1])}
    assert value("NCE", given) == pytest.approx(0.5 * math.log(0.5))
    assert value("LEEP", given) == pytest.approx(0.5 * math.log(0.5))
    soft = np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [1, 0, 0], [0, 1, 0]])
    # P(0|z) = P(1|z) = 1/2 for both z: an image of either class is as likely from either
    labels = np.array([0, 1, 0, 1])
    given = {"probabilities": soft, "labels": labels}
    # joint · 4: class 0: 1.5, 0.5; class 1: 0.5, 1.5
    expected = (2 * math.log(0.5) + 2 * math.log(0.75)) / 4
    assert value("LEEP", given) == pytest.approx(expected)


def test_gbc_by_hand():
    # On a line: means 0 and 4, variances 1 and 4
    given = {"embeddings": np.array([[-1.0], [1], [2], [6]]), "labels": np.array([5, 5, 7, 7])}
    distance = 16 / (4 * 5) + 0.5 * math.log(5 / (2 * 2))
    assert value("GBC", given) == pytest.approx(-2 * math.exp(-distance))


def test_logme_by_hand():
    """One feature: the evidence is a function of two numbers, maximised here by brute force."""
    f, y = np.array([1.0, 2, 0.5, 1]), np.array([0, 1, 0, 1])
    alpha, beta = np.meshgrid(np.geomspace(1e-2, 1e6, 1201), np.geomspace(0.1, 100, 401))
    expected = []
    for c in (0, 1):
        t = (y == c).astype(float)
        ff, ft = f @ f, f @ t
        precision = alpha + beta * ff
        mean = beta * ft / precision
        exponent = beta * (t @ t - 2 * mean * ft + mean**2 * ff) + alpha * mean**2
        logs = np.log(alpha) + 4 * np.log(beta) - np.log(precision) - exponent
        expected.append((logs / 2 - 2 * np.log(2 * np.pi)).max() / 4)
    given = {"embeddings": f[:, None], "labels": y}
    assert value("LogME", given) == pytest.approx(np.mean(expected), abs=1e-4)


def test_knn_by_hand():
    """Seven directions; the five nearest of each are all but the farthest."""
    angles = np.deg2rad([0, 1, 2, 3, 90, 91, 92])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    y = np.array([0, 0, 0, 0, 1, 1, 1])
    # An image of 0 sees three of 0 and two of 1; one of 1 sees two of 1 and three of 0
    assert value("kNN", {"embeddings": x, "labels": y}) == 4 / 7
